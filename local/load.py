"""Many exports requested at once: whether all succeed, and how near they come to PingOne's limits.

50 exports of one environment and a fleet of 200 run on the whole stack. Larger loads need more
functions than a small machine can run at once, and hours. They run in virtual time.
"""

import sys
from collections.abc import Callable, Sequence
from random import Random
from uuid import uuid4

from benchmarks import report
from local.display import console, simulated
from local.paths import ROOT
from local.pingone_simulator import ListedEnvironment, Scenario
from local.virtual_load import CALLS_OF_AN_EXPORT, Run, VirtualLoad, earliest_last_call

# How many of each function run at once on this machine.
_CONCURRENCY = 8
_TIME_SCALE = 0.4
_PAGE = ROOT / "benchmarks" / "load.md"
_MARKS = "<!-- load -->", "<!-- end of load -->"

# A fleet runs 200 exports at a time.
_AT_A_TIME = 200


def _late(least: float, most: float) -> Callable[[Random], float]:
    return lambda dice: dice.uniform(least, most)


_VIRTUAL: Sequence[tuple[str, VirtualLoad]] = (
    ("virtual time", VirtualLoad([50])),
    ("virtual time", VirtualLoad([5] * 100)),
    ("virtual time", VirtualLoad([1] * 1000)),
    ("200 at a time", VirtualLoad([1] * 1000, _AT_A_TIME)),
    ("200 at a time", VirtualLoad([1] * 10_000, _AT_A_TIME)),
    ("too much at once", VirtualLoad([200])),
    ("too much at once", VirtualLoad([50] * 100)),
    ("starts 2 to 4 s late", VirtualLoad([50], start=_late(2, 4))),
    ("starts 3 to 5 s late", VirtualLoad([50], start=_late(3, 5))),
    ("starts 0.2 to 8 s late", VirtualLoad([50], start=_late(0.2, 8))),
    ("starts 0.2 to 8 s late", VirtualLoad([5] * 100, start=_late(0.2, 8))),
    ("clocks 0.25 s wrong", VirtualLoad([50], clocks=0.25)),
    ("clocks 0.25 s wrong", VirtualLoad([5] * 100, clocks=0.25)),
    (
        "reports of 5 minutes, 200 at a time",
        VirtualLoad([1] * 1000, _AT_A_TIME, generating=lambda _: 300),
    ),
    (
        "the next night, as long within 20%",
        VirtualLoad([1] * 1000, _AT_A_TIME, generating=lambda _: 300, known=True),
    ),
    *(
        (
            f"ten functions, {seconds} s, {at_once} at a time",
            VirtualLoad([1] * 200, at_once, quota=10, fetching=seconds),
        )
        for seconds, at_once in ((15, _AT_A_TIME), (60, 10))
    ),
)


def main() -> int:
    """Run all loads, and write benchmarks/load.md's table; returns the exit status."""
    # For the second, the machine is the limit: it runs no 200 exports at once.
    whole = {"whole stack": [50], "whole stack, a fleet": [1] * 200}
    rows = [(name, load, _on_the_whole_stack(load)) for name, load in whole.items()]
    rows += [(name, [*load.environments], load.run()) for name, load in _VIRTUAL]
    table = report.table(
        ("", "exports", "environments", "failed", "calls", "429s", "bound", "took", "ratio"),
        [
            (
                name,
                sum(load),
                len(load),
                run.expired,
                run.calls,
                run.refused,
                f"{run.bound:,.0f} s",
                f"{run.elapsed:,.0f} s",
                f"{run.ratio:.2f}",
            )
            for name, load, run in rows
        ],
    )
    console.print(table, soft_wrap=True, markup=False)
    before, _, rest = _PAGE.read_text(encoding="utf-8").partition(_MARKS[0])
    after = rest.partition(_MARKS[1])[2]
    _PAGE.write_text(f"{before}{_MARKS[0]}\n{table}{_MARKS[1]}{after}", encoding="utf-8")
    console.print(f"{_PAGE.relative_to(ROOT)} is written.")
    return 0


def _on_the_whole_stack(load: Sequence[int]) -> Run:
    """What came of exports of one environment, or of a fleet; raises if one has failed."""
    with simulated("load", Scenario(rows=50), _TIME_SCALE) as (stack, pingone):
        functions = stack.cloud.client("lambda")
        for function in functions.list_functions()["Functions"]:
            functions.put_function_concurrency(
                FunctionName=function["FunctionName"], ReservedConcurrentExecutions=_CONCURRENCY
            )
        if len(load) == 1:
            request = {"environmentId": str(uuid4())}
            started = [stack.start_export(request) for _ in range(load[0])]
        else:
            pingone.list_environments(
                [ListedEnvironment(str(uuid4()), f"Customers {n}") for n in range(len(load))]
            )
            # One that tolerates no failed export.
            started = [stack.start_fleet({"formats": ["csv"]})]
        ended = [stack.wait_for(arn, timeout_seconds=3600) for arn in started]
        if failed := [each for each in ended if each["status"] != "SUCCEEDED"]:
            raise RuntimeError(f"{len(failed)} of {len(ended)} have failed: {failed[0]}")
        calls = [call for call in pingone.requests if "dataExplorations" in call.path]
    answered = [call.seconds for call in calls if call.status in (200, 201)]
    return Run(
        calls=len(calls),
        refused=sum(call.status == 429 for call in calls),
        expired=sum(call.status == 404 for call in calls),
        elapsed=max(answered) - min(answered),
        bound=earliest_last_call([CALLS_OF_AN_EXPORT * exports for exports in load]),
    )


if __name__ == "__main__":
    sys.exit(main())
