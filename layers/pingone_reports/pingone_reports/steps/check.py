"""CheckReport: ask PingOne whether the report is ready."""

from datetime import UTC, datetime
from typing import Any

from pingone_reports.errors import RateLimited
from pingone_reports.model.exploration import IN_PROGRESS, SUCCESS, Exploration
from pingone_reports.model.export import Export
from pingone_reports.observability import measure
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.rhythm import MIN_SECONDS_BETWEEN_CALLS, seconds_until_next_call
from pingone_reports.pingone.turns import CALLS_FROM_CHECK, CALLS_FROM_FETCH, Pacer, Turn


def check_report(
    export: Export, turn: Turn | None, pingone: PingOne, pacer: Pacer
) -> dict[str, Any]:
    """The report's status, the seconds to wait before PingOne is called again, and the turn then.

    The links and the password that come with SUCCESS are dropped: FetchReport asks for its own.
    Raises DeadlineExceeded, ReportFailed, TableUnavailable, and whatever PingOne.read_exploration
    raises.
    """
    environment_id = export.request.environment_id
    turn, wait = pacer.turn(environment_id, turn, CALLS_FROM_CHECK)
    if wait:
        return _answer(IN_PROGRESS, wait, turn)
    retry_after = 0.0
    measure(export, {"Polls": 1})
    try:
        body = pingone.read_exploration(
            environment_id, export.exploration_id, export.request.correlation_id
        )
    except RateLimited as pause:
        retry_after = pause.retry_after
    else:
        if Exploration.parse(body).status == SUCCESS:
            generating = datetime.now(UTC) - export.requested_at
            measure(export, {"SecondsGenerating": generating.total_seconds()})
            turn, wait = pacer.turn(
                environment_id, turn, CALLS_FROM_FETCH, after=MIN_SECONDS_BETWEEN_CALLS
            )
            return _answer(SUCCESS, wait, turn)
    wait = seconds_until_next_call(
        datetime.now(UTC), export.requested_at, export.deadline, retry_after
    )
    return _answer(IN_PROGRESS, wait, turn)


def _answer(status: str, wait: int, turn: Turn) -> dict[str, Any]:
    return {"status": status, "waitSeconds": wait, "turn": turn.to_state()}
