"""StartReport: create the data exploration; return the export and how long to wait."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.config import StartConfig
from pingone_reports.model.request import ExportRequest
from pingone_reports.observability import only_typed_errors, received
from pingone_reports.steps.start import Queued


@only_typed_errors
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    config = wiring.config_of(StartConfig)
    request, execution = received(
        ExportRequest, event, config.request_defaults, pseudonymizes=config.pseudonymizes
    )
    return wiring.start_report(context).run(request, execution, Queued.from_state(event["queued"]))
