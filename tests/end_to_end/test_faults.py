"""Whatever goes wrong: whole or not at all, with a typed error, and nothing lost or leaked."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePosixPath
from queue import SimpleQueue
from threading import Lock
from typing import Any
from uuid import uuid4

import pytest
from rich.console import Console
from rich.table import Table

from local.aws_front import AwsFront
from local.cloud import LocalCloud
from local.metrics import embedded_metrics
from local.paths import ROOT, WORK
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.stack import Stack, deployed, simulator_parameters
from local.waiting import wait_until
from pingone_reports.model.fleet import FleetExports
from tests.end_to_end.conftest import Ended, Exporter, assert_failed_cleanly, assert_landed
from tests.end_to_end.faults import (
    FAULTS,
    FAULTS_IN_A_HURRY,
    FAULTS_OF_ALL,
    FAULTS_OF_FLEETS,
    FAULTS_OF_TABLES,
    NOT_SHOWN,
    Case,
    FleetCase,
    Meanwhile,
    TableCase,
)
from tests.end_to_end.leaks import everything_left

# More would spend the time on starting functions.
_AT_A_TIME = 8
# Stacks on which one export runs at a time, mostly waiting.
_ALONE = 2
# Of Lambda, where the waits of the state machine are a tenth: these are not scaled.
_SECONDS_IN_A_HURRY = 15
# No fault of it: a start that waits for the place of one that was cut off.
_WAITING = {"StartInProgress"}

_INTRODUCTION = """\
# What happens when something goes wrong

`make faults` writes this. Each row is an export that meets a fault, of the deployed template on
the local cloud, with IAM enforced; [faults.py](../tests/end_to_end/faults.py) makes them.

Of {number} exports {exported} land whole in the end. The others fail with a typed error, and say so
with one event. Each has one manifest or none, no upload is left unfinished, and no file is left
without a manifest, but where even the removal is denied. No secret is in a history, an event, a
log line, an object or its metadata. Where an export cannot be tabulated, the rows of {tables} more
exports, it stays whole, is in no table of exports, and is in the queue of untabulated exports. So
it is if nobody could be told what changed, but then it is in the tables.
The {fleets} fleets have one manifest or none, and their environment is exported once.

An error behind "after" was retried with success, one "in vain" through all retries. "For ever" is
longer than they last.

