"""The cost of a handler before its first line runs: its imports, and its AWS clients."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

from benchmarks import report
from benchmarks.measure import TINY
from local.paths import SAM_BUILD, python_of

PROCESSES = 1 if TINY else 15

_LAYER = SAM_BUILD / "PingOneReportsLayer" / "python"
_UNZIP_LAYER = SAM_BUILD / "UnzipLayer" / "python"
_BASELINE = """\
import boto3
import requests
from aws_lambda_powertools import Logger

logger = Logger()
"""
_MEASURE = """\
import time
wall, cpu = time.perf_counter(), time.process_time()
import app
print(time.perf_counter() - wall, time.process_time() - cpu)
cpu = time.process_time()
{make_clients}
print(time.process_time() - cpu)
"""
_SECRETS = 'app.wiring._client("secretsmanager")'


@dataclass(frozen=True)
class Function:
    """A handler to import, and the code that then makes its AWS clients."""

    name: str
    folder: Path
    make_clients: str


class Start(NamedTuple):
    """Milliseconds of one process."""

    import_wall: float
    import_cpu: float
    clients_cpu: float


def run(_out: Path) -> str:
    """Start many processes, and return the chapter."""
    with tempfile.TemporaryDirectory() as folder:
        functions = _functions(Path(folder))
        shipped, uncompiled = Path(folder, "shipped"), Path(folder, "uncompiled")
        for function in functions:
            _start(function, shipped, write_bytecode=True)
        # `sam build` compiles the layers alone, and Lambda's file system is read-only.
        for folder_of_function in {function.folder for function in functions}:
            shutil.rmtree(shipped / folder_of_function.relative_to("/"))
        shutil.copytree(shipped, uncompiled)
        for layer in _LAYER, _UNZIP_LAYER:
            shutil.rmtree(uncompiled / layer.relative_to("/"))
        starts: dict[str, list[Start]] = {function.name: [] for function in functions}
        uncompiled_starts: dict[str, list[Start]] = {function.name: [] for function in functions}
        for _ in range(PROCESSES):
            for function in functions:
                starts[function.name].append(_start(function, shipped))
                uncompiled_starts[function.name].append(_start(function, uncompiled))
    return "\n".join(
        (
            "## Cold start\n",
            f"Medians of {PROCESSES} fresh processes each, interleaved, on warm files, with "
            f"Python {sys.version_info.major}.{sys.version_info.minor} and the built layers: "
            "milliseconds to import a handler, and then to make the AWS clients that it needs "
            "(Secrets Manager; FetchReport also S3). The baseline imports boto3, requests and "
            "Powertools' Logger, and does nothing. Goal: at most 1.3 times the baseline for "
            "StartReport and CheckReport. The last column is the import if the layers had no "
            "bytecode, as `sam build` by itself leaves them.\n",
            _table(starts, uncompiled_starts),
        )
    )


def _functions(folder: Path) -> Sequence[Function]:
    baseline = folder / "baseline"
    baseline.mkdir()
    (baseline / "app.py").write_text(_BASELINE)
    return (
        Function("baseline", baseline, 'app.boto3.client("secretsmanager")'),
        Function("StartReport", SAM_BUILD / "StartReport", _SECRETS),
        Function("CheckReport", SAM_BUILD / "CheckReport", _SECRETS),
        Function(
            "FetchReport",
            SAM_BUILD / "FetchReport",
            f'{_SECRETS}; app.wiring._client("s3")',
        ),
    )


def _start(function: Function, bytecode: Path, *, write_bytecode: bool = False) -> Start:
    program = _MEASURE.format(make_clients=function.make_clients)
    done = _python(function, bytecode, "-c", program, write_bytecode=write_bytecode)
    return Start(*(1000 * float(seconds) for seconds in done.stdout.split()))


def _python(
    function: Function, bytecode: Path, *arguments: str, write_bytecode: bool = False
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python_of("runtime"), *arguments],
        # As on Lambda, without this shell's variables.
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{function.folder}:{_LAYER}:{_UNZIP_LAYER}",
            "PYTHONPYCACHEPREFIX": str(bytecode),
            "PYTHONDONTWRITEBYTECODE": "" if write_bytecode else "1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
        },
        capture_output=True,
        text=True,
        check=True,
    )


def _table(starts: dict[str, list[Start]], uncompiled: dict[str, list[Start]]) -> str:
    imports = {name: _medians(several) for name, several in starts.items()}
    baseline = imports["baseline"].import_cpu
    return report.table(
        (
            "handler",
            "import, CPU",
            "ratio",
            "import, wall",
            "clients, CPU",
            "import without bytecode, CPU",
        ),
        (
            (
                name,
                f"{start.import_cpu:.0f} ms",
                f"{start.import_cpu / baseline:.2f}",
                f"{start.import_wall:.0f} ms",
                f"{start.clients_cpu:.0f} ms",
                f"{_medians(uncompiled[name]).import_cpu:.0f} ms",
            )
            for name, start in imports.items()
        ),
    )


def _medians(starts: Sequence[Start]) -> Start:
    return Start(*map(median, zip(*starts, strict=True)))
