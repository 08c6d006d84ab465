"""The calendar of turns in memory, for simulations and tests."""

import threading
from collections.abc import Callable

from pingone_reports.aws.calendar import COMMON, Booking, TurnCalendar


class MemoryCalendar(TurnCalendar):
    """`bookings` counts the times that were booked.

    `pause` is called before each write.
    """

    def __init__(self, pause: Callable[[], None] = lambda: None) -> None:
        self._pause = pause
        self._booked_until: dict[str, int] = {}
        self._licences: dict[str, str] = {}
        self._first = ""
        self._tickets: dict[str, int] = {}
        self._lock = threading.Lock()
        self.bookings = 0

    def book(
        self,
        key: str,
        earliest: int,
        length: int,
        own_end: int,
        latest: int,
        licence: str | None = None,
    ) -> Booking:
        self._pause()
        with self._lock:
            booked_until = self._booked_until.get(key, 0)
            begins = earliest if booked_until in (own_end, 0) else max(earliest, booked_until)
            made = begins <= max(latest, earliest)
            if made:
                self._booked_until[key] = begins + length
                self.bookings += 1
                if licence:
                    self._licences[key] = licence
            return Booking(begins, made, self._licences.get(key))

    def pool(self, licence: str, now: int) -> str:  # noqa: ARG002 -- only a real item expires
        with self._lock:
            if licence != COMMON:
                self._first = self._first or licence
            return COMMON if licence in (COMMON, self._first) else licence

    def ticket(self, pool: str, now: int) -> int:  # noqa: ARG002 -- only a real item expires
        self._pause()
        with self._lock:
            self._tickets[pool] = self._tickets.get(pool, 0) + 1
            return self._tickets[pool]
