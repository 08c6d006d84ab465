"""ShowFleet: write the page of a fleet, or return how long to wait for its exports' tables."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.observability import logger, only_typed_errors


@only_typed_errors
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    logger.append_keys(
        manifest_key=event["manifestKey"], correlation_id=event.get("correlationId", "")
    )
    return wiring.show_fleet().run(event["manifestKey"], event.get("notify") is True)
