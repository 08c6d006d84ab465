"""CheckReport: ask PingOne whether the report is ready."""

from datetime import UTC, datetime
from typing import Any

from pingone_reports.errors import RateLimited
from pingone_reports.exploration import IN_PROGRESS, SUCCESS, Exploration
from pingone_reports.export import Export
from pingone_reports.observability import measure
from pingone_reports.pingone import PingOne
from pingone_reports.polling import MIN_SECONDS_BETWEEN_CALLS, seconds_until_next_call


def check_report(export: Export, pingone: PingOne) -> dict[str, Any]:
    """The report's status, and the seconds to wait before PingOne is called again.

    The links and the password that come with SUCCESS are dropped: FetchReport asks for its own.
    Raises DeadlineExceeded, ReportFailed, and whatever PingOne.read_exploration raises.
    """
    retry_after = 0.0
    measure(export, {"Polls": 1})
    try:
        body = pingone.read_exploration(
            export.request.environment_id, export.exploration_id, export.request.correlation_id
        )
    except RateLimited as pause:
        retry_after = pause.retry_after
    else:
        if Exploration.parse(body).status == SUCCESS:
            generating = datetime.now(UTC) - export.requested_at
            measure(export, {"SecondsGenerating": generating.total_seconds()})
            return {"status": SUCCESS, "waitSeconds": MIN_SECONDS_BETWEEN_CALLS}
    wait = seconds_until_next_call(
        datetime.now(UTC), export.requested_at, export.deadline, retry_after
    )
    return {"status": IN_PROGRESS, "waitSeconds": wait}
