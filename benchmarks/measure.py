"""The harness: rounds over all contestants, each in a new order, every run in a new process."""

import json
import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from benchmarks.report import number

ROUNDS = int(os.environ.get("ROUNDS", "5"))
MB = 1_000_000

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class Task:
    """A contestant on its data: `prepare` returns the function that is measured.

    It runs in a worker, so its module should import little, and its arguments must be JSON.
    """

    prepare: Callable[..., Callable[[], object]]
    arguments: Mapping[str, object]
    rounds: int = ROUNDS


@dataclass(frozen=True)
class Run:
    """One run: CPU seconds (with the programs that it called), wall seconds, and peak in MB."""

    cpu: float
    wall: float
    peak: float
    result: Any


@dataclass(frozen=True)
class Runs:
    """All runs of one task."""

    runs: list[Run] = field(default_factory=list)

    @property
    def cpu(self) -> float:
        """The median, in seconds."""
        return statistics.median(run.cpu for run in self.runs)

    @property
    def peak(self) -> float:
        """The median, in MB."""
        return statistics.median(run.peak for run in self.runs)


def with_spread(values: Sequence[float]) -> str:
    """The median, with the minimum and the maximum: 1.23 (1.20-1.31)."""
    median = number(statistics.median(values))
    if len(values) < 2:
        return median
    return f"{median} ({number(min(values))}-{number(max(values))})"


def measure(
    tasks: Mapping[_Key, Task],
    environment: Mapping[str, str] | None = None,
    check: Callable[[_Key, Run], None] = lambda _key, _run: None,
) -> dict[_Key, Runs]:
    """Run every task in every round; `check` sees each run and raises if its result is wrong."""
    measured: dict[_Key, Runs] = {key: Runs() for key in tasks}
    for round_number in range(max(task.rounds for task in tasks.values())):
        keys = [key for key, task in tasks.items() if round_number < task.rounds]
        random.shuffle(keys)
        for key in keys:
            run = _run(tasks[key], environment)
            check(key, run)
            measured[key].runs.append(run)
    return measured


def _run(task: Task, environment: Mapping[str, str] | None) -> Run:
    order = {
        "module": task.prepare.__module__,
        "function": task.prepare.__name__,
        "arguments": task.arguments,
    }
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.worker"],
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
        check=True,
    )
    taken = json.loads(done.stdout)
    return Run(taken["cpu"], taken["wall"], taken["peak"] / MB, taken["result"])
