"""A cold start pays for every module: a function loads none that it does not use."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.variables import VARIABLES, WITH_KEY

ROOT = Path(__file__).parents[2]

BUCKET = {"isal", "pingone_reports.aws.bucket"}
ZIPS = {
    "Crypto",
    "Cryptodome",
    "pyzipper",
    "pingone_reports.native",
    "pingone_reports.pingone.link_hosts",
    "pingone_reports.pingone.links",
    "pingone_reports.transfer",
    "pingone_reports.zips",
}
TABLES = {"_duckdb", "duckdb", "pingone_reports.tables"}
PAGE = {"jinja2", "markupsafe", "pingone_reports.tables.page"}
STARTS = {"pingone_reports.aws.idempotency"}
KEYS = {"pingone_reports.aws.signing_key", "pingone_reports.pingone.assertions"}
STEPS = {
    f"pingone_reports.steps.{step}" for step in ("start", "check", "fetch", "discard", "tabulate")
}
# Slow to import, and what many libraries bring.
UNUSED = {"asyncio"}
EVERYTHING = BUCKET | ZIPS | TABLES | PAGE | STARTS | KEYS | STEPS | UNUSED

# What Lambda does when it starts a function, and what the function does at its first call.
PROGRAM = """
import sys
from app import handler
print(*sys.modules)
from pingone_reports import wiring
print(*sys.modules) if wiring.{function}({context}) else None
"""


@cache
def loaded_by(function: str, with_key: bool = False) -> tuple[frozenset[str], frozenset[str]]:
    """The modules that a fresh process has when it is initialised, and when it is wired."""
    paths = [str(ROOT / "functions" / function), str(ROOT / "layers" / "pingone_reports")]
    context = "None" if function in ("start_report", "fetch_report") else ""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(function=function, context=context)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            **VARIABLES[function],
            **(WITH_KEY if with_key else {}),
            "PYTHONPATH": os.pathsep.join(paths),
            "AWS_DEFAULT_REGION": "eu-central-1",
        },
    )
    assert done.returncode == 0, done.stderr
    initialised, wired = (frozenset(line.split()) for line in done.stdout.splitlines())
    return initialised, wired


@pytest.mark.parametrize(
    ("function", "used"),
    [
        ("start_report", STARTS | {"pingone_reports.steps.start"}),
        ("check_report", {"pingone_reports.steps.check"}),
        ("fetch_report", BUCKET | ZIPS | {"pingone_reports.steps.fetch"}),
        ("discard_report", BUCKET | {"pingone_reports.steps.discard"}),
        (
            "tabulate_report",
            BUCKET
            | TABLES
            | PAGE
            | {"pingone_reports.steps.tabulate"}
            # It counts records as the transfer did.
            | {"pingone_reports.native", "pingone_reports.transfer"},
        ),
    ],
)
def test_a_function_loads_only_what_it_uses(function: str, used: set[str]) -> None:
    _, wired = loaded_by(function)
    assert wired & EVERYTHING == used
    assert "pingone_reports.transfer.pseudonyms" not in wired


@pytest.mark.parametrize("function", ["start_report", "check_report", "fetch_report"])
def test_a_function_loads_what_signs_only_with_a_key(function: str) -> None:
    _, without = loaded_by(function)
    _, wired = loaded_by(function, with_key=True)
    assert wired & EVERYTHING == without & EVERYTHING | KEYS


@pytest.mark.parametrize("function", ["start_report", "check_report", "fetch_report"])
def test_a_step_of_every_export_is_loaded_while_lambda_initialises(function: str) -> None:
    """Lambda gives a function more processor then."""
    initialised, _ = loaded_by(function)
    assert f"pingone_reports.steps.{function.removesuffix('_report')}" in initialised
