"""StartReport: ask PingOne for the report, once."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from pingone_reports.errors import ASK_LATER, DeadlineExceeded
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.filters import values_of, without_values
from pingone_reports.model.freshness import includes_from
from pingone_reports.model.request import ExportRequest
from pingone_reports.model.status import Status
from pingone_reports.observability import logger
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.polling import pause_after, seconds_until_next_poll
from pingone_reports.pingone.turns import Turn, Turns

if TYPE_CHECKING:
    from pingone_reports.aws.durations import Durations
    from pingone_reports.aws.idempotency import IdempotencyKeys, Starts

# PingOne forgets a report then, whatever it says when it accepts it.
_LONGEST_GENERATION = timedelta(minutes=30)
# The longest time from the request until PingOne accepts it. With the wait for changes before, half
# an hour of generation and the tries of the fetch after it, an export is within the state machine's
# timeout.
_LONGEST_LINE = timedelta(hours=2)


@dataclass(frozen=True)
class Queued:
    """An export that PingOne has not accepted yet: since when it waits (aware), and its turn."""

    since: datetime
    turn: Turn | None

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read the state machine's `queued` object."""
        return cls(datetime.fromisoformat(state["since"]), Turn.from_state(state["turn"]))


class TurnPassed(Exception):
    """Raised with the next turn and the seconds to wait, when a start has missed its turn."""


@dataclass(frozen=True, kw_only=True)
class StartReport:
    """The start, with all that it needs."""

    pingone: PingOne
    turns: Turns
    keys: "IdempotencyKeys"
    starts: "Starts"
    durations: "Durations"
    pseudonymizes: bool = False

    def run(self, request: ExportRequest, execution: Execution, queued: Queued) -> dict[str, Any]:
        """Create the data exploration; returns a status, the seconds to wait, and the export.

        Raises DeadlineExceeded when PingOne accepts no report for two hours, TableUnavailable,
        StepFunctionsUnavailable, StartInProgress, and what PingOne.create_exploration raises.
        """
        if request.idempotency_key:
            holder = self.keys.holder(request.idempotency_key, execution.arn)
            if holder != execution.arn:
                return _answer(Status.DUPLICATE, 0, duplicate_of=holder)

        in_line_since = queued.since
        if request.changes_until:
            earliest = includes_from(request.changes_until)
            too_early = (earliest - datetime.now(UTC)).total_seconds()
            if too_early > 0:
                return _answer(Status.NOT_STARTED, math.ceil(too_early))
            in_line_since = max(in_line_since, earliest)

        # If an earlier try has created the exploration, no call is due, and so no turn.
        export, turn = self.starts.made(execution.arn), queued.turn
        usual, cached = self.durations.of(request)
        if not export:
            self.pingone.prepare()
            turn, wait = self.turns.to_create(request, turn)
            if not turn or wait:
                return _later(in_line_since, wait, turn)
            create = partial(self._create, request, execution, turn, usual)
            try:
                export = self.starts.once(execution.arn, create)
            except TurnPassed as passed:
                turn, wait = passed.args
                return _later(in_line_since, wait, turn)
            except ASK_LATER as answer:
                logger.warning("PingOne refused a call.", error=str(answer))
                return _later(in_line_since, pause_after(answer), turn.spent())
        wait = seconds_until_next_poll(
            datetime.now(UTC), export.requested_at, export.deadline, usual=0 if cached else usual
        )
        return _answer(Status.IN_PROGRESS, wait, export=export, turn=turn and turn.spent())

    def _create(
        self, request: ExportRequest, execution: Execution, turn: Turn, usual_seconds: int
    ) -> Export:
        turn, wait = self.turns.on_time(request, turn)
        if wait:
            raise TurnPassed(turn, wait)
        requested_at = datetime.now(UTC)
        hidden = values_of(request.filter) if self.pseudonymizes else ()
        exploration = self.pingone.create_exploration(request, hidden)
        if self.pseudonymizes:  # nobody needs the filter from now on
            request = replace(request, filter=without_values(request.filter))
        return Export(
            request=request,
            execution=execution,
            exploration_id=exploration.id,
            requested_at=requested_at,
            deadline=min(exploration.expires_at, requested_at + _LONGEST_GENERATION),
            usual_seconds=usual_seconds,
        )


def _later(in_line_since: datetime, wait: int, turn: Turn | None = None) -> dict[str, Any]:
    if datetime.now(UTC) + timedelta(seconds=wait) > in_line_since + _LONGEST_LINE:
        raise DeadlineExceeded(
            "PingOne did not accept this report within two hours: request fewer reports at a time, "
            "and look in the logs for calls that PingOne refused."
        )
    return _answer(Status.NOT_STARTED, wait, turn=turn)


def _answer(
    status: Status,
    wait: int,
    *,
    export: Export | None = None,
    turn: Turn | None = None,
    duplicate_of: str | None = None,
) -> dict[str, Any]:
    return {
        "status": str(status),
        "waitSeconds": wait,
        "export": export and export.to_state(),
        "turn": turn and turn.to_state(),
        "duplicateOf": duplicate_of,
    }
