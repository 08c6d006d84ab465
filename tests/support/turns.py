"""Turns at PingOne without a table, and what else a start needs."""

import threading
from collections.abc import Callable
from typing import Any


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


class FakeOnce:
    """Remembers results as long as it lives."""

    def __init__(self) -> None:
        self._results: dict[str, dict[str, Any]] = {}

    def run(self, execution_arn: str, function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        if execution_arn not in self._results:
            self._results[execution_arn] = function()
        return self._results[execution_arn]