"""
_DOCUMENT = WORK / "faults.md"
_CASES = {
    (where, fault): case
    for where in dict.fromkeys([*FAULTS_OF_ALL, *FAULTS])
    for faults in (FAULTS_OF_ALL, FAULTS, FAULTS_IN_A_HURRY)
    for fault, case in faults.get(where, {}).items()
}
_TABLE_CASES = {
    (where, fault): case
    for where, faults in FAULTS_OF_TABLES.items()
    for fault, case in faults.items()
}
_FLEET_CASES = {
    (where, fault): case
    for where, faults in FAULTS_OF_FLEETS.items()
    for fault, case in faults.items()
}


@dataclass
class Alone:
    """A stack that runs one export at a time, with tokens of an environment of its own."""

    name: str
    stack: Stack
    home: str
    client_secret: str = ""
    """Once it was rotated."""


@dataclass
class Matrix:
    """The stacks that faults happen to, and what came of them."""

    stack: Stack
    alone: Sequence[Alone]
    hurried: Stack
    tabulated: Stack
    front: AwsFront
    pingone: PingOneSimulator
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: dict[tuple[str, str], Future[tuple[Exporter, str]]] = field(default_factory=dict)
    tables: dict[tuple[str, str], Future[str]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    fleets: dict[tuple[str, str], Future[tuple[str, str]]] = field(default_factory=dict)
    rows: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """What happened in each case, and what is left."""
    _machines: Iterator[int] = field(default_factory=count)
    _untabulated: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _idle: SimpleQueue[Alone] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        for alone in self.alone:
            self._idle.put(alone)

    def export(self, case: Case, stack: Stack, alone: Alone | None = None) -> tuple[Exporter, str]:
        """Let the faults of a case meet an export; returns who exported, in which execution."""
        exporter = Exporter(self._with_machine(stack, case), self.pingone, self.events)
        self.front.set_faults(alone.name if alone else exporter.environment_id, case.aws)
        request = {"formats": list(case.formats), "correlationId": "failing", **case.request}
        arn = exporter.start(case.scenario, **request)
        if case.meanwhile and alone:
            wait_until(lambda: creates(self.pingone, exporter.environment_id))
            self._happen(case.meanwhile, alone)
        stack.wait_for(arn, timeout_seconds=300)
        return exporter, arn

    def export_alone(self, case: Case) -> tuple[Exporter, str]:
        """The same where no other export is, and no function has a token."""
        alone = self._idle.get()
        try:
            return self._export_alone(case, alone)
        finally:
            self._idle.put(alone)

    def _export_alone(self, case: Case, alone: Alone) -> tuple[Exporter, str]:
        self.pingone.set_scenario(alone.home, Scenario(faults=tuple(case.token)))
        self.pingone.revoke_tokens(alone.home)
        ended = self.export(case, alone.stack, alone)
        if case.meanwhile == "secret rotated and not put in":
            self._put_secret(alone)
        assert self.pingone.unmet_faults(alone.home) == []
        assert self.front.unmet_faults(alone.name) == []
        self.pingone.set_scenario(alone.home, Scenario())
        self.front.set_faults(alone.name, ())
        return ended

    def fleet(self, case: FleetCase) -> tuple[str, str]:
        """Let the faults of a case meet a fleet; returns its environment and its execution."""
        environment_id, name = str(uuid4()), str(uuid4())
        self.pingone.set_scenario(environment_id, Scenario(rows=20))
        self.front.set_faults(environment_id if case.of_results else name, case.aws)
        request = {
            "environmentIds": [environment_id], "idempotencyKey": name, "formats": ["csv"]
        }  # fmt: skip
        arn = self.stack.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.stack.outputs["FleetStateMachineArn"],
            name=name,
            input=json.dumps(request),
        )["executionArn"]
        self.stack.wait_for(arn, timeout_seconds=300)
        return environment_id, str(arn)

    def hurry(self) -> None:
        """Give the third stack's functions little time."""
        functions, states = (
            self.hurried.cloud.client(name) for name in ("lambda", "stepfunctions")
        )
        machine = self.hurried.outputs["StateMachineArn"]
        definition = states.describe_state_machine(stateMachineArn=machine)["definition"]
        for function in functions.list_functions()["Functions"]:
            name = function["FunctionName"]
            if name.startswith(("hurried-StartReport", "hurried-CheckReport")):
                functions.update_function_configuration(
                    FunctionName=name, Timeout=_SECONDS_IN_A_HURRY
                )
                # The state machine calls a published version, which has the former time.
                version = functions.publish_version(FunctionName=name)["Version"]
                definition = re.sub(rf"{name}:\d+", f"{name}:{version}", definition)
        states.update_state_machine(stateMachineArn=machine, definition=definition)

    def publish(self) -> str:
        """An export that nobody tabulates yet; returns the key of its manifest."""
        # The emulator's rules call a function once, and its CloudFormation forgets where to put
        # what has failed: Lambda's own retries and queue are what is shown.
        stack = self.tabulated
        events, sqs, lambda_ = (stack.cloud.client(name) for name in ("events", "sqs", "lambda"))
        bus = stack.outputs["EventBusName"]
        for rule in events.list_rules(EventBusName=bus)["Rules"]:
            if "ExportCompletedRule" in rule["Name"]:
                events.disable_rule(Name=rule["Name"], EventBusName=bus)
        queue = sqs.get_queue_attributes(
            QueueUrl=stack.outputs["UntabulatedExportsUrl"], AttributeNames=["QueueArn"]
        )["Attributes"]["QueueArn"]
        lambda_.update_function_configuration(
            FunctionName=self._tabulate_report(), DeadLetterConfig={"TargetArn": queue}
        )
        exporter, arn = self.export(Case(), stack)
        return str(exporter.end_of(arn).event["detail"]["manifestKey"])

    def tabulate(self, published: Future[str], case: TableCase) -> str:
        """Let faults meet the tabulation of a copy of the export; returns the copy's name."""
        source = published.result()
        body = self.tabulated.read(json.loads(self.tabulated.read(source))["files"][0]["key"])
        if not case.changed:
            name = uuid4().hex
            self._invoke(self._copy(source, name, case.replaced), name, case)
            return name
        # In an environment of its own, of two exports at one time the later name is the later one.
        environment, before, name = str(uuid4()), f"a{uuid4().hex}", f"b{uuid4().hex}"
        older = self._copy(source, before, b"", environment)
        self._invoke(older, before, TableCase())
        if case.expired:
            for key in [*self.written(before, "devices"), older]:
                self.tabulated.cloud.client("s3").delete_object(
                    Bucket=self.tabulated.outputs["BucketName"], Key=key
                )
        fewer = b"".join(body.splitlines(keepends=True)[:-1])
        newer = self._copy(source, name, fewer, environment, fewer=1, previous=older)
        self._invoke(newer, name, case)
        return name

    def _copy(
        self,
        source: str,
        name: str,
        body: bytes,
        environment: str = "",
        fewer: int = 0,
        previous: str | None = None,
    ) -> str:
        """Copy an export under another name, with another body; returns its manifest's key."""
        s3, bucket = self.tabulated.cloud.client("s3"), self.tabulated.outputs["BucketName"]
        copied, own = source.split("/")[-2], source.split("environment=")[1].split("/")[0]

        def renamed(text: str) -> str:
            return text.replace(copied, name).replace(own, environment or own)

        original = self.tabulated.read(source).decode()
        manifest = json.loads(renamed(original))
        [file], [original_file] = manifest["files"], json.loads(original)["files"]
        body = body or self.tabulated.read(original_file["key"])
        if fewer:
            file["sha256"] = hashlib.sha256(body).hexdigest()
            file["records"] -= fewer
        if previous:
            manifest["previous"] = {"manifestKey": previous, "reason": None}
        s3.put_object(Bucket=bucket, Key=file["key"], Body=body)
        s3.put_object(Bucket=bucket, Key=renamed(source), Body=json.dumps(manifest).encode())
        return renamed(source)

    def _invoke(self, manifest_key: str, name: str, case: TableCase) -> None:
        """Call TabulateReport as the event does, and wait for what comes of it."""
        self.front.set_faults(name, case.aws)
        for _ in range(2 if case.twice else 1):
            self.tabulated.cloud.client("lambda").invoke(
                FunctionName=self._tabulate_report(),
                InvocationType="Event",
                Payload=json.dumps(
                    {"manifestKey": manifest_key, "correlationId": name, "notify": True}
                ),
            )

        def ended() -> bool:
            done = self.told_of(name) if case.told else self.written(name, "exports")
            return name in self.untabulated() or bool(done and not case.error)

        wait_until(ended, f"{name} is in the tables, or in the queue")

    def told_of(self, name: str) -> list[dict[str, Any]]:
        """What subscribers got to know of an export's changes."""
        with self._lock:
            self.told += self.tabulated.receive_events()
            return [event for event in self.told if event["detail"]["exportId"] == name]

    def written(self, name: str, table: str) -> list[str]:
        """The objects that a table has of an export."""
        keys = [item["Key"] for item in self.tabulated.objects(f"pingone/tables/{table}/")]
        return [key for key in keys if name in key]

    def left_of_fleet(self, arn: str) -> list[str]:
        """The names of a fleet's objects."""
        name = arn.rpartition(":")[2]
        keys = [item["Key"] for item in self.stack.objects("pingone/fleet/")]
        return sorted(PurePosixPath(key).name for key in keys if name in key)

    def untabulated(self) -> dict[str, str]:
        """The errors in the queue of untabulated exports, by the export's name."""
        with self._lock:
            answer = self.tabulated.cloud.client("sqs").receive_message(
                QueueUrl=self.tabulated.outputs["UntabulatedExportsUrl"], MaxNumberOfMessages=10
            )
            for message in answer.get("Messages", []):
                body = json.loads(message["Body"])
                name = body["requestPayload"]["correlationId"]
                self._untabulated[name] = body["responsePayload"]["errorType"]
            return self._untabulated

    def failed_tries(self, name: str) -> list[str]:
        """The errors that TabulateReport has logged of an export."""
        cloud = self.tabulated.cloud
        function = cloud.client("lambda").get_function_configuration(
            FunctionName=self._tabulate_report()
        )
        pages = (
            cloud.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=function["LoggingConfig"]["LogGroup"])
        )
        lines = [event["message"] for page in pages for event in page["events"]]
        found = [json.loads(line) for line in lines if line.startswith("{") and name in line]
        return sorted({line["error"] for line in found if "error" in line})

    def _tabulate_report(self) -> str:
        resources = self.tabulated.cloud.client("cloudformation").describe_stack_resources(
            StackName="tabulated"
        )["StackResources"]
        [function] = [
            item["PhysicalResourceId"]
            for item in resources
            if item["LogicalResourceId"] == "TabulateReport"
        ]
        return str(function)

    def _with_machine(self, stack: Stack, case: Case) -> Stack:
        if not case.changed:
            return stack
        states = stack.cloud.client("stepfunctions")
        machine = states.describe_state_machine(stateMachineArn=stack.outputs["StateMachineArn"])
        definition = json.loads(machine["definition"])
        case.changed(definition)
        arn = states.create_state_machine(
            name=f"{machine['name']}-{next(self._machines)}",
            definition=json.dumps(definition),
            roleArn=machine["roleArn"],
        )["stateMachineArn"]
        outputs = {**stack.outputs, "StateMachineArn": arn}
        return Stack(stack.cloud, outputs, stack.events_queue_url)

    def _happen(self, meanwhile: Meanwhile, alone: Alone) -> None:
        if meanwhile != "tokens revoked":
            alone.client_secret = self.pingone.rotate_client_secret(alone.home)
            if meanwhile == "secret rotated":
                self._put_secret(alone)
        self.pingone.revoke_tokens(alone.home)

    def _put_secret(self, alone: Alone) -> None:
        """As an operator does who rotates it."""
        document = {"clientId": self.pingone.client_id, "clientSecret": alone.client_secret}
        alone.stack.cloud.client("secretsmanager").put_secret_value(
            SecretId=f"{alone.name}-worker-app", SecretString=json.dumps(document)
        )


