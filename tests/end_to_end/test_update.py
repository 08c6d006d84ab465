"""A stack is updated while an export waits and while a fleet runs: both end as they began."""

import shutil
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from local.cloud import LocalCloud
from local.deployment import deploy
from local.paths import ROOT, SAM_BUILD
from local.pingone_simulator import ListedEnvironment, PingOneSimulator, Scenario
from local.stack import Stack, deployed, simulator_parameters
from local.waiting import wait_until
from tests.end_to_end.conftest import creates

_STACK = "updated"
# As long as PingOne keeps a report, or until the test says that it is ready.
_WAITING = Scenario(rows=20, generation_seconds=1700)
_OTHER_CODE = """
class OtherCode(Exception):
    pass


def handler(event, context):
    raise OtherCode("This is the other code.")
"""


@pytest.fixture(scope="module")
def stack(cloud: LocalCloud, pingone: PingOneSimulator) -> Stack:
    parameters = simulator_parameters(pingone)
    return deployed(cloud, pingone.client_id, pingone.client_secret, parameters, _STACK)


def _with_other_code(folder: Path, *functions: str) -> Path:
    """A copy of what was built, in which these functions do nothing but fail."""
    build = folder / "sam" / "other"
    shutil.copytree(SAM_BUILD, build, ignore=lambda _, names: {n for n in names if "Layer" in n})
    for layer in SAM_BUILD.glob("*Layer"):
        (build / layer.name).symlink_to(layer)
    # The template that was built names the definitions in the checkout.
    (folder / "statemachine").symlink_to(ROOT / "statemachine")
    for function in functions:
        (build / function / "app.py").write_text(_OTHER_CODE)
    return build


def _update(stack: Stack, build: Path = SAM_BUILD, **parameters: str) -> None:
    deploy(stack.cloud, parameters, _STACK, stack.cloud.endpoint_url, build)


def _files(stack: Stack, environment_id: str) -> list[str]:
    return sorted(
        item["Key"].rpartition("/")[2]
        for item in stack.objects()
        if f"environment={environment_id}/" in item["Key"]
    )


def _export(stack: Stack) -> tuple[dict[str, Any], list[str]]:
    """How a new export ends, and its files."""
    environment_id = str(uuid4())
    request = {"environmentId": environment_id, "formats": ["csv"]}
    return stack.wait_for(stack.start_export(request)), _files(stack, environment_id)


def test_what_runs_keeps_its_code_and_its_parameters_and_what_comes_has_the_new_ones(
    stack: Stack, pingone: PingOneSimulator, tmp_path: Path
) -> None:
    _update(stack, Compression="none")
    alone, *fleet = environments = [str(uuid4()) for _ in range(3)]
    for environment_id in environments:
        pingone.set_scenario(environment_id, _WAITING)
    pingone.list_environments([ListedEnvironment(id_, f"Customers {id_}") for id_ in fleet])
    request = {"formats": ["csv"]}
    running = [
        stack.start_export(request | {"environmentId": alone}),
        stack.start_fleet(request),
    ]
    wait_until(lambda: all(creates(pingone, id_) for id_ in environments))

    _update(stack, Compression="gzip")
    # Each of these would fail an export or a fleet that calls it from now on.
    failing = ("CheckReport", "FetchReport", "SummarizeFleet")
    _update(stack, _with_other_code(tmp_path, *failing))

    assert {stack.describe(arn)["status"] for arn in running} == {"RUNNING"}
    assert _export(stack)[0]["error"] == "OtherCode"
    for environment_id in environments:
        pingone.finish_reports(environment_id)
    assert {stack.wait_for(arn)["status"] for arn in running} == {"SUCCEEDED"}
    for environment_id in environments:
        assert _files(stack, environment_id) == ["devices.csv", "manifest.json"]


def test_a_parameter_alone_is_enough_for_new_versions(stack: Stack) -> None:
    """SAM's transform sees no parameter's value, so it would publish none."""
    landed = {}
    # In the end as it was deployed.
    for compression in ("gzip", "none"):
        _update(stack, Compression=compression)
        ended, landed[compression] = _export(stack)
        assert ended["status"] == "SUCCEEDED"
    assert landed == {
        "none": ["devices.csv", "manifest.json"],
        "gzip": ["devices.csv.gz", "manifest.json"],
    }
