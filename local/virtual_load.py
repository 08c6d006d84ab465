"""Many exports in virtual time: the application's own turns and pauses, and nothing that sleeps.

Step Functions, Lambda and DynamoDB are only the time that they take, and functions' clocks differ.
PingOne is its limits, which refuse a call that comes too early.
"""

import heapq
import math
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from local.account_quota import AccountQuota
from local.memory_calendar import MemoryCalendar
from local.pingone_simulator.rate_limits import RateLimits
from pingone_reports.errors import DeadlineExceeded, RateLimited
from pingone_reports.model.report_file import Format
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.polling import (
    MIN_SECONDS_BETWEEN_CALLS,
    pause_after,
    seconds_until_next_poll,
)
from pingone_reports.pingone.turns import MAX_CALLS_PER_MINUTE, Turn, Turns

CALLS_OF_AN_EXPORT = 3
_SECONDS_BETWEEN_CALLS, _MINUTE = 5, 60
_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
_LIFETIME = timedelta(minutes=30)
_LONGEST_LINE = timedelta(hours=2)
# The documentation's sample.
_SECONDS_GENERATING = 5.6


@dataclass(frozen=True)
class Run:
    """What came of a load. Seconds are from the first call to the last.

    `expired` counts the exports whose report was not accepted, not ready or not there in time, or
    whose functions were refused too often.
    """

    calls: int
    refused: int
    expired: int
    elapsed: float
    bound: float

    @property
    def ratio(self) -> float:
        """How much longer than the limits demand."""
        return self.elapsed / self.bound


@dataclass
class _Clock:
    """Of whoever is awake. Who sleeps in a function moves on alone."""

    now: float = _NOON
    wrong_by: float = 0

    def seconds(self) -> float:
        return self.now

    def shown(self) -> float:
        """What the function that is awake takes for the time."""
        return self.now + self.wrong_by

    def instant(self, seconds: float) -> datetime:
        return datetime.fromtimestamp(seconds, UTC)

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(frozen=True)
class _Until:
    """A time that a function sleeps until."""

    at: float


# A number of seconds is the state machine's wait, after which it starts a function.
_Waits = _Until | float