@pytest.fixture(scope="module")
def matrix(cloud: LocalCloud, pingone: PingOneSimulator) -> Iterator[Matrix]:
    """All exports are on their way, several at a time, because they spend it waiting."""
    front = AwsFront(cloud)
    parameters = simulator_parameters(pingone)

    def deploy(name: str, **more: str) -> Stack:
        return deployed(
            cloud,
            pingone.client_id,
            pingone.client_secret,
            parameters | more,
            name,
            front.url,
        )

    with (
        front.serving(),
        ThreadPoolExecutor(_AT_A_TIME) as pool,
        ThreadPoolExecutor(_ALONE) as few,
    ):

        def deploy_alone(number: int) -> Alone:
            name, home = f"alone-{number}", str(uuid4())
            return Alone(name, deploy(name, TokenUrl=pingone.token_url(home)), home)

        stacks = [
            pool.submit(deploy, "faults"),
            pool.submit(deploy, "hurried"),
            pool.submit(deploy, "tabulated", Analytics="enabled", DatabaseName="faulty_reports"),
        ]
        alone = list(few.map(deploy_alone, range(_ALONE)))
        stack, hurried, tabulated = (deploying.result() for deploying in stacks)
        matrix = Matrix(stack, alone, hurried, tabulated, front, pingone)
        matrix.hurry()
        for where, fault, case in _each(FAULTS_OF_ALL):
            matrix.ended[where, fault] = few.submit(matrix.export_alone, case)
        for where, fault, case in _each(FAULTS_IN_A_HURRY):
            matrix.ended[where, fault] = pool.submit(matrix.export, case, matrix.hurried)
        for where, fault, case in sorted(_each(FAULTS), key=lambda item: not item[2].slow):
            matrix.ended[where, fault] = pool.submit(matrix.export, case, matrix.stack)
        for (where, fault), fleet_case in _FLEET_CASES.items():
            matrix.fleets[where, fault] = pool.submit(matrix.fleet, fleet_case)
        published = pool.submit(matrix.publish)
        for (where, fault), table_case in _TABLE_CASES.items():
            matrix.tables[where, fault] = pool.submit(matrix.tabulate, published, table_case)
        yield matrix
        for workers in (pool, few):
            workers.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def whole(matrix: Matrix) -> Matrix:
    """The same, when everything has gone wrong."""
    for cases, end in ((_CASES, _exported), (_TABLE_CASES, _tabulated), (_FLEET_CASES, _fleet)):
        for where, fault in cases:
            if (where, fault) not in matrix.rows:
                end(matrix, where, fault)
    return matrix


