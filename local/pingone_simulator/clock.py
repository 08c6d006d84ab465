"""The simulator's time: API seconds, which may pass faster than wall seconds."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """The simulator's clock; tests pass one that they move by hand."""

    def seconds(self) -> float:
        """API seconds since some fixed moment."""

    def instant(self, seconds: float) -> datetime:
        """The wall-clock time at which `seconds()` has this value."""


class ScaledClock:
    """An API second takes `time_scale` seconds of wall time."""

    def __init__(self, time_scale: float = 1.0) -> None:
        self._time_scale = time_scale
        self._monotonic_start = time.monotonic()
        self._wall_start = datetime.now(UTC)

    def seconds(self) -> float:
        return (time.monotonic() - self._monotonic_start) / self._time_scale

    def instant(self, seconds: float) -> datetime:
        return self._wall_start + timedelta(seconds=seconds * self._time_scale)