def earliest_last_call(calls: Sequence[int], per_minute: int = MAX_CALLS_PER_MINUTE) -> int:
    """No schedule of so many `calls` for each environment makes the last one earlier, in seconds.

    Each minute has room for `per_minute` calls. What whole minutes have no room for comes after
    them, when an environment calls once in five seconds.
    """
    minutes = max(sum(calls) - 1, 0) // per_minute
    rest = sum(calls) - minutes * per_minute
    rounds = -(-rest // len(calls)) if calls else 1
    return max(
        minutes * _MINUTE + (rounds - 1) * _SECONDS_BETWEEN_CALLS,
        (max(calls, default=1) - 1) * _SECONDS_BETWEEN_CALLS,
    )


def usual_start(dice: random.Random) -> float:
    """The seconds until a function runs, which are more for one that has to start first."""
    cold = dice.random() < 0.03
    return dice.uniform(0.05, 0.3) + (dice.uniform(0.8, 1.6) if cold else 0)


@dataclass
class VirtualLoad:
    """Exports that start at one moment, at most `at_once` of them at a time.

    `environments` says how many exports each of them has, and `licence` what the requests of each
    tell of its licence; at PingOne all are of one. A report takes `generating` seconds. With
    `known`, the last one took these, and this one as long within a fifth. A function runs `start`
    seconds late, and its clock is wrong by `clocks` seconds at most. The account may run `quota`
    functions at once, and a download takes `fetching` seconds. All random times are the same in
    each run with the same `seed`.
    """

    environments: Sequence[int]
    at_once: int = 10**9
    generating: Callable[[random.Random], float] = lambda _dice: _SECONDS_GENERATING
    known: bool = False
    licence: Callable[[int], str | None] = lambda _number: None
    start: Callable[[random.Random], float] = usual_start
    clocks: float = 0.05
    calls_per_minute: int = MAX_CALLS_PER_MINUTE
    quota: int = 10**9
    fetching: float = 0
    seed: int = 1

    def run(self) -> Run:
        self._clock, self._dice = _Clock(), random.Random(self.seed)  # noqa: S311 -- no secret
        self._times: list[float] = []
        self._durations: list[float] = []
        self._refused = self._expired = 0
        quota = AccountQuota(self.quota)
        self._limits = RateLimits(self._clock, calls_per_minute=self.calls_per_minute)
        self._turns = Turns(
            MemoryCalendar(self._write),
            self.calls_per_minute,
            self._clock.shown,
            self._clock.sleep,
        )
        waiting = [
            self._export(number)
            for row in range(max(self.environments))
            for number, exports in enumerate(self.environments)
            if row < exports
        ]
        waiting.reverse()
        # When it goes on, its number, which breaks ties, and how wrong the function's clock is.
        events: list[tuple[float, int, float, Generator[_Waits]]] = []
        number = 0
        while events or waiting:
            while waiting and len(events) < self.at_once:
                number += 1
                heapq.heappush(events, (*self._start(0, number), waiting.pop()))
            self._clock.now, key, self._clock.wrong_by, export = heapq.heappop(events)
            woken = self._clock.now
            wait: _Waits | None = quota.pause_of(key, woken, self._dice)
            if wait == math.inf:
                self._expired += 1
                continue
            if not wait:
                wait = next(export, None)
                if not isinstance(wait, _Until):
                    quota.end(key, self._clock.now)
            if isinstance(wait, _Until):
                heapq.heappush(events, (wait.at, key, self._clock.wrong_by, export))
            elif wait is not None:
                heapq.heappush(events, (*self._start(wait, key), export))
            self._clock.now = woken
        return Run(
            calls=len(self._times),
            refused=self._refused,
            expired=self._expired,
            elapsed=self._times[-1] - self._times[0],
            bound=self._bound(),
        )

    def _bound(self) -> float:
        """No schedule is shorter, because of the limits, the reports' time, or `at_once`."""

        def limits(calls: int) -> int:
            numbers = [calls * exports for exports in self.environments]
            return earliest_last_call(numbers, per_minute=self.calls_per_minute)

        shortest, between = min(self._durations), MIN_SECONDS_BETWEEN_CALLS
        return max(
            limits(CALLS_OF_AN_EXPORT),
            shortest + limits(CALLS_OF_AN_EXPORT - 1),
            sum(took + between for took in self._durations) / self.at_once,
        )

    def _export(self, number: int) -> Generator[_Waits]:
        """The waits of one export, as the state machine and its functions make them."""
        request = ExportRequest(
            environment_id=str(UUID(int=number)),
            report_name="devices",
            fields=(),
            filter="",
            formats=(Format.CSV,),
            correlation_id="load",
            license_id=self.licence(number),
        )
        took = usual = self.generating(self._dice)
        if self.known:
            took *= self._dice.uniform(0.8, 1.2)
        self._durations.append(took)
        try:
            yield from self._to_its_end(request, took, usual if self.known else 0)
        except DeadlineExceeded:
            self._expired += 1

    def _to_its_end(self, request: ExportRequest, took: float, usual: float) -> Generator[_Waits]:
        in_line_since = self._instant()
        turn: Turn | None = None
        arrived = None
        while not arrived:
            turn, wait = self._turns.to_create(request, turn)
            if turn and not wait:
                self._write()
                turn, wait = self._turns.on_time(request, turn)
            if turn and not wait:
                requested_at = self._instant()
                arrived, wait = yield from self._call(request)
                turn = turn.spent()
            if not arrived:
                if self._instant() > in_line_since + _LONGEST_LINE:
                    raise DeadlineExceeded
                yield wait
        ready, deadline = arrived + took, requested_at + _LIFETIME
        limit = None
        while not arrived or arrived < ready:
            yield seconds_until_next_poll(self._instant(), requested_at, deadline, limit, usual)
            turn, arrived, wait = yield from self._read(request, turn)
            limit = RateLimited("Busy.", wait) if wait else None
        arrived, wait = None, MIN_SECONDS_BETWEEN_CALLS
        while not arrived:
            yield wait
            turn, arrived, wait = yield from self._read(request, turn)
        if arrived > deadline.timestamp():
            raise DeadlineExceeded
        self._clock.sleep(self.fetching)

    def _read(
        self, request: ExportRequest, turn: Turn | None
    ) -> Generator[_Waits, None, tuple[Turn | None, float | None, int]]:
        """What is left of the turn, and what `_call` returns."""
        while True:
            turn, wait = self._turns.on_time(request, *self._turns.to_read(request, turn))
            if not wait:
                return turn.spent(), *(yield from self._call(request))
            yield wait

    def _call(self, request: ExportRequest) -> Generator[_Waits, None, tuple[float | None, int]]:
        """When the call arrives at PingOne, or None and the pause. Ends when its answer is here."""
        way = 0.02 + min(self._dice.expovariate(20), 0.2)
        yield _Until(self._clock.now + way)
        arrived = self._clock.now
        self._times.append(arrived)
        refused_for = self._limits.admit(request.environment_id)
        self._clock.now += way
        if refused_for is None:
            return arrived, 0
        self._refused += 1
        return None, pause_after(RateLimited("Busy.", refused_for))

    def _write(self) -> None:
        """The time that a write into the table takes."""
        slow = self._dice.random() < 0.01
        self._clock.sleep(self._dice.uniform(0.2, 0.5) if slow else self._dice.uniform(0.003, 0.03))

    def _start(self, wait: float, number: int) -> tuple[float, int, float]:
        """When an export's next function runs, the export's number, how wrong its clock is."""
        at = self._clock.now + wait + self.start(self._dice)
        return at, number, self._dice.uniform(-self.clocks, self.clocks)

    def _instant(self) -> datetime:
        return self._clock.instant(self._clock.shown())