def _each(faults: Mapping[str, Mapping[str, Case]]) -> Iterator[tuple[str, str, Case]]:
    for where in faults:
        for fault, case in faults[where].items():
            yield where, fault, case


def _exported(matrix: Matrix, where: str, fault: str) -> tuple[Ended, list[str]]:
    """How an export ended, and the errors that were retried."""
    exporter, arn = matrix.ended[where, fault].result()
    ended, retried = exporter.end_of(arn), _retried(exporter.stack, arn)
    matrix.rows[where, fault] = _what_happened(ended, retried), _what_is_left(ended)
    return ended, retried


@pytest.mark.parametrize(("where", "fault"), _CASES)
def test_an_export_is_whole_or_fails_cleanly(matrix: Matrix, where: str, fault: str) -> None:
    case = _CASES[where, fault]

    ended, retried = _exported(matrix, where, fault)

    if case.error:
        assert_failed_cleanly(ended, case.error, case.left)
    else:
        assert_landed(ended, list(case.formats))
        for file in ended.manifest["files"]:
            assert file["sha256"] == _sha256(case.scenario, file["format"])
        assert _times_measured(ended) == case.measured
    assert retried == sorted(case.retried)
    assert creates(matrix.pingone, ended.environment_id) == case.creates
    if case.downloads:
        for name in case.formats:
            assert list(case.downloads) == [
                download.status
                for download in matrix.pingone.downloads_of(ended.environment_id)
                if download.format == name
            ]
    # The fault has happened.
    if case.meanwhile:
        calls = matrix.pingone.requests_of(ended.environment_id)
        assert 401 in [call.status for call in calls]
    assert matrix.pingone.unmet_faults(ended.environment_id) == []
    assert matrix.front.unmet_faults(ended.environment_id) == []


