"""Turns at PingOne: which export may call for an environment, and when.

PingOne takes one dataExplorations call per five seconds for one environment. So an export calls
only in its turns: times in which no other export calls for that environment. It books a turn when a
call is due, learns when the turn begins, and waits until then.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from pingone_reports.errors import TurnPassed
from pingone_reports.pingone.rhythm import MIN_SECONDS_BETWEEN_CALLS

# The calls that an export still needs, at least: create, check and fetch; check and fetch; fetch.
CALLS_FROM_CREATE, CALLS_FROM_CHECK, CALLS_FROM_FETCH = 3, 2, 1

# A turn is this much longer than its calls: waits are whole seconds, and functions start slowly.
_SLACK_SECONDS = 4
# The time from reading the clock until PingOne has the call.
_SECONDS_TO_CALL = 1

# A create books no further ahead, so that reports that PingOne is generating get their turns long
# before they expire. If the queue is longer, the create comes back near the queue's end.
_CREATE_AHEAD_SECONDS = 300
_NO_LIMIT_SECONDS = 1_000_000


@dataclass(frozen=True)
class Turn:
    """One export's time at an environment, from `begins` to `ends`, in epoch milliseconds."""

    begins: int
    ends: int

    def allows_call(self, at: int) -> bool:
        """Whether a call that is decided at this time reaches PingOne in time for the next turn."""
        last = self.ends - (MIN_SECONDS_BETWEEN_CALLS + _SECONDS_TO_CALL) * 1000
        return self.begins <= at <= last

    def to_state(self) -> dict[str, int]:
        """The JSON form between states; `from_state` reads it back."""
        return {"begins": self.begins, "ends": self.ends}

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> Self | None:
        """Read what `to_state` wrote; None for None."""
        return cls(int(state["begins"]), int(state["ends"])) if state else None


class Calendar(Protocol):
    """Where the turns of environments are booked."""

    def book(
        self, environment_id: str, earliest: int, length: int, own_end: int, latest: int
    ) -> tuple[int, bool]:
        """Atomically book `length` milliseconds after everything that is booked.

        They begin at `earliest` if nothing is booked beyond that, or only the turn that ends at
        `own_end`. Returns the beginning and True. If the beginning would be after `latest`, books
        nothing and returns it with False.
        """


class Turns:
    """Gives out turns. `clock` returns epoch seconds."""

    def __init__(self, calendar: Calendar, clock: Callable[[], float]) -> None:
        self.calendar = calendar
        self._clock = clock

    def to_create(self, environment_id: str, held: Turn | None) -> tuple[Turn | None, int]:
        """As `to_check`, for the whole export. No turn, and when to ask again, in a long queue."""
        turn, wait = self._turn(environment_id, held, CALLS_FROM_CREATE, 0, _CREATE_AHEAD_SECONDS)
        if not turn:
            # Random, so that waiting exports do not all come back at once.
            wait -= int(random.uniform(0, _CREATE_AHEAD_SECONDS / 2))  # noqa: S311 -- no secret
        return turn, wait

    def to_check(self, environment_id: str, held: Turn | None) -> tuple[Turn, int]:
        """The turn for the export's next calls, and the seconds until the first of them.

        It is the turn that the export holds, or a new one if too little of that is left.
        """
        return self._certain(environment_id, held, CALLS_FROM_CHECK, 0)

    def to_fetch(self, environment_id: str, held: Turn | None) -> tuple[Turn, int]:
        """As `to_check`, but right after a check, so at least five seconds from now."""
        return self._certain(environment_id, held, CALLS_FROM_FETCH, MIN_SECONDS_BETWEEN_CALLS)

    def require_to_fetch(self, environment_id: str, held: Turn | None) -> None:
        """Raises TurnPassed unless the fetch may call now: to wait in CheckReport costs less."""
        turn, wait = self._turn(environment_id, held, CALLS_FROM_FETCH, 0, 0)
        if not turn or wait:
            raise TurnPassed(
                "The export's turn at PingOne has passed: check again, and wait for the next turn."
            )

    def _certain(
        self, environment_id: str, held: Turn | None, calls: int, after: int
    ) -> tuple[Turn, int]:
        turn, wait = self._turn(environment_id, held, calls, after, _NO_LIMIT_SECONDS)
        assert turn is not None
        return turn, wait

    def _turn(
        self, environment_id: str, held: Turn | None, calls: int, after: int, ahead: int
    ) -> tuple[Turn | None, int]:
        """A turn, and the seconds until its first call, which are at least `after`.

        If no turn begins within `ahead` seconds of that: None, and the seconds to the queue's end.
        """
        now = int(self._clock() * 1000)
        earliest = now + after * 1000
        if held and (earliest < held.begins or held.allows_call(earliest)):
            return held, _seconds(max(held.begins, earliest) - now)
        length = (calls * MIN_SECONDS_BETWEEN_CALLS + _SLACK_SECONDS) * 1000
        own_end = held.ends if held else 0
        begins, booked = self.calendar.book(
            environment_id, earliest, length, own_end, earliest + ahead * 1000
        )
        return Turn(begins, begins + length) if booked else None, _seconds(begins - now)


def _seconds(milliseconds: int) -> int:
    return math.ceil(milliseconds / 1000)
