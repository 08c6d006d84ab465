"""StartReport: create the data exploration; return its id and how long to wait."""

from typing import Any

from pingone_reports import services
from pingone_reports.export import Execution
from pingone_reports.observability import log_as, only_typed_errors
from pingone_reports.request import ExportRequest
from pingone_reports.start import start_report


@only_typed_errors
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    execution = Execution.parse(event["execution"])
    log_as(execution, execution.correlation_id)
    defaults = {**services.config().request_defaults, "correlationId": execution.correlation_id}
    request = ExportRequest.parse(event["request"], defaults)
    log_as(execution, request.correlation_id)
    return start_report(request, execution, services.pingone(), services.config())
