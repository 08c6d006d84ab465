"""The least time that PingOne's limits leave for the calls of many environments of one licence."""

from collections.abc import Sequence

_SECONDS_BETWEEN_CALLS, _MINUTE = 5, 60
_CALLS_PER_MINUTE = 600


def earliest_last_call(calls: Sequence[int], per_minute: int = _CALLS_PER_MINUTE) -> int:
    """No schedule of so many `calls` for each environment makes the last one earlier, in seconds.

    Each minute has room for `per_minute` calls. What whole minutes have no room for comes after
    them, when an environment calls once in five seconds.
    """
    minutes = max(sum(calls) - 1, 0) // per_minute
    rest = sum(calls) - minutes * per_minute
    rounds = -(-rest // len(calls)) if calls else 1
    return max(
        minutes * _MINUTE + (rounds - 1) * _SECONDS_BETWEEN_CALLS,
        (max(calls, default=1) - 1) * _SECONDS_BETWEEN_CALLS,
    )
