"""Runs a function under AWS's runtime client: `run_function.py <wait scale> <handler>`.

If the local cloud's waits are shortened, the clock of turns runs faster by the same factor.
"""

import os
import sys
import time
from functools import cache
from pathlib import Path

from awslambdaric.__main__ import main


def _hurry(wait_scale: float) -> None:
    from pingone_reports import wiring
    from pingone_reports.pingone.turns import Turns

    turns = wiring.turns

    @cache
    def hurried(table: str, calls_per_minute: int) -> Turns:
        return Turns(
            turns(table, calls_per_minute).calendar,
            calls_per_minute,
            lambda: time.time() / wait_scale,
            lambda seconds: time.sleep(seconds * wait_scale),
        )

    wiring.turns = hurried


if __name__ == "__main__":
    wait_scale = float(sys.argv.pop(1))
    if wait_scale != 1:
        _hurry(wait_scale)
    if folder := os.environ.get("OBSERVATIONS"):
        # For the fact sheet of `make export`, which alone has such a folder.
        sys.path.append(str(Path(__file__).resolve().parents[1]))
        from local.observations import observe

        observe(Path(folder))
    main(sys.argv)
