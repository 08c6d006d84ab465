"""StartReport: create the data exploration; return the export and how long to wait."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.model.export import Execution
from pingone_reports.model.request import ExportRequest, refuse_addresses
from pingone_reports.observability import log_as, only_typed_errors
from pingone_reports.steps.start import Queued


@only_typed_errors
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    config, execution = wiring.start_config(), Execution.parse(event["execution"])
    if config.pseudonymizes:
        refuse_addresses(execution.name)
    log_as(execution, execution.correlation_id)
    request = ExportRequest.delivered(
        event["request"], config.request_defaults, execution.correlation_id
    )
    if config.pseudonymizes:
        refuse_addresses(request.correlation_id, request.idempotency_key)
    log_as(execution, request.correlation_id)
    return wiring.start_report(context).run(request, execution, Queued.from_state(event["queued"]))
