"""A cold start pays for every module: a function loads none that it does not use."""

import os
import subprocess
import sys

import pytest

from local.paths import ROOT
from tests.support.variables import VARIABLES, WITH_KEY

BUCKET = {"isal", "pingone_reports.aws.bucket"}
COUNTERS = {"pingone_reports.native", "pingone_reports.transfer"}
ZIPS = {"Crypto", "Cryptodome", "pyzipper", "pingone_reports.zips"}
LINKS = {"pingone_reports.pingone.link_hosts", "pingone_reports.pingone.links"}
TABLES = {"_duckdb", "duckdb"}
PAGE = {"jinja2", "markupsafe", "pingone_reports.tables", "pingone_reports.tables.page"}
FLEET_PAGE = {"pingone_reports.tables.fleet_page"}
STARTS = {"pingone_reports.aws.idempotency"}
KEYS = {"pingone_reports.aws.signing_key", "pingone_reports.pingone.assertions"}
STEPS = {
    f"pingone_reports.steps.{path.stem}"
    for path in (ROOT / "layers/pingone_reports/pingone_reports/steps").glob("[!_]*.py")
}
# Slow to import, and what many libraries bring.
UNUSED = {"asyncio"}
EVERYTHING = set().union(
    *(BUCKET, COUNTERS, ZIPS, LINKS, TABLES, PAGE, FLEET_PAGE, STARTS, KEYS, STEPS, UNUSED)
)

# What these do is loaded while Lambda initialises them: it gives more processor then.
OF_EVERY_EXPORT = {"start_report", "check_report", "fetch_report"}
# These load what signs, but only with a key in place of the secret.
CALLING_PINGONE = {*OF_EVERY_EXPORT, "list_environments"}

WITH_CONTEXT = {"start_report", "fetch_report", "list_environments"}

# What Lambda does when it starts a function, and what the function does at its first call.
PROGRAM = """
import sys
from app import handler
print(*sys.modules)
from pingone_reports import wiring
wiring.{function}({context})
print(*sys.modules)
"""


def loaded_by(function: str, with_key: bool = False) -> tuple[frozenset[str], frozenset[str]]:
    """The modules that a fresh process has when it is initialised, and when it is wired."""
    context = "None" if function in WITH_CONTEXT else ""
    paths = [str(ROOT / "functions" / function), str(ROOT / "layers" / "pingone_reports")]
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
        ("start_report", STARTS),
        ("check_report", set()),
        ("fetch_report", BUCKET | COUNTERS | ZIPS | LINKS),
        ("discard_report", BUCKET),
        ("tabulate_report", BUCKET | COUNTERS | TABLES | PAGE),
        ("list_environments", BUCKET | STARTS),
        ("summarize_fleet", BUCKET),
        ("show_fleet", BUCKET | PAGE | FLEET_PAGE),
    ],
)
def test_a_function_loads_only_what_it_uses(function: str, used: set[str]) -> None:
    initialised, wired = loaded_by(function)
    step = {f"pingone_reports.steps.{function.removesuffix('_report')}"}
    assert wired & EVERYTHING == used | step
    assert "pingone_reports.transfer.pseudonyms" not in wired
    if function in OF_EVERY_EXPORT:
        assert step <= initialised
    if function in CALLING_PINGONE:
        assert loaded_by(function, with_key=True)[1] & EVERYTHING == used | step | KEYS
