"""The cost of a handler before its first line runs: its imports, and its AWS clients."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
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

# The parts of the bars; all other modules are Python's own.
_PARTS = {
    "AWS SDK": {"boto3", "s3transfer", "botocore", "jmespath", "dateutil", "six"},
    "HTTP": {"requests", "urllib3", "charset_normalizer", "idna", "certifi", "simplejson"},
    "logging": {"aws_lambda_powertools", "typing_extensions"},
    "encrypted zips": {"pyzipper", "Cryptodome", "Crypto", "isal"},
    "the application": {"app", "pingone_reports"},
}
_STANDARD_LIBRARY = "Python's library"
_IMPORT_TIME = re.compile(r"import time: +(\d+) \| +(\d+) \| ( *)(\S+)")
# The table leaves out cheaper imports.
_LEAST_MILLISECONDS = 1


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


class Imported(NamedTuple):
    """One line of `-X importtime`, in milliseconds; `importer` is the first importing module."""

    module: str
    importer: str
    own: float
    cumulative: float


def run(out: Path) -> str:
    """Start many processes, plot into `out`, and return the chapter."""
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
        imports: dict[str, list[list[Imported]]] = {function.name: [] for function in functions}
        for _ in range(PROCESSES):
            for function in functions:
                starts[function.name].append(_start(function, shipped))
                uncompiled_starts[function.name].append(_start(function, uncompiled))
                imports[function.name].append(_imports(function, shipped))
    # These are wall times: the fastest process is the one that the machine delayed least.
    undisturbed = {
        name: min(several, key=lambda imported: sum(one.own for one in imported))
        for name, several in imports.items()
    }
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
            _plot(undisturbed, out),
            "What the application's modules import from elsewhere, with all that it brings: the "
            f"milliseconds of `-X importtime` in the fastest process, from {_LEAST_MILLISECONDS} "
            "on. A module that several need counts for the first.\n",
            _imports_table(undisturbed),
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


def _imports(function: Function, bytecode: Path) -> list[Imported]:
    lines = _python(function, bytecode, "-X", "importtime", "-c", "import app").stderr
    return list(_parse_import_times(lines))


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


def _parse_import_times(lines: str) -> Iterator[Imported]:
    """The imports of `app`; a module's line follows those of the modules that it imports."""
    importers: list[str] = []
    for own, cumulative, indent, module in reversed(_IMPORT_TIME.findall(lines)):
        depth = len(indent) // 2
        importers[depth:] = [module]
        if importers[0] == "app":
            importer = importers[depth - 1] if depth else ""
            yield Imported(module, importer, int(own) / 1000, int(cumulative) / 1000)


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


def _plot(imports: dict[str, list[Imported]], out: Path) -> str:
    drawing, (axes,) = report.figure(height=3)
    names = list(imports)
    shares = {name: _by_part(imported) for name, imported in imports.items()}
    left = [0.0] * len(names)
    colours = (report.OTHERS, *report.COLOURS[1:4], "#7c3aed", report.OURS)
    for part, colour in zip((_STANDARD_LIBRARY, *_PARTS), colours, strict=True):
        widths = [shares[name][part] for name in names]
        axes.barh(names, widths, left=left, color=colour, height=0.65, label=part)
        left = [before + width for before, width in zip(left, widths, strict=True)]
    for row, total in enumerate(left):
        axes.text(total, row, f" {total:.0f}", va="center", color="#374151")
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.set_title("Milliseconds of imports, by whose code is imported")
    axes.legend(loc="upper center", bbox_to_anchor=(0.45, -0.08), ncols=6, columnspacing=1.2)
    return report.save(drawing, out / "cold_start.png")


def _by_part(imports: Sequence[Imported]) -> dict[str, float]:
    """The milliseconds of each part's own modules."""
    of_package = {package: part for part, packages in _PARTS.items() for package in packages}
    total = dict.fromkeys((_STANDARD_LIBRARY, *_PARTS), 0.0)
    for one in imports:
        total[of_package.get(_package(one.module), _STANDARD_LIBRARY)] += one.own
    return total


def _imports_table(imports: dict[str, list[Imported]]) -> str:
    names = [name for name in imports if name != "baseline"]
    costs: dict[str, dict[str, float]] = {}
    for name in names:
        for one in _from_elsewhere(imports[name]):
            if one.cumulative >= _LEAST_MILLISECONDS:
                costs.setdefault(one.module, {})[name] = one.cumulative
    dearest = sorted(costs, key=lambda module: -max(costs[module].values()))
    return report.table(
        ("import", *names),
        ((f"`{module}`", *(costs[module].get(name) for name in names)) for module in dearest),
    )


def _from_elsewhere(imports: Sequence[Imported]) -> Iterator[Imported]:
    """The modules that ours import and that are not ours."""
    ours = _PARTS["the application"]
    for one in imports:
        if _package(one.importer) in ours and _package(one.module) not in ours:
            yield one


def _package(module: str) -> str:
    return module.partition(".")[0]
