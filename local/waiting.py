"""Waits until something is seen: nobody guesses how long a busy machine takes."""

import time
from collections.abc import Callable
from typing import TypeVar

_Seen = TypeVar("_Seen")


def wait_until(look: Callable[[], _Seen | None], what: str = "it", seconds: float = 300) -> _Seen:
    """What `look` returns, as soon as that is true. Raises TimeoutError if nothing ever comes."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"After {seconds} s, this is still not so: {what}")
        time.sleep(0.05)
    return seen
