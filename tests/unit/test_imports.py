"""A cold start pays for every module: a handler imports none that it does not use."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Slow to import, and what many libraries bring.
UNUSED_BY_ALL = {"asyncio"}
USED_BY_FETCH_ALONE = {
    "pyzipper",
    "isal",
    "Crypto",
    "Cryptodome",
    "pingone_reports.aws.bucket",
    "pingone_reports.zips.encrypted_zip",
    "pingone_reports.steps.fetch",
    "pingone_reports.transfer.transfer",
    "pingone_reports.transfer.records",
    "pingone_reports.transfer.remote_file",
}


@cache
def imported_by(function: str) -> frozenset[str]:
    """The modules that a fresh process has once it has imported a function's handler."""
    paths = [str(ROOT / "functions" / function), str(ROOT / "layers" / "pingone_reports")]
    program = (
        f"import sys; sys.path[:0] = {paths}; from app import handler; print(*sorted(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return frozenset(done.stdout.split())


@pytest.mark.parametrize("function", ["start_report", "check_report"])
def test_start_and_check_import_nothing_of_a_fetch(function: str) -> None:
    assert "pingone_reports.wiring" in imported_by(function)
    assert imported_by(function) & (UNUSED_BY_ALL | USED_BY_FETCH_ALONE) == set()


def test_discard_imports_the_bucket_alone() -> None:
    in_bucket = {"isal", "pingone_reports.aws.bucket"}
    assert imported_by("discard_report") & (UNUSED_BY_ALL | USED_BY_FETCH_ALONE) <= in_bucket


def test_check_does_not_import_start() -> None:
    assert "pingone_reports.steps.start" not in imported_by("check_report")


def test_fetch_imports_only_what_it_uses() -> None:
    assert imported_by("fetch_report") >= USED_BY_FETCH_ALONE
    assert imported_by("fetch_report") & UNUSED_BY_ALL == set()


@pytest.mark.parametrize("function", ["start_report", "check_report", "fetch_report"])
def test_what_remembers_starts_is_imported_by_the_start_that_needs_it(function: str) -> None:
    assert "aws_lambda_powertools.utilities.idempotency" not in imported_by(function)
