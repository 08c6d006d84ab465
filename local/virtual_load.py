"""Many exports in virtual time: the application's own turns and pauses, and nothing that sleeps.

Step Functions, Lambda and DynamoDB are only the time that they take, and functions' clocks differ.
PingOne is its limits, which are looked at afterwards: if no call broke one, it has refused none.
"""

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from local.memory_calendar import MemoryCalendar
from local.pingone_limits import earliest_last_call
from local.pingone_simulator.rate_limits import RateLimits
from pingone_reports.model.report_file import Format
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.rhythm import MIN_SECONDS_BETWEEN_CALLS, seconds_until_next_poll
from pingone_reports.pingone.turns import MAX_CALLS_PER_MINUTE, Turn, Turns

CALLS_OF_AN_EXPORT = 3
_NOON = datetime(2026, 3, 1, 12, tzinfo=UTC).timestamp()
_LIFETIME = timedelta(minutes=30)
# The documentation's sample.
_SECONDS_GENERATING = 5.6


@dataclass(frozen=True)
class Run:
    """What came of a load. Seconds are from the first call to the last."""

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


@dataclass
class VirtualLoad:
    """Exports that start at one moment, at most `at_once` of them at a time.

    `environments` says how many exports each of them has. Each export's report takes `generating`
    seconds. All random times are the same in each run with the same `seed`.
    """

    environments: Sequence[int]
    at_once: int = 10**9
    generating: Callable[[random.Random], float] = lambda _dice: _SECONDS_GENERATING
    calls_per_minute: int = MAX_CALLS_PER_MINUTE
    seed: int = 1
    calls: list[tuple[float, str]] = field(default_factory=list)
    expired: int = 0

    def run(self) -> Run:
        self._clock, self._dice = _Clock(), random.Random(self.seed)  # noqa: S311 -- no secret
        self.calls, self.expired = [], 0
        self._turns = Turns(
            MemoryCalendar(self._write),
            self.calls_per_minute,
            self._clock.shown,
            self._clock.sleep,
        )
        waiting = [
            self._export(str(UUID(int=number)))
            for row in range(max(self.environments))
            for number, exports in enumerate(self.environments)
            if row < exports
        ]
        waiting.reverse()
        events: list[tuple[float, int, Iterator[float]]] = []
        # Ties are broken by number, because iterators have no order.
        number = 0
        while events or waiting:
            while waiting and len(events) < self.at_once:
                number += 1
                heapq.heappush(
                    events, (self._clock.now + self._invocation(), number, waiting.pop())
                )
            self._clock.now, key, export = heapq.heappop(events)
            woken = self._clock.now
            self._clock.wrong_by = self._dice.uniform(-0.05, 0.05)
            try:
                wait = next(export)
            except StopIteration:
                pass
            else:
                at = self._clock.now + wait + self._invocation()
                heapq.heappush(events, (at, key, export))
            self._clock.now = woken
        self.calls.sort()
        times = [at for at, _ in self.calls]
        least = [CALLS_OF_AN_EXPORT * exports for exports in self.environments]
        return Run(
            calls=len(times),
            refused=self._refused(),
            expired=self.expired,
            elapsed=times[-1] - times[0],
            bound=earliest_last_call(least, per_minute=self.calls_per_minute),
        )

    def _export(self, environment_id: str) -> Iterator[float]:
        """The pauses of one export, as the state machine makes them."""
        request = ExportRequest(
            environment_id=environment_id,
            report_name="devices",
            fields=(),
            filter="",
            formats=(Format.CSV,),
            correlation_id="load",
        )
        turn: Turn | None = None
        while True:
            turn, wait = self._turns.to_create(request, turn)
            if turn and not wait:
                break
            yield wait
        self._turns.begin(turn)
        requested_at = self._instant()
        ready = self._call(environment_id) + self.generating(self._dice)
        done = False
        while not done:
            yield seconds_until_next_poll(self._instant(), requested_at, requested_at + _LIFETIME)
            yield from self._wait(request)
            done = self._call(environment_id) >= ready
        yield MIN_SECONDS_BETWEEN_CALLS
        yield from self._wait(request)
        if self._call(environment_id) > requested_at.timestamp() + _LIFETIME.total_seconds():
            self.expired += 1

    def _wait(self, request: ExportRequest) -> Iterator[float]:
        turn, wait = self._turns.to_read(request, None)
        while wait:
            yield wait
            turn, wait = self._turns.to_read(request, turn)
        self._turns.begin(turn)

    def _call(self, environment_id: str) -> float:
        """When the call arrives at PingOne; on return, its answer is here."""
        way = 0.02 + min(self._dice.expovariate(20), 0.2)
        arrived = self._clock.now + way
        self.calls.append((arrived, environment_id))
        self._clock.now += 2 * way
        return arrived

    def _write(self) -> None:
        """The time that a write into the table takes."""
        slow = self._dice.random() < 0.01
        self._clock.sleep(self._dice.uniform(0.2, 0.5) if slow else self._dice.uniform(0.003, 0.03))

    def _invocation(self) -> float:
        """The time until a function runs, which is longer for one that has to start first."""
        cold = self._dice.random() < 0.03
        return self._dice.uniform(0.05, 0.3) + (self._dice.uniform(0.8, 1.6) if cold else 0)

    def _instant(self) -> datetime:
        return self._clock.instant(self._clock.now)

    def _refused(self) -> int:
        """How many of the calls PingOne refuses."""
        clock = _Clock()
        limits = RateLimits(clock, calls_per_minute=self.calls_per_minute)
        refused = 0
        for clock.now, environment_id in self.calls:
            refused += limits.admit(environment_id) is not None
        return refused