@dataclass
class Tabulated:
    """What came of a tabulation: an error in the queue or none, failed tries, objects, events."""

    error: str
    failed: list[str]
    exports: list[str]
    devices: list[str]
    told: list[dict[str, Any]]


def _tabulated(matrix: Matrix, where: str, fault: str) -> Tabulated:
    name = matrix.tables[where, fault].result()
    found = Tabulated(
        matrix.untabulated().get(name, ""),
        matrix.failed_tries(name),
        matrix.written(name, "exports"),
        matrix.written(name, "devices"),
        matrix.told_of(name),
    )
    happened = f"`{found.error}`, retried in vain" if found.error else "tabulated"
    after = "" if found.error else "".join(f", after `{one}`" for one in found.failed)
    left = "rows of devices alone" if found.devices else "nothing"
    left = "export and rows" if found.exports else left
    if _TABLE_CASES[where, fault].changed:
        left += ", and it was told" if found.told else ", and nobody was told"
    matrix.rows[where, fault] = happened + after, left
    return found


@pytest.mark.parametrize(("where", "fault"), _TABLE_CASES)
def test_an_export_is_tabulated_or_in_the_queue(matrix: Matrix, where: str, fault: str) -> None:
    case = _TABLE_CASES[where, fault]

    found = _tabulated(matrix, where, fault)

    assert found.error == case.error
    assert found.failed == list(case.failed)
    if case.changed:
        # Whatever comes again has the same id.
        assert len({json.dumps(event["detail"]) for event in found.told}) == case.told
    assert len(found.exports) == (not case.error or case.error == "AnnouncementFailed")
    if found.exports:
        assert len(found.devices) == 1
    if case.replaced:
        assert found.devices == []
    assert matrix.front.unmet_faults(matrix.tables[where, fault].result()) == []


