"""Many exports requested at once: whether all succeed, and how near they come to PingOne's limits.

50 exports of one environment and a fleet of 200 run on the whole stack. Larger loads need more
functions than a small machine can run at once, and hours. They run in virtual time.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from uuid import uuid4

from benchmarks import report
from local.display import console, simulated
from local.paths import ROOT
from local.pingone_limits import earliest_last_call
from local.pingone_simulator import ListedEnvironment, PingOneSimulator, Scenario
from local.stack import Stack
from local.virtual_load import CALLS_OF_AN_EXPORT, Run, VirtualLoad

# How many of each function run at once on this machine.
_CONCURRENCY = 8
_TIME_SCALE = 0.4
_PAGE = ROOT / "benchmarks" / "load.md"
_MARKS = "<!-- load -->", "<!-- end of load -->"

# A fleet runs 200 exports at a time.
_AT_A_TIME = 200
_LICENCE = str(uuid4())


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
        "half tell their licence",
        VirtualLoad([1] * 1000, licence=lambda number: _LICENCE if number % 2 else None),
    ),
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
    exports: Sequence[int] = [50]
    fleet: Sequence[int] = [1] * 200
    with _whole_stack() as (stack, pingone):
        ended = _export(stack, exports[0])
        rows = [("whole stack", exports, _measured(pingone, exports))]
    with _whole_stack() as (stack, pingone):
        ended += _export_fleet(stack, pingone, len(fleet))
        # Here the machine is the limit: it runs no 200 exports at once.
        rows += [("whole stack, a fleet", fleet, _measured(pingone, fleet))]
    rows += [(name, load.environments, load.run()) for name, load in _VIRTUAL]
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
    if set(ended) != {"SUCCEEDED"}:
        console.print(dict(ended))
        return 1
    return 0


@contextmanager
def _whole_stack() -> Iterator[tuple[Stack, PingOneSimulator]]:
    """A deployed stack, and the PingOne that it calls."""
    with simulated("load", Scenario(rows=50), _TIME_SCALE) as (stack, pingone):
        functions = stack.cloud.client("lambda")
        for function in functions.list_functions()["Functions"]:
            functions.put_function_concurrency(
                FunctionName=function["FunctionName"], ReservedConcurrentExecutions=_CONCURRENCY
            )
        yield stack, pingone


def _export(stack: Stack, exports: int) -> Counter[str]:
    """How exports of one environment ended."""
    request = {"environmentId": str(uuid4())}
    started = [stack.start_export(request) for _ in range(exports)]
    return Counter(stack.wait_for(arn, timeout_seconds=3600)["status"] for arn in started)


def _export_fleet(stack: Stack, pingone: PingOneSimulator, environments: int) -> Counter[str]:
    """How the exports of a fleet ended, and the fleet."""
    pingone.list_environments(
        [ListedEnvironment(str(uuid4()), f"Customers {number}") for number in range(environments)]
    )
    fleet = stack.wait_for(stack.start_fleet({"formats": ["csv"]}), timeout_seconds=3600)
    pages = stack.cloud.client("stepfunctions").get_paginator("list_executions")
    exports = [
        execution["status"]
        for page in pages.paginate(stateMachineArn=stack.outputs["StateMachineArn"])
        for execution in page["executions"]
    ]
    return Counter([fleet["status"], *exports])


def _measured(pingone: PingOneSimulator, load: Sequence[int]) -> Run:
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
