"""The cost of a handler before its first line runs: its imports."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from statistics import median

from benchmarks import report
from local.paths import SAM_BUILD, python_of

PROCESSES = 15

_HANDLERS = ("StartReport", "CheckReport", "FetchReport")
_LAYERS = [SAM_BUILD / layer / "python" for layer in ("PingOneReportsLayer", "UnzipLayer")]
_BASELINE = """\
import boto3
import requests
from aws_lambda_powertools import Logger

logger = Logger()
"""
_MEASURE = """\
import time
cpu = time.process_time()
import app
print(time.process_time() - cpu)
"""


def run(_out: Path) -> str:
    """Start many processes, and return the chapter."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        handlers = {"baseline": folder / "baseline"} | {
            name: SAM_BUILD / name for name in _HANDLERS
        }
        handlers["baseline"].mkdir()
        (handlers["baseline"] / "app.py").write_text(_BASELINE)
        shipped, uncompiled = folder / "shipped", folder / "uncompiled"
        for handler in handlers.values():
            _milliseconds(handler, shipped, write_bytecode=True)
        # `sam build` compiles the layers alone, and Lambda's file system is read-only.
        for handler in handlers.values():
            shutil.rmtree(shipped / handler.relative_to("/"))
        shutil.copytree(shipped, uncompiled)
        for layer in _LAYERS:
            shutil.rmtree(uncompiled / layer.relative_to("/"))
        measured: dict[tuple[str, Path], list[float]] = defaultdict(list)
        for _ in range(PROCESSES):
            for name, handler in handlers.items():
                for bytecode in (shipped, uncompiled):
                    measured[name, bytecode].append(_milliseconds(handler, bytecode))
    imports = {name: median(measured[name, shipped]) for name in handlers}
    return "\n".join(
        (
            "## Cold start\n",
            f"Medians of {PROCESSES} fresh processes each, interleaved, on warm files, with "
            f"Python {sys.version_info.major}.{sys.version_info.minor} and the built layers: "
            "milliseconds of CPU to import a handler. The baseline imports boto3, requests and "
            "Powertools' Logger, and does nothing. Goal: at most 1.3 times the baseline for "
            "StartReport and CheckReport. The last column is the import if the layers had no "
            "bytecode, as `sam build` by itself leaves them.\n",
            report.table(
                ("handler", "import", "ratio", "import without bytecode"),
                (
                    (
                        name,
                        f"{milliseconds:.0f} ms",
                        f"{milliseconds / imports['baseline']:.2f}",
                        f"{median(measured[name, uncompiled]):.0f} ms",
                    )
                    for name, milliseconds in imports.items()
                ),
            ),
        )
    )


def _milliseconds(handler: Path, bytecode: Path, *, write_bytecode: bool = False) -> float:
    done = subprocess.run(
        [python_of("runtime"), "-c", _MEASURE],
        # As on Lambda, without this shell's variables.
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (handler, *_LAYERS))),
            "PYTHONPYCACHEPREFIX": str(bytecode),
            "PYTHONDONTWRITEBYTECODE": "" if write_bytecode else "1",
        },
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return 1000 * float(done.stdout)
