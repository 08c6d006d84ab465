"""Turns at PingOne without a table."""

import threading


class FakeCalendar:
    """A calendar in memory; `bookings` counts what was booked."""

    def __init__(self) -> None:
        self._booked_until: dict[str, int] = {}
        self._lock = threading.Lock()
        self.bookings = 0

    def book(
        self, environment_id: str, earliest: int, length: int, own_end: int, latest: int
    ) -> tuple[int, bool]:
        with self._lock:
            booked_until = self._booked_until.get(environment_id, 0)
            begins = earliest if booked_until in (own_end, 0) else max(earliest, booked_until)
            if begins > latest:
                return begins, False
            self._booked_until[environment_id] = begins + length
            self.bookings += 1
            return begins, True
