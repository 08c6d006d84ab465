"""The functions that an account may run at once, in virtual time."""

import heapq
import math
import random
from collections import Counter
from functools import cache
from typing import Any

import yaml

from local.paths import ROOT


class AccountQuota:
    """Lets at most `most` functions run. A refused one is tried again, as the definition says."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._running: set[int] = set()
        # When functions end that do nothing more until then.
        self._ends: list[float] = []
        self._refused: Counter[int] = Counter()

    def pause_of(self, export: int, now: float, dice: random.Random) -> float:
        """0 if the export's function runs now; else the seconds until another try.

        Without end, if it was refused as often as Step Functions tries. An export runs one function
        at a time.
        """
        while self._ends and self._ends[0] <= now:
            heapq.heappop(self._ends)
        if export in self._running or len(self._running) + len(self._ends) < self._most:
            self._running.add(export)
            del self._refused[export]
            return 0
        retrier, before = _retrier(), self._refused[export]
        if before == retrier["MaxAttempts"]:
            return math.inf
        self._refused[export] += 1
        delay = retrier["IntervalSeconds"] * retrier["BackoffRate"] ** before
        return dice.uniform(0, min(delay, retrier["MaxDelaySeconds"]))

    def end(self, export: int, at: float) -> None:
        """The export's function ends then."""
        self._running.discard(export)
        heapq.heappush(self._ends, at)


@cache
def _retrier() -> dict[str, Any]:
    definition = (ROOT / "statemachine" / "export_report.asl.yaml").read_text(encoding="utf-8")
    (retrier,) = (
        rule
        for rule in yaml.safe_load(definition)["States"]["FetchReport"]["Retry"]
        if "Lambda.TooManyRequestsException" in rule["ErrorEquals"]
    )
    return dict(retrier)