def _fleet(matrix: Matrix, where: str, fault: str) -> tuple[Ended, list[str], Ended | None]:
    """How a fleet ended, the errors that were retried, and its export if there was one."""
    environment_id, arn = matrix.fleets[where, fault].result()
    exporter = Exporter(matrix.stack, matrix.pingone, matrix.events)
    ended, retried = exporter.end_of(arn), _retried(matrix.stack, arn)
    left = matrix.left_of_fleet(arn)
    matrix.rows[where, fault] = _what_happened(ended, retried), ", ".join(left) or "nothing"
    if "listing.json" not in left:
        return ended, retried, None
    export = matrix.stack.outputs["StateMachineArn"].replace(":stateMachine:", ":execution:")
    name = FleetExports(arn, None).name(environment_id)
    return ended, retried, exporter.end_of(f"{export}:{name}")


@pytest.mark.parametrize(("where", "fault"), _FLEET_CASES)
def test_a_fleet_has_one_manifest_or_none(matrix: Matrix, where: str, fault: str) -> None:
    case = _FLEET_CASES[where, fault]

    environment_id, arn = matrix.fleets[where, fault].result()
    ended, retried, landed = _fleet(matrix, where, fault)

    assert ended.error == case.error
    assert matrix.left_of_fleet(arn) == list(case.left)
    assert retried == sorted(case.retried)
    assert creates(matrix.pingone, environment_id) == bool(landed)
    if landed:
        assert landed.description["status"] == "SUCCEEDED"
        if not case.error:
            key = ended.event["detail"]["manifestKey"]
            [entry] = json.loads(matrix.stack.read(key))["environments"]
            assert entry["manifestKey"] == landed.event["detail"]["manifestKey"]
    names = (arn.rpartition(":")[2], environment_id)
    assert [matrix.front.unmet_faults(name) for name in names] == [[], []]


def test_no_execution_has_sent_two_events(whole: Matrix) -> None:
    for stack in (whole.stack, *(each.stack for each in whole.alone), whole.hurried):
        assert stack.receive_events() == []


def test_no_secret_is_left_anywhere(whole: Matrix, secured_export: Ended) -> None:
    matrix, secrets = whole, whole.pingone.issued_secrets
    assert {secret.kind for secret in secrets} >= {
        "client secret",
        "client assertion",
        "access token",
        "zip password",
        "link signature",
    }
    # By text, because many exports are of one report.
    stacks = (
        matrix.stack,
        *(each.stack for each in matrix.alone),
        matrix.hurried,
        matrix.tabulated,
        secured_export.stack,
    )
    places = dict(everything_left(stacks))
    places |= {json.dumps(event): f"event of {arn}" for arn, event in matrix.events.items()}
    places |= {json.dumps(event): "event about changes" for event in matrix.told}
    assert any("posture/" in place for place in places.values())
    assert sum("history" in place for place in places.values()) >= len(_CASES)
    assert any("FetchReport" in place for place in places.values())
    assert any('"CloudWatchMetrics"' in text for text in places)
    found = {
        (secret.kind, place)
        for secret in secrets
        for text, place in places.items()
        if secret.value in text
    }
    assert found == set()


