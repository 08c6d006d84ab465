"""One measurement in its own process: it reads a task from standard input, and prints the cost.

The task names a function that returns the function to measure. Needs Linux's /proc.
"""

import json
import re
import resource
import sys
import time
from importlib import import_module
from pathlib import Path


def main() -> None:
    """Prepare, run, and print seconds, bytes and the result as JSON."""
    task = json.load(sys.stdin)
    run = getattr(import_module(task["module"]), task["function"])(**task["arguments"])
    cpu, wall = _cpu_seconds(), time.perf_counter()
    result = run()
    cpu, wall = _cpu_seconds() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": cpu, "wall": wall, "peak": _peak_bytes(), "result": result}))


def _cpu_seconds() -> float:
    """CPU seconds of all threads, and of the programs that have ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _peak_bytes() -> int:
    """The peak of resident memory; getrusage would include the time before the exec."""
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(peak[1]) * 1024 if peak else 0


if __name__ == "__main__":
    main()
