"""TabulateReport: write a published report as Parquet, or the page of a fleet; return its keys."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.model.keys import FleetKeys
from pingone_reports.observability import logger, only_typed_errors


@only_typed_errors
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    logger.append_keys(
        manifest_key=event["manifestKey"], correlation_id=event.get("correlationId", "")
    )
    if FleetKeys.parse(event["manifestKey"]):
        return wiring.show_fleet(context).run(event["manifestKey"])
    return wiring.tabulate_report().run(event["manifestKey"], event.get("tell"))
