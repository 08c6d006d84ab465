"""The deployed application, shared by all end-to-end tests; each has an environment of its own.

Waits take a tenth of their time, in Step Functions and in PingOne alike.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from local.cloud import LocalCloud
from local.paths import ROOT
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.request_log import RecordedRequest
from local.stack import Stack, deployed, simulated_pingone, simulator_parameters
from local.waiting import wait_until
from pingone_reports.model.announcements import COMPARED, SECURITY_EVENT_DETECTED

_TIME_SCALE = 0.1
# Of an export's files, by TabulateReport.
_MADE_LATER = ("pingone/tables/", "pingone/series/", "pingone/posture/")


# What takes longest begins first: whatever is left in the end runs alone.
_FIRST = ("test_faults", "test_commands", "test_least_privilege", "test_athena")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in _FIRST)


@pytest.fixture(scope="session")
def cloud() -> Iterator[LocalCloud]:
    # Each process that runs tests has a cloud of its own.
    name = f"end-to-end-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with LocalCloud(wait_scale=_TIME_SCALE, log_name=name) as cloud:
        yield cloud


@pytest.fixture(scope="session")
def pingone(cloud: LocalCloud) -> Iterator[PingOneSimulator]:
    with simulated_pingone(cloud, time_scale=_TIME_SCALE) as simulator:
        yield simulator


@pytest.fixture(scope="session")
def stack(cloud: LocalCloud, pingone: PingOneSimulator) -> Stack:
    parameters = simulator_parameters(pingone) | {"ScheduleExpression": "rate(1 day)"}
    return deployed(cloud, pingone.client_id, pingone.client_secret, parameters)


@pytest.fixture(scope="session")
def key_arn(cloud: LocalCloud) -> str:
    """The key that kms-key.yaml makes."""
    cloudformation = cloud.client("cloudformation")
    body = (ROOT / "kms-key.yaml").read_text()
    cloudformation.create_stack(StackName="reports-key", TemplateBody=body)
    cloudformation.get_waiter("stack_create_complete").wait(
        StackName="reports-key", WaiterConfig={"Delay": 1}
    )
    (stack,) = cloudformation.describe_stacks(StackName="reports-key")["Stacks"]
    (output,) = stack["Outputs"]
    return str(output["OutputValue"])


@pytest.fixture(scope="session")
def secured(cloud: LocalCloud, pingone: PingOneSimulator, key_arn: str) -> Stack:
    """A stack without a client secret, with two fields as tokens, and all under its owner's key."""
    parameters = simulator_parameters(pingone) | {
        "KmsKeyArn": key_arn,
        "Analytics": "enabled",
        "DatabaseName": "secured_reports",
        "DigestEmail": "security@example.com",
        "Pseudonymize": "phone,username",
        "ScheduleExpression": "rate(1 day)",
        "FleetScheduleExpression": "rate(7 days)",
    }
    stack = deployed(cloud, pingone.keyed_client_id, "", parameters, "secured")
    printed = subprocess.run(
        [sys.executable, "-m", "local.jwks", stack.outputs["SigningKeyArn"]],
        cwd=ROOT,
        env=cloud.environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    pingone.register_jwks(printed.stdout)
    return stack


@dataclass
class Ended:
    """An execution that has ended, and what it left."""

    stack: Stack
    environment_id: str
    description: dict[str, Any]
    event: dict[str, Any]

    @property
    def error(self) -> str:
        return str(self.description.get("error", ""))

    @property
    def message(self) -> str:
        return str(self.description.get("cause", ""))

    @property
    def manifest(self) -> dict[str, Any]:
        return dict(json.loads(self.stack.read(self.event["detail"]["manifestKey"])))

    @property
    def keys(self) -> list[str]:
        """Of its files."""
        return [
            item["Key"]
            for item in self.stack.objects()
            if self.environment_id in item["Key"] and not item["Key"].startswith(_MADE_LATER)
        ]

    @property
    def unfinished_uploads(self) -> list[str]:
        return [
            upload["Key"]
            for upload in self.stack.unfinished_uploads()
            if self.environment_id in upload["Key"]
        ]

    def file(self, format_name: str) -> bytes:
        [key] = {file["key"] for file in self.manifest["files"] if file["format"] == format_name}
        return self.stack.read(key)


def assert_landed(ended: Ended, formats: list[str]) -> None:
    """The export succeeded, and its files are what its one manifest and its event say."""
    assert ended.description["status"] == "SUCCEEDED"
    assert ended.event["detail-type"] == "PingOne Report Export Completed"
    manifest = ended.manifest
    assert ended.event["detail"] == manifest | {"manifestKey": ended.event["detail"]["manifestKey"]}
    assert [file["format"] for file in manifest["files"]] == formats
    assert sorted(ended.keys) == sorted(
        [ended.event["detail"]["manifestKey"], *(file["key"] for file in manifest["files"])]
    )
    for file in manifest["files"]:
        body = ended.file(file["format"])
        assert file["bytes"] == len(body)
        assert file["sha256"] == hashlib.sha256(body).hexdigest()
    assert ended.unfinished_uploads == []


def assert_failed(ended: Ended, error: str) -> None:
    """The export, whose correlation id is "failing", is red; its event and metrics say why."""
    assert ended.description["status"] == "FAILED"
    assert ended.error == error
    assert ended.event["detail-type"] == "PingOne Report Export Failed"
    assert ended.event["detail"]["error"] == error
    assert ended.event["detail"]["message"] == ended.message
    assert ended.event["detail"]["correlationId"] == "failing"
    assert ended.unfinished_uploads == []
    counted = ended.stack.cloud.client("cloudwatch").list_metrics(
        Namespace="PingOneReports", Dimensions=[{"Name": "error", "Value": error}]
    )
    assert counted["Metrics"]


def creates(pingone: PingOneSimulator, environment_id: str) -> int:
    """The reports that PingOne has created and said so."""
    calls = pingone.requests_of(environment_id)
    return sum(call.method == "POST" and call.status == 201 for call in calls)


def resource(cloud: LocalCloud, stack: str, name: str) -> str:
    """The physical id of a resource of a stack."""
    found = cloud.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId=name
    )
    return str(found["StackResourceDetail"]["PhysicalResourceId"])


