"""Starts and checks without AWS: what they share is in memory."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from local.memory_calendar import MemoryCalendar
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.turns import Turn, Turns
from pingone_reports.steps.check import CheckReport
from pingone_reports.steps.start import Queued, StartReport
from tests.support.asking import REQUEST, execution

if TYPE_CHECKING:
    from pingone_reports.aws.durations import Durations
    from pingone_reports.aws.idempotency import IdempotencyKeys, Starts


class FakeKeys:
    """Idempotency keys, in memory."""

    def __init__(self) -> None:
        self._holders: dict[str, str] = {}

    def holder(self, idempotency_key: str, execution_arn: str) -> str:
        return self._holders.setdefault(idempotency_key, execution_arn)


class FakeStarts:
    """Remembers what was started as long as it lives."""

    def __init__(self) -> None:
        self._exports: dict[str, Export] = {}

    def made(self, execution_arn: str) -> Export | None:
        return self._exports.get(execution_arn)

    def once(self, execution_arn: str, start: Callable[[], Export]) -> Export:
        if execution_arn not in self._exports:
            self._exports[execution_arn] = start()
        return self._exports[execution_arn]


class FakeDurations:
    """Remembers how long reports took; `cached` says whether PingOne may have the last one."""

    def __init__(self) -> None:
        self.took: dict[ExportRequest, int] = {}
        self.cached = False

    def of(self, request: ExportRequest) -> tuple[int, bool]:
        return self.took.get(request, 0), self.cached

    def remember(self, request: ExportRequest, seconds: float) -> None:
        self.took[request] = round(seconds)


@dataclass
class World:
    """What all starts and checks of one deployment share."""

    pingone: PingOne
    keys: FakeKeys = field(default_factory=FakeKeys)
    starts: FakeStarts = field(default_factory=FakeStarts)
    durations: FakeDurations = field(default_factory=FakeDurations)
    calendar: MemoryCalendar = field(default_factory=MemoryCalendar)
    pseudonymizes: bool = False
    ahead: float = 0
    """How far its turns are ahead of the clock: nothing sleeps."""

    def start(
        self,
        request: ExportRequest = REQUEST,
        *,
        by: Execution | None = None,
        since: datetime | None = None,
        turn: dict[str, int] | None = None,
    ) -> dict[str, Any]:
        """Start a report for an execution that stands in line since then, or since now."""
        step = StartReport(
            pingone=self.pingone,
            turns=self._turns(),
            keys=cast("IdempotencyKeys", self.keys),
            starts=cast("Starts", self.starts),
            durations=cast("Durations", self.durations),
            pseudonymizes=self.pseudonymizes,
        )
        queued = {"since": (since or datetime.now(UTC)).isoformat(), "turn": turn}
        return step.run(request, by or execution(), Queued.from_state(queued))

    def pass_time(self, seconds: float) -> None:
        self.ahead += seconds

    def _turns(self) -> Turns:
        return Turns(self.calendar, clock=lambda: time.time() + self.ahead, sleep=self.pass_time)

    def check(self, export: Export, turn: Turn | None = None) -> dict[str, Any]:
        """Check a report, for an export that holds this turn."""
        step = CheckReport(
            pingone=self.pingone,
            turns=self._turns(),
            durations=cast("Durations", self.durations),
        )
        return step.run(export, turn)
