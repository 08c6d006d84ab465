"""With Pseudonymize, no id of a request may be somebody's address, and none is logged."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from local.paths import ROOT
from tests.support.variables import VARIABLES

PROGRAM = """
import json, sys
from app import handler
for event in json.loads(sys.argv[1]):
    try:
        handler(event, None)
    except Exception as error:
        print(type(error).__name__, error, file=sys.stderr)
"""
CALLS: list[tuple[dict[str, Any], str]] = [
    ({"correlationId": "canary@example.com"}, "nightly"),
    ({"idempotencyKey": "canary@example.com"}, "nightly"),
    ({}, "canary@example.com"),
    ({"correlationId": "mine"}, "canary@example.com"),
    ({"deliveryId": "d", "request": {"correlationId": "canary@x"}}, "nightly"),
]


def called(
    function: str, *calls: tuple[dict[str, Any], str], pseudonymizes: str
) -> tuple[list[str], list[str]]:
    """What a process of the function logs of each call, and how each ends."""
    events = [
        {
            "request": request,
            "execution": {"arn": "arn", "name": name, "startedAt": "2026-03-01T02:00:00+00:00"},
            "queued": None,
        }
        for request, name in calls
    ]
    paths = [str(ROOT / "functions" / function), str(ROOT / "layers" / "pingone_reports")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(events)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            **VARIABLES[function],
            "PSEUDONYMIZES": pseudonymizes,
            "PYTHONPATH": os.pathsep.join(paths),
            "AWS_DEFAULT_REGION": "eu-central-1",
        },
    )
    return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.mark.parametrize("function", ["start_report", "list_environments"])
def test_an_address_is_refused_and_not_logged(function: str) -> None:
    logged, errors = called(function, *CALLS, pseudonymizes="true")
    assert [json.loads(line)["error"] for line in logged] == ["InvalidRequest"] * len(CALLS)
    assert len(errors) == len(CALLS)
    assert all(error.startswith("InvalidRequest With Pseudonymize") for error in errors)
    assert "canary" not in str(logged + errors)


@pytest.mark.parametrize("function", ["start_report", "list_environments"])
def test_without_pseudonymize_an_address_may_be_an_id(function: str) -> None:
    wrong = {"correlationId": "ada@example.com", "fields": 5}
    [logged], [error] = called(function, (wrong, "nightly"), pseudonymizes="false")
    assert "'fields' must be" in error
    assert json.loads(logged)["error"] == "InvalidRequest"
