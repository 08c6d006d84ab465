"""FetchReport: download, decrypt and publish the report; return the completed event's detail."""

from typing import Any

from pingone_reports import wiring
from pingone_reports.architecture import built_for_this_processor
from pingone_reports.model.export import Export
from pingone_reports.observability import log_as_export, only_typed_errors
from pingone_reports.pingone.turns import Turn

with built_for_this_processor():
    from pingone_reports.steps.fetch import fetch_report

# Kept back from the function's time, to abort what is unfinished and to say so; more than the 20
# seconds after which a download that stalls is noticed.
_SECONDS_TO_GIVE_UP = 30


@only_typed_errors
def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    export = Export.from_state(event["export"])
    log_as_export(export)
    wiring.pacer().require_turn_to_fetch(
        export.request.environment_id, Turn.from_state(event["turn"])
    )
    return fetch_report(
        export,
        wiring.pingone(),
        wiring.session(),
        wiring.bucket(),
        wiring.previous_exports(),
        wiring.discarded_exports(),
        wiring.config(),
        lambda: context.get_remaining_time_in_millis() / 1000 - _SECONDS_TO_GIVE_UP,
    )
