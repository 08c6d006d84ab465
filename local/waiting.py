"""Waits until something is seen: nobody guesses how long a busy machine takes."""

import time
from collections.abc import Callable
from typing import TypeVar

_Seen = TypeVar("_Seen")


def wait_until(look: Callable[[], _Seen], what: str = "It", seconds: float = 300) -> _Seen:
    """What `look` returns, as soon as it is true. Raises TimeoutError, for a run that hangs."""
    deadline = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} was not there after {seconds} s.")
        time.sleep(0.05)
    return seen
