"""StartReport: ask PingOne for the report, once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from pingone_reports.errors import DeadlineExceeded, RateLimited
from pingone_reports.model.exploration import Status
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.freshness import includes_from
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.rhythm import pause_after, seconds_until_next_poll
from pingone_reports.pingone.turns import Turn, Turns

if TYPE_CHECKING:
    from pingone_reports.aws.idempotency import IdempotencyKeys, Starts

# Too early for the report, or PingOne was too busy: the state machine starts again after the wait.
NOT_STARTED = "NOT_STARTED"
# Another execution has the export that this request asks for.
DUPLICATE = "DUPLICATE"

# How long an export may stand in line before PingOne accepts it: with the wait for changes before
# it, half an hour to generate the report and the tries of the fetch, within the state machine's
# own timeout.
_LONGEST_LINE = timedelta(hours=2)


@dataclass(frozen=True)
class Queued:
    """Where an export stands before PingOne has accepted it: since when, and with which turn."""

    since: datetime
    turn: Turn | None

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read the state machine's `queued` object."""
        return cls(datetime.fromisoformat(state["since"]), Turn.from_state(state["turn"]))


@dataclass(frozen=True, kw_only=True)
class StartReport:
    """What a start is made of."""

    pingone: PingOne
    turns: Turns
    keys: "IdempotencyKeys"
    starts: "Starts"
    polling_limit: timedelta

    def run(self, request: ExportRequest, execution: Execution, queued: Queued) -> dict[str, Any]:
        """Create the data exploration; returns its state, its status and the seconds to wait.

        Raises DeadlineExceeded when PingOne accepts no report for two hours, TableUnavailable,
        StepFunctionsUnavailable, StartInProgress, and what PingOne.create_exploration raises.
        """
        if request.idempotency_key:
            holder = self.keys.holder(request.idempotency_key, execution.arn)
            if holder != execution.arn:
                return _answer(DUPLICATE, 0, duplicate_of=holder)

        in_line_since = queued.since
        if request.changes_until:
            earliest = includes_from(request.changes_until)
            too_early = (earliest - datetime.now(UTC)).total_seconds()
            if too_early > 0:
                return _answer(NOT_STARTED, math.ceil(too_early))
            in_line_since = max(in_line_since, earliest)

        # A start that is tried again needs no turn: PingOne has the report.
        export, turn = self.starts.made(execution.arn), queued.turn
        if not export:
            turn, wait = self.turns.to_create(request.environment_id, turn)
            if wait:
                return _later(in_line_since, wait, turn)
            try:
                export = self.starts.once(execution.arn, lambda: self._create(request, execution))
            except RateLimited as limit:
                return _later(in_line_since, pause_after(limit), turn)
        # Even a report that is ready at once is checked first, in five seconds.
        wait = seconds_until_next_poll(datetime.now(UTC), export.requested_at, export.deadline)
        return _answer(Status.IN_PROGRESS, wait, export=export, turn=turn)

    def _create(self, request: ExportRequest, execution: Execution) -> Export:
        requested_at = datetime.now(UTC)
        exploration = self.pingone.create_exploration(request)
        return Export(
            request=request,
            execution=execution,
            exploration_id=exploration.id,
            requested_at=requested_at,
            deadline=min(exploration.expires_at, requested_at + self.polling_limit),
        )


def _later(in_line_since: datetime, wait: int, turn: Turn | None) -> dict[str, Any]:
    if datetime.now(UTC) + timedelta(seconds=wait) > in_line_since + _LONGEST_LINE:
        raise DeadlineExceeded(
            "PingOne had no time for this report for two hours: ask for fewer reports of one "
            "environment at a time."
        )
    return _answer(NOT_STARTED, wait, turn=turn)


def _answer(
    status: str,
    wait: int,
    *,
    export: Export | None = None,
    turn: Turn | None = None,
    duplicate_of: str | None = None,
) -> dict[str, Any]:
    return {
        "status": status,
        "waitSeconds": wait,
        "export": export and export.to_state(),
        "turn": turn and turn.to_state(),
        "duplicateOf": duplicate_of,
    }