def test_what_came_of_each_fault(whole: Matrix, capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("where", "fault", "what happened", "what is left", title="Faults")
    for (where, fault), row in whole.rows.items():
        table.add_row(where, fault, *row)
    with capsys.disabled():
        Console(width=150).print(table)
    _DOCUMENT.write_text(_document(whole.rows))


def test_the_documentation_says_what_came_of_each_fault(whole: Matrix) -> None:
    """`make faults` writes it."""
    assert (ROOT / "docs" / "faults.md").read_text() == _document(whole.rows)


def creates(pingone: PingOneSimulator, environment_id: str) -> int:
    """The reports that PingOne has created and said so."""
    calls = pingone.requests_of(environment_id)
    return sum(call.method == "POST" and call.status == 201 for call in calls)


def _retried(stack: Stack, execution_arn: str) -> list[str]:
    """The errors of tasks that were tried again."""
    errors, last = set(), ""
    for event in stack.history(execution_arn):
        for kind in ("taskFailedEventDetails", "taskTimedOutEventDetails"):
            if kind in event:
                last = event[kind]["error"]
        if last and event["type"] == "TaskScheduled":
            errors.add(last)
        if event["type"] in ("TaskScheduled", "TaskStateExited"):
            last = ""
    return sorted(errors - _WAITING)


def _times_measured(ended: Ended) -> int:
    """How often the metrics count this execution as a completed export."""
    logs, name = ended.stack.cloud.client("logs"), ended.description["name"]
    groups = ended.stack.log_groups()
    return sum(
        line["execution"] == name
        for group in groups
        if "FetchReport" in group["logGroupName"]
        for page in logs.get_paginator("filter_log_events").paginate(
            logGroupName=group["logGroupName"], filterPattern='"ExportsCompleted"'
        )
        for event in page["events"]
        for line, point in embedded_metrics(event["message"])
        if point.name == "ExportsCompleted"
    )


def _what_happened(ended: Ended, retried: list[str]) -> str:
    happened = f"`{ended.error}`" if ended.error else "exported"
    others = [f"`{error}`" for error in retried if error != ended.error]
    again = ", retried in vain" if ended.error in retried else ""
    return f"{happened}{again}{', after ' if others else ''}{' and '.join(others)}"


def _what_is_left(ended: Ended) -> str:
    names = sorted(PurePosixPath(key).name for key in ended.keys)
    uploads = len(ended.unfinished_uploads)
    return ", ".join([*names, *([f"{uploads} uploads"] if uploads else [])]) or "nothing"


def _sha256(scenario: Scenario, format_name: str) -> str:
    """Of the report as it was before it was zipped."""
    report = DevicesReport(scenario.rows, DEFAULT_FIELDS, seed=scenario.seed)
    blocks = {
        "csv": report.csv_blocks(scenario.csv_line_end),
        "json": report.json_blocks(scenario.json_shape),
    }
    return hashlib.sha256("".join(blocks[format_name]).encode()).hexdigest()


def _document(rows: Mapping[tuple[str, str], tuple[str, str]]) -> str:
    exported = sum(rows[case][0].startswith("exported") for case in _CASES)
    all_rows = [(*case, *rows[case]) for case in (*_CASES, *_TABLE_CASES, *_FLEET_CASES)]
    lines = []
    for where in dict.fromkeys(row[0] for row in all_rows):
        lines += [
            f"## {where}",
            "",
            "| fault | what happened | what is left |",
            "| --- | --- | --- |",
        ]
        lines += [f"| {' | '.join(row[1:])} |" for row in all_rows if row[0] == where]
        lines += [""]
    lines += ["## Not shown here", ""]
    lines += [f"- **{fault}.** {why}" for fault, why in NOT_SHOWN.items()]
    introduction = _INTRODUCTION.format(
        number=len(_CASES),
        exported=exported,
        tables=len(_TABLE_CASES),
        fleets=len(_FLEET_CASES),
    )
    return introduction + "\n".join(lines) + "\n"
