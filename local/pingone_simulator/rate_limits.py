"""How often the dataExplorations endpoint may be called."""

import math
import threading
from collections import deque

from local.pingone_simulator.clock import Clock

_SECONDS_BETWEEN_CALLS = 5.0


class RateLimits:
    """One call in five seconds for an environment; 600 a minute for a licence (all environments).

    Sources: PingOne's "MFA reports", "You cannot call the dataExplorations endpoint more than once
    per 5 seconds for the same environment"; and "Rate limiting", Analytics.
    """

    def __init__(self, clock: Clock, *, calls_per_minute: int = 600) -> None:
        self._clock = clock
        self._calls_per_minute = calls_per_minute
        self._last_call: dict[str, float] = {}
        self._last_minute: deque[float] = deque()
        self._lock = threading.Lock()

    def admit(self, environment_id: str) -> int | None:
        """None if the call is allowed, else the whole seconds to wait; a refused call is free."""
        with self._lock:
            now = self._clock.seconds()
            while self._last_minute and self._last_minute[0] <= now - 60:
                self._last_minute.popleft()
            last = self._last_call.get(environment_id, -math.inf)
            wait = last + _SECONDS_BETWEEN_CALLS - now
            if len(self._last_minute) >= self._calls_per_minute:
                wait = max(wait, self._last_minute[0] + 60 - now)
            if wait > 0:
                return math.ceil(wait)
            self._last_call[environment_id] = now
            self._last_minute.append(now)
            return None
