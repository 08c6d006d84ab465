"""A fleet exports many environments in one start, and accounts for each of them once."""

import json
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from local.pingone_simulator import (
    Answer,
    ChangeBody,
    Fault,
    ListedEnvironment,
    PingOneSimulator,
    Scenario,
)
from local.stack import Stack
from local.waiting import wait_until
from pingone_reports.model.fleet import FleetExports
from tests.end_to_end.conftest import Exporter, creates
from tests.support.documents import faults

_SMALL = Scenario(rows=20)
_FORBIDDEN = Scenario(rows=20, faults=(Fault("create", Answer(403), times=None),))
_FAILING = Scenario(rows=20, final_status="FAILED")
_NOT_READY = ChangeBody(override={"status": "IN_PROGRESS"})
_ENDLESS = Scenario(rows=20, faults=(Fault("read_ready", _NOT_READY, times=None),))
_HOSTILE = "../../x' OR 1=1;--</script>{% $eval('1') %} ${Bucket} \u202e\n\ud83d\ude00"


@dataclass
class Fleets:
    """Runs fleets of environments of their own, by name."""

    exporter: Exporter
    ids: dict[str, str] = field(default_factory=dict)

    def listed(self, **scenarios: Scenario) -> None:
        """Let the worker application see these environments, which are sandboxes."""
        pingone = self.exporter.pingone
        self.ids |= {name: str(uuid4()) for name in scenarios if name not in self.ids}
        for name, scenario in scenarios.items():
            pingone.set_scenario(self.ids[name], scenario)
        pingone.list_environments(
            [ListedEnvironment(id_, name, "SANDBOX") for name, id_ in self.ids.items()]
        )

    def manifest(self, key: str) -> dict[str, Any]:
        document = dict(json.loads(self.exporter.stack.read(key)))
        assert faults("fleet", document) == []
        return document

    def outcomes(self, manifest: dict[str, Any]) -> dict[str, str]:
        """The error of each environment, '' if it was exported, by the name it has here."""
        names = {id_: name for name, id_ in self.ids.items()}
        assert len({each["environmentId"] for each in manifest["environments"]}) == len(
            manifest["environments"]
        )
        return {
            names[each["environmentId"]]: each["error"] or "" for each in manifest["environments"]
        }


@pytest.fixture
def fleets(exporter: Exporter) -> Fleets:
    return Fleets(exporter)


def _files(stack: Stack, manifest_key: str) -> list[str]:
    folder = manifest_key.rpartition("/")[0]
    return sorted(item["Key"].rpartition("/")[2] for item in stack.objects(f"{folder}/"))


def test_a_fleet_accounts_for_each_environment_and_then_exports_only_what_failed(
    fleets: Fleets, stack: Stack, exporter: Exporter, pingone: PingOneSimulator
) -> None:
    fleets.listed(
        good=_SMALL,
        **{_HOSTILE: _SMALL},
        forbidden=_FORBIDDEN,
        failing=_FAILING,
        stopped=Scenario(rows=20, generation_seconds=600),
        left_out=_SMALL,
    )
    request = {"exclude": ["left_out"], "types": ["SANDBOX"], "formats": ["csv"]}
    started = stack.start_fleet(request | {"correlationId": "nightly"})
    wait_until(lambda: creates(pingone, fleets.ids["stopped"]))
    stack.cloud.client("stepfunctions").stop_execution(
        executionArn=stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
        + f":{FleetExports(started, None).name(fleets.ids['stopped'])}"
    )

    ended = exporter.end_of(started)

    assert (ended.description["status"], ended.error) == ("FAILED", "TooManyExportsFailed")
    assert ended.event["detail-type"] == "PingOne Fleet Export Failed"
    assert faults("fleet-failed", ended.event["detail"]) == []
    key = ended.event["detail"]["fleet"]["manifestKey"]
    manifest = fleets.manifest(key)
    assert fleets.outcomes(manifest) == {
        "good": "",
        _HOSTILE: "",
        "forbidden": "AccessDenied",
        "failing": "ReportFailed",
        "stopped": "ExportAborted",
    }
    assert manifest["errors"] == {"AccessDenied": 1, "ReportFailed": 1, "ExportAborted": 1}
    assert [each["name"] for each in manifest["excluded"]] == ["left_out"]
    assert creates(pingone, fleets.ids["left_out"]) == 0
    for each in manifest["environments"]:
        if each["status"] == "COMPLETED":
            exported = json.loads(stack.read(each["manifestKey"]))
            assert exported["environmentId"] == each["environmentId"]
            assert exported["environmentName"] == each["name"]
            assert started.endswith(f":{exported['fleet']}")
            assert exported["correlationId"] == "nightly"
            assert [file["format"] for file in exported["files"]] == ["csv"]
            assert each["records"] == 20
    assert _files(stack, key) == ["exports.json", "fleet.json", "listing.json"]

    fleets.listed(forbidden=_SMALL, failing=_SMALL, stopped=_SMALL)
    ended = exporter.end_of(stack.start_fleet({"onlyFailedOf": key}))

    assert ended.description["status"] == "SUCCEEDED"
    assert ended.event["detail-type"] == "PingOne Fleet Export Completed"
    assert faults("fleet-completed", ended.event["detail"]) == []
    assert json.loads(ended.description["output"]) == ended.event["detail"]
    again = fleets.manifest(ended.event["detail"]["manifestKey"])
    assert fleets.outcomes(again) == {"forbidden": "", "failing": "", "stopped": ""}
    assert again["request"] == {"onlyFailedOf": key, "formats": ["csv"]}
    assert creates(pingone, fleets.ids["good"]) == 1


