"""CheckReport: ask PingOne whether the report is ready."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pingone_reports.aws.durations import Durations
from pingone_reports.errors import ASK_LATER
from pingone_reports.model.export import Export
from pingone_reports.model.status import Status
from pingone_reports.observability import logger, measure
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.polling import MIN_SECONDS_BETWEEN_CALLS, seconds_until_next_poll
from pingone_reports.pingone.turns import Turn, Turns


@dataclass(frozen=True, kw_only=True)
class CheckReport:
    """The check, with all that it needs."""

    pingone: PingOne
    turns: Turns
    durations: Durations

    def run(self, export: Export, turn: Turn | None) -> dict[str, Any]:
        """The report's status, the seconds to wait, and the turn that the export waits for.

        Raises DeadlineExceeded, TableUnavailable, and what PingOne.read_exploration raises.
        """
        self.pingone.prepare()
        turn, wait = self.turns.on_time(export.request, *self.turns.to_read(export.request, turn))
        if wait:
            return _answer(Status.IN_PROGRESS, wait, turn)

        measure(export, {"Polls": 1})
        limit = None
        try:
            exploration = self.pingone.read_exploration(export)
        except ASK_LATER as refusal:
            logger.warning("PingOne refused a call.", error=str(refusal))
            limit = refusal
        else:
            if exploration.status is Status.SUCCESS:
                seen = (datetime.now(UTC) - export.requested_at).total_seconds()
                measure(export, {"SecondsGenerating": seen})
                # In the documentation's sample, `updatedAt` is when the report was ready.
                took = (exploration.updated_at - exploration.created_at).total_seconds()
                self.durations.remember(export.request, took if 0 < took < seen else seen)
                return _answer(Status.SUCCESS, MIN_SECONDS_BETWEEN_CALLS, turn.spent())
        wait = seconds_until_next_poll(
            datetime.now(UTC), export.requested_at, export.deadline, limit, export.usual_seconds
        )
        return _answer(Status.IN_PROGRESS, wait, turn.spent())


def _answer(status: Status, wait: int, turn: Turn | None = None) -> dict[str, Any]:
    return {"status": str(status), "waitSeconds": wait, "turn": turn and turn.to_state()}
