"""TabulateReport: write a published report as Parquet, for Athena; return what was written."""

import tempfile
from pathlib import Path
from typing import Any

from pingone_reports import wiring
from pingone_reports.architecture import built_for_this_processor
from pingone_reports.observability import logger, only_typed_errors

with built_for_this_processor():
    from pingone_reports.steps.tabulate import tabulate_report

# Always the same: what was left of a call that was killed must not fill the disk for the next.
_FOLDER = Path(tempfile.gettempdir(), "tabulate")


@only_typed_errors
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    logger.clear_state()
    logger.append_keys(
        manifest_key=event["manifestKey"], correlation_id=event.get("correlationId", "")
    )
    return tabulate_report(event["manifestKey"], wiring.bucket(), _FOLDER)
