"""Each chapter of the benchmark runs: a tiny round, whose numbers say nothing."""

import os
import subprocess

from local.paths import ROOT, python_of


def test_every_chapter_of_the_benchmark_runs() -> None:
    done = subprocess.run(
        [python_of("benchmark"), "-m", "benchmarks"],
        cwd=ROOT,
        env=os.environ | {"TINY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
