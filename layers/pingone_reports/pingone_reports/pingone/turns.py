"""Turns at PingOne: which export may call, and when.

PingOne takes one dataExplorations call in five seconds for one environment, and 600 calls in a
minute for one licence, which many environments share. So each call has a turn: a time at which no
other export calls for that environment, and one of the places in the licence's minute.

An export books its turn when a call is due, and waits until it begins. The environment's time may
be booked minutes ahead. The place is booked when the time is near: until then, others may use it.
"""

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Self

from pingone_reports.aws.calendar import COMMON, TurnCalendar
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.polling import MIN_SECONDS_BETWEEN_CALLS

# "Rate limiting", developer.pingidentity.com: the Analytics group's calls for one licence.
MAX_CALLS_PER_MINUTE = 600

# PingOne counts a call when it arrives. Two calls take different times to get there, and the clocks
# of two functions differ a little. So a turn and a minute are longer than PingOne's by this.
_TURN_MS = MIN_SECONDS_BETWEEN_CALLS * 1000 + 500
_MINUTE_MS = 60_000 + 1000
# A call that is decided later than this after its turn's beginning comes too near the next one.
_LATEST_MS = 250
# To book a turn and to note a start takes some time. So a turn begins this much later at least.
_TO_BOOK_MS = 300

# A state machine waits for whole seconds, and a function may need some to start. So the wait ends
# this many seconds early, and the function sleeps for the rest. Who was later yet is woken earlier.
_EARLY_S = 2
_EARLIEST_S = 15
# A turn gets its place so many milliseconds before its function is woken.
_SOON_MS = 4000

# A create books no further ahead, so that reports that PingOne is generating get their turns long
# before they expire. If the queue is longer, the create comes back near the queue's end.
_CREATE_AHEAD_MS = 300_000
_NO_LIMIT_MS = 10**9


