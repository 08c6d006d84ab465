"""Calls that run at once, in an order that dice choose: it is the same in each run."""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor


class Interleaving:
    """One call at a time goes on; at each `pause` the dice say which."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self._waiting: list[threading.Event] = []
        self._mine = threading.local()

    def run(self, calls: Sequence[Callable[[], object]]) -> None:
        """Run all to their ends. Raises what one of them raises."""
        self._waiting = [threading.Event() for _ in calls]
        with ThreadPoolExecutor(len(calls)) as pool:
            ended = list(map(pool.submit, [self._alone] * len(calls), self._waiting, calls))
            self._next()
        for future in ended:
            future.result()

    def pause(self) -> None:
        """Let any of the calls go on, this one too; without other calls, it does nothing."""
        if mine := getattr(self._mine, "turn", None):
            mine.clear()
            self._waiting.append(mine)
            self._next()
            mine.wait()

    def _alone(self, turn: threading.Event, call: Callable[[], object]) -> None:
        self._mine.turn = turn
        turn.wait()
        try:
            call()
        finally:
            self._next()

    def _next(self) -> None:
        if self._waiting:
            self._waiting.pop(self._dice.randrange(len(self._waiting))).set()
