"""Runs all chapters, or the named ones, and writes their results."""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import ROUNDS
from benchmarks.report import table
from local.paths import WORK, python_of

_CHAPTERS = ("unzipping", "pipeline", "pseudonyms", "memory", "cold_start", "tabulating")
_RESULTS = Path(__file__).parent / "results"
_LIBRARIES = (
    "isal",
    "pycryptodome",
    "pyzipper",
    "stream-unzip",
    "requests",
    "boto3",
    "awslambdaric",
    "aws-lambda-powertools",
    "duckdb",
    "polars",
    "pandas",
)
_PROGRAMS = {
    "7-Zip": (["7zz"], r"7-Zip .*?(\d+\.\d+)"),
    "zip": (["zip", "-v"], r"This is Zip (\d+\.\d+)"),
    "unzip": (["unzip", "-v"], r"UnZip (\d+\.\d+)"),
}


def main() -> None:
    """Run the chapters. The results of all are committed; other ones go beside the logs."""
    named = sys.argv[1:]
    if unknown := set(named) - set(_CHAPTERS):
        sys.exit(f"No chapter {', '.join(sorted(unknown))}: there are {', '.join(_CHAPTERS)}.")
    out = WORK / "benchmark-results" if named else _RESULTS
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    started = time.monotonic()
    chapters = []
    for name in named or _CHAPTERS:
        chapter = str(import_module(f"benchmarks.{name}").run(out))
        chapters.append(chapter.rstrip() + "\n")
        (out / "README.md").write_text("\n".join([_head(named), *chapters]))
        print(f"{chapter}\n({time.monotonic() - started:.0f} s so far)\n", flush=True)
    print(f"Written: {out / 'README.md'}")


def _head(named: list[str]) -> str:
    command = f"make benchmark ROUNDS={ROUNDS}"
    command += f' CHAPTERS="{" ".join(named)}"' if named else ""
    installed = [f"{name} {version(name)}" for name in _LIBRARIES]
    return (
        "# Benchmarks\n\n"
        f"Written by `{command}`; nothing here is typed by hand. MB are millions of bytes.\n\n"
        + table(
            ["", ""],
            [
                ["date", f"{datetime.now(UTC):%Y-%m-%d}"],
                ["machine", f"{_processor()}, {os.cpu_count()} cores, {_memory_gb():.0f} GB"],
                ["system", f"{_system()}, Linux {platform.release()}"],
                ["Python", platform.python_version()],
                ["libraries", ", ".join(installed)],
                ["programs", ", ".join(_program_versions()) or "none"],
                ["local cloud", f"ministack {_ministack_version()}"],
            ],
        )
    )


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return f"{found[1]} ({platform.machine()})" if found else platform.machine()


def _memory_gb() -> float:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9


def _system() -> str:
    return str(platform.freedesktop_os_release()["PRETTY_NAME"])


def _program_versions() -> list[str]:
    versions = []
    for name, (command, pattern) in _PROGRAMS.items():
        if shutil.which(command[0]):
            told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
            found = re.search(pattern, told)
            versions.append(f"{name} {found[1] if found else '?'}")
    return versions


def _ministack_version() -> str:
    code = "import importlib.metadata as m; print(m.version('ministack'))"
    command = [str(python_of("cloud")), "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    main()
