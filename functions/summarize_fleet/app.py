"""SummarizeFleet: write the fleet's manifest; return what its event tells."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.model.export import Execution
from pingone_reports.observability import log_as, only_typed_errors


@only_typed_errors
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    execution = Execution.parse(event["execution"])
    log_as(execution, execution.correlation_id)
    return wiring.summarize_fleet().run(execution)
