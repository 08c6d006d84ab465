"""TabulateReport: write a published report as Parquet, compare it and notify; return its keys."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.observability import logger, only_typed_errors


@only_typed_errors
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    logger.append_keys(
        manifest_key=event["manifestKey"], correlation_id=event.get("correlationId", "")
    )
    # A queue keeps events for 14 days: older ones say `tell`.
    notify = event.get("notify", event.get("tell", False))
    return wiring.tabulate_report().run(event["manifestKey"], notify=notify)
