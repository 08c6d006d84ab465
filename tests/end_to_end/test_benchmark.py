"""Each chapter of the benchmark runs: a tiny round, whose numbers say nothing."""

import os
import subprocess

import pytest

from benchmarks import CHAPTERS
from local.paths import ROOT, python_of


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_of_the_benchmark_runs(chapter: str) -> None:
    done = subprocess.run(
        [python_of("benchmark"), "-m", "benchmarks", chapter],
        cwd=ROOT,
        env=os.environ | {"TINY": "1"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "## " in done.stdout
