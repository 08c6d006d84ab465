"""DiscardReport: remove what a failed export left in the bucket; return the keys."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.model.export import Export
from pingone_reports.observability import log_as_export, only_typed_errors


@only_typed_errors
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    export = Export.from_state(event["export"])
    log_as_export(export)
    return wiring.discard_report().run(export)
