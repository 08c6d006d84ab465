"""StartReport: ask PingOne for the report, once."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self

from pingone_reports.config import Config
from pingone_reports.errors import DeadlineExceeded, RateLimited
from pingone_reports.model.exploration import IN_PROGRESS, Exploration
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.freshness import includes_from
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.rhythm import MIN_SECONDS_BETWEEN_CALLS, seconds_until_next_call
from pingone_reports.pingone.turns import Pacer, Turn

# Too early for the report, or PingOne was too busy: the state machine starts again after the wait.
NOT_STARTED = "NOT_STARTED"
# Another execution has the export that this request asks for.
DUPLICATE = "DUPLICATE"

# How long an export may stand in line before PingOne accepts it: with the wait for changes before
# it, half an hour to generate the report and the tries of the fetch, within the state machine's
# own timeout.
_MAX_QUEUE = timedelta(hours=2)


class Claims(Protocol):
    """Who holds an idempotency key; see claims.Claims."""

    def holder(self, idempotency_key: str, execution_arn: str) -> str:
        """The ARN of the execution that has this key: the given one, unless another is first."""


class Once(Protocol):
    """Runs a function once an execution; see reattach.Once."""

    def run(self, execution_arn: str, function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The function's result, of this run or of the one before."""


@dataclass(frozen=True)
class Queued:
    """Where an export stands before PingOne has accepted it: since when, and with which turn."""

    since: datetime
    turn: Turn | None

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read the state machine's `queued` object."""
        return cls(datetime.fromisoformat(state["since"]), Turn.from_state(state["turn"]))


def start_report(
    request: ExportRequest,
    execution: Execution,
    queued: Queued,
    pingone: PingOne,
    claims: Claims,
    once: Once,
    pacer: Pacer,
    config: Config,
) -> dict[str, Any]:
    """Create the data exploration; returns its state, its status and the seconds to wait.

    Raises DeadlineExceeded when PingOne accepts no report for two hours, TableUnavailable,
    StartInProgress, and whatever PingOne.create_exploration raises.
    """
    if request.idempotency_key:
        holder = claims.holder(request.idempotency_key, execution.arn)
        if holder != execution.arn:
            return _answer(DUPLICATE, 0, duplicate_of=holder)
    since = queued.since
    if request.changes_until:
        earliest = includes_from(request.changes_until)
        too_early = (earliest - datetime.now(UTC)).total_seconds()
        if too_early > 0:
            return _answer(NOT_STARTED, math.ceil(too_early))
        since = max(since, earliest)

    def create() -> dict[str, Any]:
        turn, wait = pacer.turn_to_create(request.environment_id, queued.turn)
        if wait:
            raise _Later(wait, turn)
        requested_at = datetime.now(UTC)
        try:
            exploration = Exploration.parse(pingone.create_exploration(request))
        except RateLimited as pause:
            retry_after = math.ceil(pause.retry_after)
            raise _Later(max(retry_after, MIN_SECONDS_BETWEEN_CALLS), turn) from None
        polling_limit = timedelta(seconds=config.polling_limit_seconds)
        export = Export(
            request=request,
            execution=execution,
            exploration_id=exploration.id,
            requested_at=requested_at,
            deadline=min(exploration.expires_at, requested_at + polling_limit),
        )
        return {"export": export.to_state(), "turn": turn.to_state() if turn else None}

    try:
        started = once.run(execution.arn, create)
    except _Later as later:
        if datetime.now(UTC) + timedelta(seconds=later.wait) > since + _MAX_QUEUE:
            raise DeadlineExceeded(
                "PingOne had no time for this report for two hours: ask for fewer reports of one "
                "environment at a time."
            ) from None
        return _answer(NOT_STARTED, later.wait, turn=later.turn)
    export = Export.from_state(started["export"])
    wait = seconds_until_next_call(datetime.now(UTC), export.requested_at, export.deadline)
    # Even a report that is ready at once is checked first: the links come with the check's answer
    # only, and PingOne wants five seconds between two calls.
    return _answer(
        IN_PROGRESS, wait, export=started["export"], turn=Turn.from_state(started["turn"])
    )


class _Later(Exception):
    """PingOne has no time now."""

    def __init__(self, wait: int, turn: Turn | None) -> None:
        super().__init__()
        self.wait = wait
        self.turn = turn


def _answer(
    status: str,
    wait: int,
    *,
    export: dict[str, Any] | None = None,
    turn: Turn | None = None,
    duplicate_of: str | None = None,
) -> dict[str, Any]:
    return {
        "status": status,
        "waitSeconds": wait,
        "export": export,
        "turn": turn.to_state() if turn else None,
        "duplicateOf": duplicate_of,
    }