def test_a_fleet_that_takes_over_a_stopped_one_exports_nothing_twice(
    fleets: Fleets, stack: Stack, exporter: Exporter, pingone: PingOneSimulator
) -> None:
    """And a delivery that comes twice runs once."""
    fleets.listed(fast=_SMALL, slow=_ENDLESS)
    states = stack.cloud.client("stepfunctions")
    stack.cloud.client("events").put_events(
        Entries=[
            {
                "EventBusName": stack.outputs["EventBusName"],
                "Source": "my.application",
                "DetailType": "PingOne Fleet Export Requested",
                "Detail": json.dumps({"include": ["fast", "slow", "gone"], "formats": ["csv"]}),
            }
        ]
    )
    machine = stack.outputs["FleetStateMachineArn"]

    def delivered() -> str:
        running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")
        return str(running["executions"][0]["executionArn"]) if running["executions"] else ""

    first = wait_until(delivered)
    given = json.loads(stack.describe(first)["input"])
    wait_until(lambda: all(creates(pingone, id_) for id_ in fleets.ids.values()))
    twice = stack.wait_for(stack.start_fleet(given))
    assert json.loads(twice["output"]) == {"duplicateOf": first}
    states.stop_execution(executionArn=first)
    pingone.set_scenario(fleets.ids["slow"], _SMALL)

    ended = exporter.end_of(stack.start_fleet(given))

    assert stack.describe(first)["status"] == "ABORTED"
    assert first not in exporter.events
    assert ended.description["status"] == "SUCCEEDED"
    manifest = fleets.manifest(ended.event["detail"]["manifestKey"])
    assert fleets.outcomes(manifest) == {"fast": "", "slow": ""}
    assert manifest["unmatched"] == ["gone"]
    assert all(creates(pingone, id_) == 1 for id_ in fleets.ids.values())


def test_fleets_and_exports_of_the_same_environments_stand_side_by_side(
    fleets: Fleets, stack: Stack, exporter: Exporter, pingone: PingOneSimulator
) -> None:
    fleets.listed(one=_SMALL, two=_SMALL)
    started = [stack.start_fleet({"formats": ["csv"]}) for _ in range(2)]
    single = stack.start_export({"environmentId": fleets.ids["one"], "formats": ["csv"]})

    ended = [exporter.end_of(arn) for arn in started]

    assert exporter.end_of(single).description["status"] == "SUCCEEDED"
    manifests = [fleets.manifest(each.event["detail"]["manifestKey"]) for each in ended]
    assert [fleets.outcomes(manifest) for manifest in manifests] == [{"one": "", "two": ""}] * 2
    keys = {each["manifestKey"] for manifest in manifests for each in manifest["environments"]}
    assert len(keys) == 4
    assert creates(pingone, fleets.ids["one"]) == 3
