"""DiscardReport: take away what a failed export left in the bucket; return what that was."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.architecture import built_for_this_processor
from pingone_reports.model.export import Export
from pingone_reports.observability import log_as_export, only_typed_errors

with built_for_this_processor():
    from pingone_reports.steps.discard import discard_report


@only_typed_errors
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    export = Export.from_state(event["export"])
    log_as_export(export)
    return discard_report(
        export, wiring.bucket(), wiring.discarded_exports(), wiring.config().key_prefix
    )