def log_lines(cloud: LocalCloud, group: str = "", about: str = "") -> list[str]:
    """The lines of the log groups with this in their name, or those that match a pattern."""
    logs = cloud.client("logs")
    return [
        event["message"]
        for groups in logs.get_paginator("describe_log_groups").paginate()
        for each in groups["logGroups"]
        if group in each["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(
            logGroupName=each["logGroupName"], filterPattern=about
        )
        for event in page["events"]
    ]


@dataclass
class Exporter:
    """Runs exports of one environment to their end."""

    stack: Stack
    pingone: PingOneSimulator
    events: dict[str, dict[str, Any]]
    environment_id: str = field(default_factory=lambda: str(uuid4()))
    told: list[dict[str, Any]] = field(default_factory=list)
    """What came meanwhile about changes, of any environment."""

    def run(self, scenario: Scenario | None = None, **request: Any) -> Ended:
        """Export a report of the environment as the scenario makes it."""
        return self.end_of(self.start(scenario, **request))

    def start(self, scenario: Scenario | None = None, **request: Any) -> str:
        """Start such an export; returns the execution's ARN."""
        if scenario:
            self.pingone.set_scenario(self.environment_id, scenario)
        return self.stack.start_export({"environmentId": self.environment_id, **request})

    def end_of(self, execution_arn: str) -> Ended:
        """Wait for an execution and for the one event it publishes."""
        description = self.stack.wait_for(execution_arn)

        def has_told() -> bool:
            # Who waits for another execution may have received its event.
            if execution_arn not in self.events:
                self._receive()
            return execution_arn in self.events

        wait_until(has_told, f"{execution_arn} has sent its event")
        return Ended(self.stack, self.environment_id, description, self.events[execution_arn])

    def told_of(self, ended: Ended, number: int) -> list[dict[str, Any]]:
        """So many events about what an export changed."""
        arn = ended.description["executionArn"]

        def told() -> list[dict[str, Any]]:
            found = [event for event in self.told if event["detail"]["executionArn"] == arn]
            if len(found) >= number:
                return found
            self._receive()
            return []

        return wait_until(told, f"{arn} has told {number} events")

    def _receive(self) -> None:
        """Take what has come."""
        for event in self.stack.receive_events(wait_seconds=1):
            if event["detail-type"] in (COMPARED, SECURITY_EVENT_DETECTED):
                self.told.append(event)
                continue
            arn = event["detail"]["executionArn"]
            assert arn not in self.events, "an execution sends one event"
            self.events[arn] = event

    @property
    def calls(self) -> list[RecordedRequest]:
        """PingOne's requests for the environment.

        A function's token may be one that another test has revoked. Then its first call is refused,
        and made again with a new one: that is not told here.
        """
        calls = self.pingone.requests_of(self.environment_id)
        return [call for call in calls if call.status != 401]


@pytest.fixture(scope="session")
def secured_export(secured: Stack, pingone: PingOneSimulator) -> Ended:
    """An export of that stack."""
    return Exporter(secured, pingone, events={}).run()


@pytest.fixture(scope="session")
def received_events() -> dict[str, dict[str, Any]]:
    """The event that the subscriber got for an execution."""
    return {}


@pytest.fixture
def exporter(
    stack: Stack, pingone: PingOneSimulator, received_events: dict[str, dict[str, Any]]
) -> Exporter:
    return Exporter(stack, pingone, received_events)
