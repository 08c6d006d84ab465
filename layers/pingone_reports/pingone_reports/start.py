"""StartReport: ask PingOne for the report."""

from datetime import UTC, datetime, timedelta
from typing import Any

from pingone_reports.config import Config
from pingone_reports.errors import RateLimited
from pingone_reports.exploration import IN_PROGRESS, Exploration
from pingone_reports.export import Execution, Export
from pingone_reports.pingone import PingOne
from pingone_reports.polling import seconds_until_next_call
from pingone_reports.request import ExportRequest

# PingOne was too busy to accept the report: the state machine starts again after the wait.
NOT_STARTED = "NOT_STARTED"


def start_report(
    request: ExportRequest, execution: Execution, pingone: PingOne, config: Config
) -> dict[str, Any]:
    """Create the data exploration; returns its state, its status and the seconds to wait.

    Raises DeadlineExceeded when PingOne accepts no report within the polling limit, and whatever
    PingOne.create_exploration raises.
    """
    requested_at = datetime.now(UTC)
    polling_limit = timedelta(seconds=config.polling_limit_seconds)
    try:
        exploration = Exploration.parse(pingone.create_exploration(request))
    except RateLimited as pause:
        wait = seconds_until_next_call(
            requested_at, requested_at, execution.started_at + polling_limit, pause.retry_after
        )
        return {"status": NOT_STARTED, "waitSeconds": wait, "export": None}
    export = Export(
        request=request,
        execution=execution,
        exploration_id=exploration.id,
        requested_at=requested_at,
        deadline=min(exploration.expires_at, requested_at + polling_limit),
    )
    wait = seconds_until_next_call(datetime.now(UTC), requested_at, export.deadline)
    # Even a report that is ready at once is checked first: the links come with the check's answer
    # only, and PingOne wants five seconds between two calls.
    return {"status": IN_PROGRESS, "waitSeconds": wait, "export": export.to_state()}
