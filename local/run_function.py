"""Runs a function under AWS's runtime client: `run_function.py <wait scale> <handler>`.

Where the local cloud's waits are shortened, the clock of turns goes as much faster.
"""

import sys
import time

from awslambdaric.__main__ import main

if __name__ == "__main__":
    wait_scale = float(sys.argv.pop(1))
    if wait_scale != 1:
        from pingone_reports import wiring

        wiring.clock = lambda: time.time() / wait_scale
    main(sys.argv)
