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
event = json.loads(sys.argv[1])
handler(event, None)
"""


def called(function: str, request: dict[str, Any], name: str, **variables: str) -> tuple[str, str]:
    """What a fresh process of the function logs, and how its call ends."""
    execution = {"arn": "arn:of:it", "name": name, "startedAt": "2026-03-01T02:00:00+00:00"}
    event = {"request": request, "execution": execution, "queued": None}
    paths = [str(ROOT / "functions" / function), str(ROOT / "layers" / "pingone_reports")]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(event)],
        capture_output=True,
        text=True,
        env={
            **os.environ,
            **VARIABLES[function],
            **variables,
            "PYTHONPATH": os.pathsep.join(paths),
            "AWS_DEFAULT_REGION": "eu-central-1",
        },
    )
    return done.stdout, done.stderr.strip().splitlines()[-1]


@pytest.mark.parametrize("function", ["start_report", "list_environments"])
@pytest.mark.parametrize(
    ("request_", "name"),
    [
        ({"correlationId": "canary@example.com"}, "nightly"),
        ({"idempotencyKey": "canary@example.com"}, "nightly"),
        ({}, "canary@example.com"),
        ({"correlationId": "mine"}, "canary@example.com"),
        ({"deliveryId": "d", "request": {"correlationId": "canary@x"}}, "nightly"),
    ],
)
def test_an_address_is_refused_and_not_logged(
    function: str, request_: dict[str, Any], name: str
) -> None:
    logged, error = called(function, request_, name, PSEUDONYMIZES="true")
    assert "InvalidRequest: With Pseudonymize" in error
    assert "canary" not in logged + error
    assert json.loads(logged)["error"] == "InvalidRequest"


@pytest.mark.parametrize("function", ["start_report", "list_environments"])
def test_without_pseudonymize_an_address_may_be_an_id(function: str) -> None:
    wrong = {"correlationId": "ada@example.com", "fields": 5}
    logged, error = called(function, wrong, "nightly")
    assert "'fields' must be" in error
    assert json.loads(logged)["error"] == "InvalidRequest"
