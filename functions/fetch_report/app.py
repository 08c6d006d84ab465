"""FetchReport: download, decrypt and publish the report; return what became of it."""

from typing import Any

import pingone_reports.steps.fetch  # noqa: F401 -- early: Lambda initialises at full speed
from pingone_reports import wiring
from pingone_reports.model.export import Export
from pingone_reports.observability import log_as_export, only_typed_errors
from pingone_reports.pingone.turns import Turn


@only_typed_errors
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    export = Export.from_state(event["export"])
    log_as_export(export)
    return wiring.fetch_report(context).run(export, Turn.from_state(event["turn"]))