@dataclass(frozen=True)
class Turn:
    """The time for one call, in epoch milliseconds, and its place in the licence's minute.

    It has no place until it is near. Its function is woken `early` seconds before it begins.
    """

    begins: int
    licence: str
    place: int | None = None
    early: int = _EARLY_S

    @property
    def ends(self) -> int:
        """When the environment's next turn may begin."""
        return self.begins + _TURN_MS

    def to_state(self) -> dict[str, Any]:
        """The JSON form between states; `from_state` reads it back."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any] | None) -> Self | None:
        """Read what `to_state` wrote, also in an older version; None for None."""
        if not state:
            return None
        known = {each.name: state[each.name] for each in fields(cls) if each.name in state}
        return cls(**{"licence": COMMON, **known})

    def spent(self) -> Self | None:
        """What a call leaves: a turn that is over, if its `early` is more than usual."""
        return replace(self, begins=0, place=None) if self.early > _EARLY_S else None

    def early_next(self, now: int) -> int:
        """`early` of the next turn, when this one was missed: enough for the lateness just seen."""
        # One second more, because the wait was in whole seconds.
        late = self.early + 1 + math.ceil((now - self.begins) / 1000)
        return min(late, _EARLIEST_S) if self.begins else self.early


class Turns:
    """Gives out turns. `clock` returns epoch seconds, `sleep` waits for seconds of that clock."""

    def __init__(
        self,
        calendar: TurnCalendar,
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
        turn, wait = self._take(request, held, _CREATE_AHEAD_MS)
        if not turn:
            # Random, so that waiting exports do not all come back at once.
            wait -= int(random.uniform(0, _CREATE_AHEAD_MS / 2 / 1000))  # noqa: S311 -- no secret
        return turn, max(wait, 0 if turn else 1)

    def to_read(
        self, request: ExportRequest, held: Turn | None, *, unused: bool = False
    ) -> tuple[Turn, int]:
        """A turn, and the whole seconds to wait before it is `begin`'s.

        It is the one that the export holds, or a new one if that has begun: then a try before this
        one may have used it, unless the caller knows that it is unused.
        """
        turn, wait = self._take(request, held, _NO_LIMIT_MS, unused=unused)
        assert turn is not None
        return turn, wait

    def on_time(self, request: ExportRequest, turn: Turn, wait: int = 0) -> tuple[Turn, int]:
        """Sleep until the turn begins, or another one if it has passed; returns it.

        If there are seconds to wait, returns at once, with them. Otherwise call right after this.
        """
        while not wait and not self.begin(turn):
            turn, wait = self.to_read(request, turn, unused=True)
        return turn, wait

    def begin(self, turn: Turn) -> bool:
        """Sleep until the turn begins; False if it has passed."""
        self.sleep(max(0, turn.begins - self._now()) / 1000)
        return self._now() <= turn.begins + _LATEST_MS

    def _take(
        self,
        request: ExportRequest,
        held: Turn | None,
        ahead: int,
        *,
        unused: bool = False,
        to_book: int = _TO_BOOK_MS,
    ) -> tuple[Turn | None, int]:
        now, turn, own = self._now(), held, None
        if not turn or turn.begins + (_LATEST_MS if unused else 0) < now:
            booked = self.calendar.book(
                _pace(request),
                earliest=now + to_book,
                length=_TURN_MS,
                own_end=turn.ends if turn and unused else 0,
                latest=now + ahead,
                licence=request.license_id,
            )
            if not booked.made:
                return None, (booked.begins - now) // 1000
            own = turn if turn and unused else None
            early = turn.early_next(now) if turn else _EARLY_S
            turn = Turn(booked.begins, booked.licence or COMMON, early=early)
        if turn.place is None and turn.begins - now <= turn.early * 1000 + _SOON_MS:
            begins, place = self._placed(request, turn, own, now + ahead)
            if place is None:
                return None, (begins - now) // 1000
            turn = replace(turn, begins=begins, place=place)
        left = turn.begins - self._now()
        if left < -_LATEST_MS:
            # The table was slow, so this time it gets more.
            return self._take(request, turn, ahead, unused=True, to_book=2 * to_book)
        return turn, max(0, left // 1000 - turn.early)

    def _placed(
        self, request: ExportRequest, turn: Turn, own: Turn | None, latest: int
    ) -> tuple[int, int | None]:
        """When the turn begins if it has a place in the licence's minute, and that place.

        It is the place of the `own` turn that this one replaces, if that has one. If it is free
        after `latest` only, gives the turn back, and returns that time and None.

        A minute has as many places as calls, and each place takes one call in a minute. So no
        minute, wherever it begins, has more calls than that. Places are given out in rotation.
        """
        begins, pace = turn.begins, _pace(request)
        pool = self.calendar.pool(turn.licence, begins)
        if own and own.place is not None and own.licence == turn.licence:
            place, place_end = own.place, own.begins + _MINUTE_MS
        else:
            place, place_end = self.calendar.ticket(pool, begins) % self.calls_per_minute, 0
        key = f"place#{pool}#{place}"
        lengths, ends = {key: _MINUTE_MS, pace: _TURN_MS}, {key: place_end, pace: turn.ends}
        # Both move to when both are free: the environment's time behind what others have booked.
        while moved := [each for each in lengths if ends[each] != begins + lengths[each]]:
            key = moved[0]
            until = begins + _NO_LIMIT_MS if key == pace else latest
            booked = self.calendar.book(
                key, earliest=begins, length=lengths[key], own_end=ends[key], latest=until
            )
            if not booked.made:
                # A booking of no length, instead of the turn: if it was the last one, it is gone.
                over = ends[pace] - _TURN_MS
                self.calendar.book(pace, earliest=over, length=0, own_end=ends[pace], latest=latest)
                return booked.begins, None
            begins, ends[key] = booked.begins, booked.begins + lengths[key]
        return begins, place

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _pace(request: ExportRequest) -> str:
    return f"pace#{request.environment_id}"
