"""Waits until something is seen: nobody guesses how long a busy machine takes."""

import time
from collections.abc import Callable
from typing import TypeVar

_Seen = TypeVar("_Seen")


def wait_until(look: Callable[[], _Seen | None], what: str = "it", seconds: float = 300) -> _Seen:
    """What `look` returns, as soon as that is true. Raises TimeoutError if nothing ever comes."""
    deadline, pause = time.monotonic() + seconds, 0.02
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {seconds} s, this is still not so: {what}")
        # Each look costs somebody's processor, and many look at once.
        time.sleep(pause)
        pause = min(1.5 * pause, 0.3)
    return seen
