"""Turns at PingOne: which export may call, and when.

PingOne takes one dataExplorations call in five seconds for one environment, and 600 calls in a
minute for one licence, which many environments share. So each call has a turn: a time at which no
other export calls for that environment, and one of the places in the licence's minute.

An export books its turn when a call is due, and waits until it begins. The environment's time may
be booked minutes ahead. The place is booked when the time is near: until then, others may use it.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.rhythm import MIN_SECONDS_BETWEEN_CALLS

# "Rate limiting", developer.pingidentity.com: the Analytics group's calls for one licence.
MAX_CALLS_PER_MINUTE = 600

# PingOne counts a call when it arrives. Two calls take different times to get there, and the clocks
# of two functions differ a little. So a turn and a minute are longer than PingOne's by this.
_TURN = MIN_SECONDS_BETWEEN_CALLS * 1000 + 500
_MINUTE = 60_000 + 1000
# A call that is decided later than this after its turn's beginning comes too near the next one.
_LATEST = 250
# To book a turn and to note a start takes some time. So a turn begins this much later at least.
_TO_BOOK = 300

# A state machine waits for whole seconds, and a function may need some to start. So the wait ends
# this many seconds early, and the function sleeps for the rest.
_EARLY = 2
# A turn that begins within this time gets its place. It is longer than what a function sleeps.
_SOON = 6000

# A create books no further ahead, so that reports that PingOne is generating get their turns long
# before they expire. If the queue is longer, the create comes back near the queue's end.
_CREATE_AHEAD = 300_000
_NO_LIMIT = 10**9

# The licence of environments whose licence nobody has told.
_UNKNOWN = "stack"


@dataclass(frozen=True)
class Turn:
    """The time for one call, in epoch milliseconds, and its place in the licence's minute.

    It has no place until it is near.
    """

    begins: int
    licence: str
    place: int | None = None

    @property
    def ends(self) -> int:
        """When the environment's next turn may begin."""
        return self.begins + _TURN

    def to_state(self) -> dict[str, Any]:
        """The JSON form between states; `from_state` reads it back."""
        return {"begins": self.begins, "licence": self.licence, "place": self.place}

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> Self | None:
        """Read what `to_state` wrote, also in an older version; None for None."""
        if not state:
            return None
        place = state.get("place")
        licence = state.get("licence", _UNKNOWN)
        return cls(int(state["begins"]), licence, None if place is None else int(place))


class Calendar(Protocol):
    """Where the times of environments and of licences' places are booked."""

    def book(
        self,
        key: str,
        earliest: int,
        length: int,
        own_end: int,
        latest: int,
        licence: str | None = None,
    ) -> tuple[int, bool, str | None]:
        """Atomically book `length` milliseconds after everything that is booked under this key.

        They begin at `earliest` if nothing is booked beyond that, or only what ends at `own_end`.
        Returns the beginning, True, and the licence that was last given with this key. If the
        beginning would be after `latest`, books nothing and returns it with False.
        """

    def ticket(self, licence: str, now: int) -> int:
        """A number that grows by one with each call of the licence."""


class Turns:
    """Gives out turns. `clock` returns epoch seconds, `sleep` waits for seconds of that clock."""

    def __init__(
        self,
        calendar: Calendar,
        calls_per_minute: int = MAX_CALLS_PER_MINUTE,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.calendar = calendar
        self.calls_per_minute = calls_per_minute
        self._clock = clock
        self.sleep = sleep

    def to_create(self, request: ExportRequest, held: Turn | None) -> tuple[Turn | None, int]:
        """As `to_read`. In a long queue no turn, and the seconds until another try is worth it."""
        turn, wait = self._take(request, held, _CREATE_AHEAD)
        if not turn:
            # Random, so that waiting exports do not all come back at once.
            wait -= int(random.uniform(0, _CREATE_AHEAD / 2000))  # noqa: S311 -- no secret
        return turn, max(wait, 0 if turn else 1)

    def to_read(
        self, request: ExportRequest, held: Turn | None, *, unused: bool = False
    ) -> tuple[Turn, int]:
        """A turn, and the whole seconds to wait before it is `begin`'s.

        It is the one that the export holds, or a new one if that has begun: then a try before this
        one may have used it, unless the caller knows that it is unused.
        """
        turn, wait = self._take(request, held, _NO_LIMIT, unused=unused)
        assert turn is not None
        return turn, wait

    def begin(self, turn: Turn) -> None:
        """Sleep until the turn begins. Call PingOne right after this."""
        self.sleep(max(0, turn.begins - self._now()) / 1000)

    def _take(
        self,
        request: ExportRequest,
        held: Turn | None,
        ahead: int,
        *,
        unused: bool = False,
        to_book: int = _TO_BOOK,
    ) -> tuple[Turn | None, int]:
        now, turn, own = self._now(), held, None
        if not turn or turn.begins + (_LATEST if unused else 0) < now:
            begins, made, licence = self.calendar.book(
                _pace(request),
                now + to_book,
                _TURN,
                turn.ends if turn and unused else 0,
                now + ahead,
                request.license_id,
            )
            if not made:
                return None, (begins - now) // 1000
            own = turn if turn and unused else None
            turn = Turn(begins, licence or _UNKNOWN)
        if turn.place is None and turn.begins - now <= _SOON:
            begins, place = self._placed(request, turn, own, now + ahead)
            if place is None:
                return None, (begins - now) // 1000
            turn = Turn(begins, turn.licence, place)
        left = turn.begins - self._now()
        if left < -_LATEST:
            # The table was slow, so this time it gets more.
            return self._take(request, turn, ahead, unused=True, to_book=2 * to_book)
        return turn, max(0, left // 1000 - _EARLY)

    def _placed(
        self, request: ExportRequest, turn: Turn, own: Turn | None, latest: int
    ) -> tuple[int, int | None]:
        """When the turn begins if it has a place in the licence's minute, and that place.

        It is the place of the `own` turn that this one replaces, if that has one. If it is free
        after `latest` only, gives the turn back, and returns that time and None.

        A minute has as many places as calls, and each place takes one call in a minute. So no
        minute, wherever it begins, has more calls than that. Places are given out in rotation.
        """
        begins = turn.begins
        if own and own.place is not None and own.licence == turn.licence:
            place, place_end = own.place, own.begins + _MINUTE
        else:
            place, place_end = self.calendar.ticket(turn.licence, begins), 0
            place %= self.calls_per_minute
        while True:
            free, made, _ = self.calendar.book(
                f"place#{turn.licence}#{place}", begins, _MINUTE, place_end, latest
            )
            if not made:
                # A booking of no length, instead of the turn: if it was the last one, it is gone.
                self.calendar.book(_pace(request), begins, 0, begins + _TURN, latest)
                return free, None
            if free == begins:
                return begins, place
            # The environment's time moves to when the place is free, or behind what is booked.
            place_end = free + _MINUTE
            begins, _, _ = self.calendar.book(
                _pace(request), free, _TURN, begins + _TURN, free + _NO_LIMIT
            )
            if free == begins:
                return begins, place

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _pace(request: ExportRequest) -> str:
    return f"pace#{request.environment_id}"
