"""The memory that FetchReport should have, computed from the CPU seconds of `pipeline`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.pipeline import Key, measured
from benchmarks.report import COLOURS, figure, number, save, table
from local.paths import ROOT

# "Configure Lambda function memory", docs.aws.amazon.com; "AWS Lambda Pricing", arm64, us-east-1.
_MB_PER_VCPU = 1769
_DOLLARS_PER_GB_SECOND = 0.0000133334

_MEMORIES = (256, 512, 1024, 1769, 3538)
_FETCHES = {"none": "ours", "gzip": "ours, gzip"}


class _Case(NamedTuple):
    name: str
    cpu: float
    """CPU seconds for a report of 1 GB."""


def run(out: Path) -> str:
    """Compute, draw, and return the chapter."""
    cases = list(_cases())
    deployed = _deployed_memory()
    slowest = max(case.cpu for case in cases)
    return "\n".join(
        [
            "## Memory of the function\n",
            "Seconds and dollars of FetchReport for a report of 1 GB (CSV and JSON together), from "
            "the CPU seconds of a whole fetch above. Lambda gives a function of 1,769 MB one vCPU, "
            "and others a share in proportion; a GB-second costs $0.0000133334 on arm64. It is "
            "taken that a vCPU is as fast as this machine's, that the network is no limit, and "
            "that of two vCPUs each works on one of the two files, side by side: the larger one "
            "is the time of both.\n",
            _draw(cases, out / "lambda_memory.png"),
            table(
                ["memory MB", "vCPU", *(f"{case.name}: s" for case in cases)],
                [
                    [memory, memory / _MB_PER_VCPU, *(_seconds(case.cpu, memory) for case in cases)]
                    for memory in _MEMORIES
                ],
            ),
            table(
                ["memory MB", *(f"{case.name}: $ / 1,000" for case in cases)],
                [
                    [memory, *(1000 * _dollars(case.cpu, memory) for case in cases)]
                    for memory in _MEMORIES
                ],
            ),
            "Up to one vCPU the price is the same, because what takes half the memory takes twice "
            f"the seconds. {_MB_PER_VCPU} MB are the most that an export surely uses: above, the "
            "other file's thread has to fill the second vCPU, and Python's threads wait for each "
            "other now and then, so the numbers there are the best case; an export of one format "
            f"pays for it in vain. The template has {deployed} MB, which is "
            f"{'right' if deployed == _MB_PER_VCPU else 'to be changed'}. Twice that costs "
            f"{_dollars(slowest, 3538) / _dollars(slowest, 1769) - 1:.0%} more and saves at best "
            f"{1 - _seconds(slowest, 3538) / _seconds(slowest, 1769):.0%} of the time. Of the "
            f"function's 900 s, a report of 1 GB takes {number(_seconds(slowest, 1769))} s there "
            f"at most, and {number(_seconds(slowest, 256))} s with 256 MB.\n",
        ]
    )


def _cases() -> Iterator[_Case]:
    runs, megabytes = measured()
    gigabytes = sum(megabytes.values()) / 1000
    for cipher in dict.fromkeys(key.cipher for key in runs):
        for compression, contestant in _FETCHES.items():
            cpu = runs[Key(cipher, contestant)].cpu
            yield _Case(f"{cipher}, {compression}", cpu / gigabytes)


def _seconds(cpu: float, memory: int) -> float:
    """Two files keep at most two vCPUs busy; when the smaller one is done, one vCPU."""
    megabytes = measured().megabytes
    larger = max(megabytes.values()) / sum(megabytes.values())
    vcpus = memory / _MB_PER_VCPU
    return cpu / vcpus if vcpus <= 1 else max(cpu / vcpus, cpu * larger)


def _dollars(cpu: float, memory: int) -> float:
    return _seconds(cpu, memory) * memory / 1024 * _DOLLARS_PER_GB_SECOND


def _deployed_memory() -> int:
    template = (ROOT / "template.yaml").read_text()
    found = re.search(r"\n  FetchReport:.*?MemorySize: (\d+)", template, re.DOTALL)
    assert found
    return int(found[1])


def _draw(cases: list[_Case], path: Path) -> str:
    drawing, (time, price) = figure(3.2, columns=2)
    memories = range(_MEMORIES[0], _MEMORIES[-1] + 1, 2)
    for case, colour in zip(cases, COLOURS, strict=False):
        time.plot(memories, [_seconds(case.cpu, memory) for memory in memories], color=colour)
        dollars = [1000 * _dollars(case.cpu, memory) for memory in memories]
        price.plot(memories, dollars, color=colour, label=case.name)
    for axes, title in ((time, "Seconds for 1 GB"), (price, "Dollars for 1,000 reports of 1 GB")):
        axes.set_title(title)
        axes.set_xlabel("memory, MB")
        axes.set_xticks(_MEMORIES, [str(memory) for memory in _MEMORIES])
        axes.tick_params(axis="x", labelrotation=45)
        axes.set_ylim(bottom=0)
    price.legend(fontsize=9)
    return save(drawing, path)
