"""How often an export polls PingOne, and how late it sees a finished report."""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING
from unittest.mock import patch

from benchmarks import report
from pingone_reports.pingone import polling

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLES = 4000
SHORTEST, LONGEST = 2.0, 1800.0
# From createdAt to updatedAt of the sample answer in PingOne's documentation.
DOCUMENTED = 5.6
# PingOne allows one call in five seconds: more than a fifth of a shorter report's own time.
LONG_ENOUGH = polling.MIN_SECONDS_BETWEEN_CALLS / polling.OVERSHOOT

_REQUESTED_AT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)

Wait = Callable[[int, float], float]
"""The seconds until the next call, by the number of calls so far and the report's age."""


@dataclass(frozen=True)
class Seen:
    """One report of `duration` seconds was seen after `polls` calls, `late` seconds late."""

    duration: float
    polls: int
    late: float


def see(duration: float, wait: Wait) -> Seen:
    """Poll until the report is ready. Calls take no time; the last one is at the deadline."""
    age, polls = 0.0, 0
    while age < duration:
        age = min(age + wait(polls, age), LONGEST)
        polls += 1
    return Seen(duration, polls, age - duration)


def exporter(_polls: int, age: float) -> float:
    """The application's own function."""
    return polling.seconds_until_next_poll(
        _REQUESTED_AT + timedelta(seconds=age),
        _REQUESTED_AT,
        _REQUESTED_AT + timedelta(seconds=LONGEST),
    )


def with_share(share: float) -> Wait:
    """The application's own function, with another share."""

    def wait(polls: int, age: float) -> float:
        with patch.object(polling, "OVERSHOOT", share):
            return exporter(polls, age)

    return wait


SCHEDULES: dict[str, Wait] = {
    "exporter": exporter,
    "every 5 s": lambda _polls, _age: 5,
    "every 60 s": lambda _polls, _age: 60,
    "doubling from 5 s": lambda polls, _age: 5 * 2**polls,
}
VARIANTS: dict[str, Wait] = {
    f"wait {share:.0%} of the age": with_share(share) for share in (0.1, polling.OVERSHOOT, 0.3)
}


def durations() -> list[float]:
    """The reports' durations in seconds, log-uniform, and the same in each run."""
    dice = random.Random(1)
    low, high = math.log(SHORTEST), math.log(LONGEST)
    return sorted(math.exp(dice.uniform(low, high)) for _ in range(SAMPLES))


def within_bound(seen: Seen) -> bool:
    """Whether it was seen within a fifth of its duration or five seconds."""
    return seen.late <= max(polling.MIN_SECONDS_BETWEEN_CALLS, polling.OVERSHOOT * seen.duration)


def run(out: Path) -> str:
    """Simulate, plot into `out`, and return the chapter."""
    sample = durations()
    seen = {name: [see(one, wait) for one in sample] for name, wait in SCHEDULES.items()}
    variants = {name: [see(one, wait) for one in sample] for name, wait in VARIANTS.items()}
    return "\n".join(
        (
            "## Polling\n",
            f"A simulation of {SAMPLES:,} reports that take from {SHORTEST:g} seconds to "
            f"{LONGEST / 60:g} minutes (log-uniform), polled by the application's own "
            "`seconds_until_next_poll` and by three common schedules. All end at PingOne's "
            "30 minutes. *Late* is the time from ready to seen; its share of the report's own "
            f"duration is of reports over {LONG_ENOUGH:g} seconds, because for shorter ones "
            "PingOne's limit of a call in five seconds rules. The sample in PingOne's "
            f"documentation took {DOCUMENTED} seconds.\n",
            _table(seen, SCHEDULES),
            _plot(seen, out),
            "Of other shares of the age, a smaller one polls more and a bigger one is later than a "
            "fifth of the report's own time:\n",
            _table(variants, VARIANTS),
        )
    )


def _table(results: dict[str, list[Seen]], schedules: dict[str, Wait]) -> str:
    return report.table(
        (
            "schedule",
            "polls, median",
            "polls, worst",
            "late, median",
            "late, worst",
            "share, median",
            "share, worst",
            "in 20% or 5 s",
            f"{DOCUMENTED} s, seen at",
        ),
        (
            list(_row(name, seen, see(DOCUMENTED, schedules[name])))
            for name, seen in results.items()
        ),
    )


def _row(name: str, seen: Sequence[Seen], documented: Seen) -> Iterator[object]:
    late = [one.late for one in seen]
    shares = [one.late / one.duration for one in seen if one.duration > LONG_ENOUGH]
    yield name
    yield round(median(one.polls for one in seen))
    yield max(one.polls for one in seen)
    yield f"{report.number(median(late))} s"
    yield f"{report.number(max(late))} s"
    yield f"{median(shares):.1%}"
    yield f"{max(shares):.1%}"
    yield f"{sum(map(within_bound, seen)) / len(seen):.1%}"
    yield f"{documented.duration + documented.late:g} s"


def _plot(results: dict[str, list[Seen]], out: Path) -> str:
    drawing, (polls, late) = report.figure(height=4.2, columns=2)
    colours = (report.OURS, "#059669", "#db2777", report.OTHERS)
    for (name, seen), colour in reversed(list(zip(results.items(), colours, strict=True))):
        x = [one.duration for one in seen]
        polls.step(x, [one.polls for one in seen], color=colour, label=name, where="post")
        late.plot(x, [one.late for one in seen], ".", color=colour, markersize=2)
    sample = [one.duration for one in results["exporter"]]
    bound = [
        max(polling.MIN_SECONDS_BETWEEN_CALLS, polling.OVERSHOOT * duration) for duration in sample
    ]
    late.plot(sample, bound, color=report.REFERENCE, linestyle="--", label="20% or 5 s")
    polls.set(title="Polls per export", ylim=(0.9, 500))
    late.set(title="Seconds from ready to seen", ylim=(1, 1000))
    for axes in (polls, late):
        _log_log(axes)
    polls.legend(loc="upper left", reverse=True)
    late.legend(loc="upper left")
    return report.save(drawing, out / "polling.png")


def _log_log(axes: "Axes") -> None:
    axes.set(xscale="log", yscale="log", xlabel="seconds that PingOne takes")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter("{x:g}")
