"""Turns at PingOne: who may call for an environment, and when.

PingOne takes one dataExplorations call per five seconds for one environment. So every export calls
in turns of its own: stretches of time that an environment gives to one export alone, booked when a
call is due. Whoever's turn has not come is told when it will, and calls then.
"""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from pingone_reports.errors import TurnPassed
from pingone_reports.pingone.rhythm import MIN_SECONDS_BETWEEN_CALLS

# The calls that an export still makes at best: create, check and fetch; check and fetch; fetch.
CALLS_FROM_CREATE, CALLS_FROM_CHECK, CALLS_FROM_FETCH = 3, 2, 1

# What a turn is longer than its calls: waits are whole seconds, and a function may start slowly.
_SLACK_SECONDS = 4
# From a look at the clock until PingOne has the call.
_SECONDS_TO_CALL = 1

# A create books no further ahead, so that reports which are being generated get their turns
# long before PingOne forgets them; it comes back when half of the queue has gone, or all of it.
_CREATE_AHEAD_SECONDS = 300
_NO_LIMIT_SECONDS = 1_000_000


@dataclass(frozen=True)
class Turn:
    """An environment's time from `begins` to `ends`, for one export; epoch milliseconds."""

    begins: int
    ends: int

    def allows_call(self, at: int) -> bool:
        """Whether a call that is decided on at this moment is over with before the next turn."""
        last = self.ends - (MIN_SECONDS_BETWEEN_CALLS + _SECONDS_TO_CALL) * 1000
        return self.begins <= at <= last

    def to_state(self) -> dict[str, int]:
        """The JSON form between states; `from_state` reads it back."""
        return {"begins": self.begins, "ends": self.ends}

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> Self | None:
        """Read what `to_state` wrote, if there is something."""
        return cls(int(state["begins"]), int(state["ends"])) if state else None


class Calendar(Protocol):
    """What an environment's turns are booked in."""

    def book(
        self, environment_id: str, earliest: int, length: int, own_end: int, latest: int
    ) -> tuple[int, bool]:
        """Book so many milliseconds behind all that is booked, at once for all who ask.

        They begin at `earliest` if nothing is booked beyond it, or nothing but the turn that ends
        at `own_end`. Returns the beginning and True; or, if that were after `latest`, False.
        """


class Turns:
    """Gives turns. `clock` tells epoch seconds."""

    def __init__(self, calendar: Calendar, clock: Callable[[], float]) -> None:
        self.calendar = calendar
        self._clock = clock

    def to_create(self, environment_id: str, held: Turn | None) -> tuple[Turn | None, int]:
        """As `to_check`, for the whole export; no turn when the line is long: come back then."""
        turn, wait = self._turn(environment_id, held, CALLS_FROM_CREATE, 0, _CREATE_AHEAD_SECONDS)
        if not turn:
            # At random, so that those who wait do not all come at once.
            wait -= int(random.uniform(0, _CREATE_AHEAD_SECONDS / 2))  # noqa: S311 -- no secret
        return turn, wait

    def to_check(self, environment_id: str, held: Turn | None) -> tuple[Turn, int]:
        """The export's turn for its next calls, and in how many seconds to make the first of them.

        It is the turn that the export holds, if that lasts, or a new one.
        """
        return self._certain(environment_id, held, CALLS_FROM_CHECK, 0)

    def to_fetch(self, environment_id: str, held: Turn | None) -> tuple[Turn, int]:
        """As `to_check`, after a check that was made just now."""
        return self._certain(environment_id, held, CALLS_FROM_FETCH, MIN_SECONDS_BETWEEN_CALLS)

    def require_to_fetch(self, environment_id: str, held: Turn | None) -> None:
        """Raises TurnPassed unless the fetch may call now: CheckReport waits for less money."""
        turn, wait = self._turn(environment_id, held, CALLS_FROM_FETCH, 0, 0)
        if not turn or wait:
            raise TurnPassed("The environment is another export's for the moment.")

    def _certain(
        self, environment_id: str, held: Turn | None, calls: int, after: int
    ) -> tuple[Turn, int]:
        turn, wait = self._turn(environment_id, held, calls, after, _NO_LIMIT_SECONDS)
        assert turn is not None
        return turn, wait

    def _turn(
        self, environment_id: str, held: Turn | None, calls: int, after: int, ahead: int
    ) -> tuple[Turn | None, int]:
        """No turn, and the seconds until all turns are over, if that is too far ahead."""
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
