"""Faults of calls to PingOne or AWS, and the calls that they affect."""

import threading
from collections import Counter
from dataclasses import dataclass


class Effect:
    """What happens to a call."""


@dataclass(frozen=True)
class DropConnection(Effect):
    """Close the connection instead of doing the work."""


@dataclass(frozen=True)
class LoseAnswer(Effect):
    """Do the work, then close the connection without an answer."""


@dataclass(frozen=True)
class Fault:
    """An effect on `times` calls of an operation (None: on all), after the first `skip` of them.

    Only calls whose text contains `about` count.
    """

    operation: str
    effect: Effect
    times: int | None = 1
    skip: int = 0
    about: str = ""

    def concerns(self, operation: str, text: str) -> bool:
        return operation == self.operation and self.about in text

    def hits(self, call: int) -> bool:
        """Whether the effect happens to the call with this number, among those it concerns."""
        return call >= self.skip and (self.times is None or call < self.skip + self.times)


class FaultPlan:
    """Counts calls, and decides what happens to each."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._faults = faults
        self._calls: Counter[tuple[int, str]] = Counter()
        self._met: set[int] = set()
        self._lock = threading.Lock()

    def effects_of_next(self, operation: str, text: str = "", series: str = "") -> list[Effect]:
        """The effects of all faults that meet this call; each series has its own count."""
        with self._lock:
            met = []
            for number, fault in enumerate(self._faults):
                if fault.concerns(operation, text):
                    if fault.hits(self._calls[number, series]):
                        met.append(number)
                    self._calls[number, series] += 1
            self._met.update(met)
        return [self._faults[number].effect for number in met]

    @property
    def unmet(self) -> list[Fault]:
        """The faults that no call has met yet."""
        with self._lock:
            return [f for number, f in enumerate(self._faults) if number not in self._met]
