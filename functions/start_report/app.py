"""StartReport: create the data exploration; return its id and how long to wait."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.model.export import Execution
from pingone_reports.model.request import ExportRequest, delivered
from pingone_reports.observability import log_as, only_typed_errors
from pingone_reports.steps.start import Queued, start_report


@only_typed_errors
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    execution = Execution.parse(event["execution"])
    log_as(execution, execution.correlation_id)
    document, delivery_id = delivered(event["request"])
    defaults = {
        **wiring.config().request_defaults,
        "correlationId": execution.correlation_id,
        "idempotencyKey": delivery_id,
    }
    request = ExportRequest.parse(document, defaults)
    log_as(execution, request.correlation_id)
    return start_report(
        request,
        execution,
        Queued.from_state(event["queued"]),
        wiring.pingone(),
        wiring.claims(),
        wiring.once().within(context),
        wiring.pacer(),
        wiring.config(),
    )
