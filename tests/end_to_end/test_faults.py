"""Whatever goes wrong: whole or not at all, with a typed error, and nothing lost or leaked.

What must come of each fault is in docs/faults.md, row by row. A row that is not there yet is
written by `make faults`; one that shall change is deleted there first.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import PurePosixPath
from queue import SimpleQueue
from threading import Lock
from typing import Any
from uuid import uuid4

import pytest

from local.aws_front import AwsFault, AwsFront
from local.cloud import LocalCloud
from local.paths import ROOT, WORK
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.stack import Stack, deployed, simulator_parameters
from local.waiting import wait_until
from pingone_reports.model.fleet import FleetExports
from tests.end_to_end.conftest import (
    Ended,
    Exporter,
    assert_failed,
    assert_landed,
    creates,
    log_lines,
    resource,
)
from tests.end_to_end.faults import (
    FAULTS,
    FAULTS_OF_FLEETS,
    FAULTS_OF_TABLES,
    Case,
    Meanwhile,
    TableCase,
)
from tests.end_to_end.leaks import everything_left
from tests.support.metrics import embedded_metrics

# More would spend the time on starting functions.
_AT_A_TIME = 8
# Stacks on which one export runs at a time, mostly waiting.
_ALONE = 2
# Of Lambda, where the waits of the state machine are a tenth: these are not scaled.
_SECONDS_IN_A_HURRY = 15
# No fault of it: a start that waits for the place of one that was cut off.
_WAITING = {"StartInProgress"}

_DOCUMENT, _WRITTEN = ROOT / "docs" / "faults.md", WORK / "faults.md"
_HEAD = "| fault | what happened | what is left |\n| --- | --- | --- |"

Name = tuple[str, str]
"""Where, and which fault."""
Row = tuple[str, str]
"""What happened, and what is left."""


def _by_name(faults: Mapping[str, Mapping[str, Any]]) -> dict[Name, Any]:
    return {(where, fault): case for where in faults for fault, case in faults[where].items()}


_CASES: dict[Name, Case] = _by_name(FAULTS)
_TABLE_CASES: dict[Name, TableCase] = _by_name(FAULTS_OF_TABLES)
_FLEET_CASES: dict[Name, AwsFault] = _by_name(FAULTS_OF_FLEETS)
_NAMES = [*_CASES, *_TABLE_CASES, *_FLEET_CASES]


def _documented() -> dict[Name, Row]:
    """The rows of the documentation."""
    rows, where = {}, ""
    for line in _DOCUMENT.read_text().splitlines():
        if line.startswith("## "):
            where = line.removeprefix("## ")
        elif line.startswith("| "):
            fault, happened, left = line.strip("| ").split(" | ")
            rows[where, fault] = happened, left
    return rows


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

    shared: Stack
    alone: Sequence[Alone]
    hurried: Stack
    tabulated: Stack
    front: AwsFront
    pingone: PingOneSimulator
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    told: list[dict[str, Any]] = field(default_factory=list)
    rows: dict[Name, Future[Row]] = field(default_factory=dict)
    _published: str = ""
    _machines: Iterator[int] = field(default_factory=count)
    _untabulated: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)
    _idle: SimpleQueue[Alone] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        for alone in self.alone:
            self._idle.put(alone)

    def export(self, case: Case) -> Row:
        """Let the faults of a case meet an export."""
        return self._export(case, self.hurried if case.stack == "hurried" else self.shared)

    def export_alone(self, case: Case) -> Row:
        """The same where no other export is, and no function has a token."""
        alone = self._idle.get()
        try:
            self.pingone.set_scenario(alone.home, Scenario(faults=tuple(case.token)))
            self.pingone.revoke_tokens(alone.home)
            row = self._export(case, alone.stack, alone)
            self._assert_met(alone.home, alone.name)
            return row
        finally:
            if case.meanwhile == "secret rotated and not put in":
                self._put_secret(alone)
            self._idle.put(alone)

    def _export(self, case: Case, stack: Stack, alone: Alone | None = None) -> Row:
        exporter = Exporter(self._with_machine(stack, case), self.pingone, self.events)
        environment = exporter.environment_id
        self.front.set_faults(alone.name if alone else environment, case.aws)
        request = {"formats": list(case.formats), "correlationId": "failing", **case.request}
        arn = exporter.start(case.scenario, **request)
        if case.meanwhile and alone:
            wait_until(lambda: creates(self.pingone, environment))
            self._happen(case.meanwhile, alone)
        ended, retried = exporter.end_of(arn), _retried(stack, arn)

        if ended.error:
            assert_failed(ended, ended.error)
        else:
            assert_landed(ended, list(case.formats))
            for file in ended.manifest["files"]:
                assert file["sha256"] == _sha256(case.scenario, file["format"])
            assert _times_measured(ended) == case.measured
            assert creates(self.pingone, environment) == case.creates
        self._assert_met(environment)
        if case.answered:
            calls = self.pingone.requests_of(environment), self.pingone.downloads_of(environment)
            assert case.answered in [call.status for made in calls for call in made]
        return _what_happened(ended, retried), _listed(ended.keys)

    def _assert_met(self, *subjects: str) -> None:
        """What was to go wrong did."""
        for subject in subjects:
            assert self.pingone.unmet_faults(subject) == []
            assert self.front.unmet_faults(subject) == []

    def fleet(self, fault: AwsFault) -> Row:
        """Let a fault meet a fleet of one environment, which has its name: both are met."""
        name = str(uuid4())
        self.pingone.set_scenario(name, Scenario(rows=20))
        self.front.set_faults(name, (fault,))
        request = {"environmentIds": [name], "idempotencyKey": name, "formats": ["csv"]}
        arn = self.shared.cloud.client("stepfunctions").start_execution(
            stateMachineArn=self.shared.outputs["FleetStateMachineArn"],
            name=name,
            input=json.dumps(request),
        )["executionArn"]
        exporter = Exporter(self.shared, self.pingone, self.events)
        ended, retried = exporter.end_of(arn), _retried(self.shared, arn)

        keys = [item["Key"] for item in self.shared.objects("pingone/fleet/")]
        left = _listed(key for key in keys if f"/{name}/" in key)
        if "listing.json" in left:
            machine = self.shared.outputs["StateMachineArn"]
            export = machine.replace(":stateMachine:", ":execution:")
            landed = exporter.end_of(f"{export}:{FleetExports(arn, None).name(name)}")
            assert landed.description["status"] == "SUCCEEDED"
            if not ended.error:
                [entry] = ended.manifest["environments"]
                assert entry["manifestKey"] == landed.event["detail"]["manifestKey"]
        assert creates(self.pingone, name) == ("listing.json" in left)
        self._assert_met(name)
        return _what_happened(ended, retried), left

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

    def publish(self) -> None:
        """Publish an export that nobody tabulates yet."""
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
            FunctionName=self._tabulate_report, DeadLetterConfig={"TargetArn": queue}
        )
        ended = Exporter(stack, self.pingone, self.events).run(Scenario(rows=20), formats=["csv"])
        self._published = ended.event["detail"]["manifestKey"]

    def tabulate(self, published: Future[None], case: TableCase) -> Row:
        """Let faults meet the tabulation of a copy of that export."""
        published.result()
        s3, bucket = self.tabulated.cloud.client("s3"), self.tabulated.outputs["BucketName"]
        # Of two exports at one time, the one with the later name is the later one.
        environment, before, name = str(uuid4()), f"a{uuid4().hex}", f"b{uuid4().hex}"
        previous = ""
        if case.changed:
            previous = self._copy(environment, before)
            self._invoke(previous, before)
            wait_until(lambda: self._written(before, "exports"), f"{before} is in the tables")
        if case.expired:
            for key in [*self._written(before, "devices"), previous]:
                s3.delete_object(Bucket=bucket, Key=key)
        manifest_key = self._copy(environment, name, previous)
        if case.replaced:
            [file] = json.loads(self.tabulated.read(manifest_key))["files"]
            s3.put_object(Bucket=bucket, Key=file["key"], Body=case.replaced)
        self.front.set_faults(name, case.aws)
        for _ in range(2 if case.twice else 1):
            self._invoke(manifest_key, name)
        wait_until(
            lambda: (
                name in self._errors()
                or (self._told_of(name) if case.changed else self._written(name, "exports"))
            ),
            f"{name} is in the tables and told of, or in the queue",
        )

        error, tables, devices = (
            self._errors().get(name),
            self._written(name, "exports"),
            self._written(name, "devices"),
        )
        told = {json.dumps(event["detail"]) for event in self._told_of(name)}
        assert len(told) <= 1, "whatever comes again has the same id"
        assert bool(tables) == (error in (None, "AnnouncementFailed"))
        assert len(devices) == 1 if tables else not (devices and case.replaced)
        self._assert_met(name)
        after = "".join(f", after `{one}`" for one in self._failed_tries(name))
        happened = f"`{error}`, retried in vain" if error else f"tabulated{after}"
        left = "rows of devices alone" if devices else "nothing"
        left = "export and rows" if tables else left
        if case.changed:
            left += ", and it was told" if told else ", and nobody was told"
        return happened, left

    def _copy(self, environment: str, name: str, previous: str = "") -> str:
        """Copy the export under another name, and without its last device if it has a previous one.

        Returns the key of its manifest.
        """
        source = self._published
        own = {
            source.split("/")[-2]: name,
            source.split("environment=")[1].split("/")[0]: environment,
        }

        def renamed(text: str) -> str:
            return re.sub("|".join(own), lambda found: own[found[0]], text)

        original = self.tabulated.read(source).decode()
        manifest = json.loads(renamed(original))
        [file], [original_file] = manifest["files"], json.loads(original)["files"]
        body = self.tabulated.read(original_file["key"])
        if previous:
            body = b"".join(body.splitlines(keepends=True)[:-1])
            file |= {"sha256": hashlib.sha256(body).hexdigest(), "records": file["records"] - 1}
            manifest["previous"] = {"manifestKey": previous, "reason": None}
        s3, bucket = self.tabulated.cloud.client("s3"), self.tabulated.outputs["BucketName"]
        s3.put_object(Bucket=bucket, Key=file["key"], Body=body)
        s3.put_object(Bucket=bucket, Key=renamed(source), Body=json.dumps(manifest).encode())
        return renamed(source)

    def _invoke(self, manifest_key: str, name: str) -> None:
        """Call TabulateReport as the event does."""
        document = {"manifestKey": manifest_key, "correlationId": name, "notify": True}
        self.tabulated.cloud.client("lambda").invoke(
            FunctionName=self._tabulate_report,
            InvocationType="Event",
            Payload=json.dumps(document),
        )

    def _told_of(self, name: str) -> list[dict[str, Any]]:
        """What subscribers got to know of an export's changes."""
        with self._lock:
            self.told += self.tabulated.receive_events()
            return [event for event in self.told if event["detail"]["exportId"] == name]

    def _written(self, name: str, table: str) -> list[str]:
        """The objects that a table has of an export."""
        keys = [item["Key"] for item in self.tabulated.objects(f"pingone/tables/{table}/")]
        return [key for key in keys if name in key]

    def _errors(self) -> dict[str, str]:
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

    def _failed_tries(self, name: str) -> list[str]:
        """The errors that TabulateReport has logged of an export."""
        lines = log_lines(self.tabulated.cloud, "TabulateReport")
        found = [json.loads(line) for line in lines if line.startswith("{") and name in line]
        return sorted({line["error"] for line in found if "error" in line})

    @property
    def _tabulate_report(self) -> str:
        return resource(self.tabulated.cloud, "tabulated", "TabulateReport")

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
        return replace(stack, outputs={**stack.outputs, "StateMachineArn": arn})

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
        secret = pingone.client_secret
        return deployed(cloud, pingone.client_id, secret, parameters | more, name, front.url)

    def deploy_alone(number: int) -> Alone:
        name, home = f"alone-{number}", str(uuid4())
        return Alone(name, deploy(name, TokenUrl=pingone.token_url(home)), home)

    with (
        front.serving(),
        ThreadPoolExecutor(_AT_A_TIME) as pool,
        ThreadPoolExecutor(_ALONE) as few,
    ):
        stacks = [
            pool.submit(deploy, "faults"),
            pool.submit(deploy, "hurried"),
            pool.submit(deploy, "tabulated", Analytics="enabled", DatabaseName="faulty_reports"),
        ]
        alone = list(few.map(deploy_alone, range(_ALONE)))
        shared, hurried, tabulated = (deploying.result() for deploying in stacks)
        matrix = Matrix(shared, alone, hurried, tabulated, front, pingone)
        matrix.hurry()
        # Those alone in their order: when tokens are revoked midway, functions have had some.
        for name, case in sorted(_CASES.items(), key=lambda item: item[1].may_come_late):
            if case.stack == "alone":
                matrix.rows[name] = few.submit(matrix.export_alone, case)
            else:
                matrix.rows[name] = pool.submit(matrix.export, case)
        for name, fault in _FLEET_CASES.items():
            matrix.rows[name] = pool.submit(matrix.fleet, fault)
        published = pool.submit(matrix.publish)
        for name, table_case in _TABLE_CASES.items():
            matrix.rows[name] = pool.submit(matrix.tabulate, published, table_case)
        yield matrix
        for workers in (pool, few):
            workers.shutdown(cancel_futures=True)


@pytest.mark.parametrize(("where", "fault"), _NAMES)
def test_what_comes_of_a_fault_is_what_the_documentation_says(
    matrix: Matrix, where: str, fault: str
) -> None:
    row = matrix.rows[where, fault].result()

    assert row == _documented().get((where, fault), row)


@pytest.fixture(scope="module")
def rows(matrix: Matrix) -> dict[Name, Row]:
    """What came of each fault, when everything has gone wrong."""
    rows = {name: matrix.rows[name].result() for name in _NAMES}
    _WRITTEN.write_text(_document(rows))
    return rows


def test_the_documentation_says_what_came_of_each_fault(rows: dict[Name, Row]) -> None:
    """`make faults` writes it."""
    assert _DOCUMENT.read_text() == _document(rows)


@pytest.mark.usefixtures("rows")
def test_no_execution_has_sent_two_events(matrix: Matrix) -> None:
    for stack in (matrix.shared, *(each.stack for each in matrix.alone), matrix.hurried):
        assert stack.receive_events() == []


@pytest.mark.usefixtures("rows")
def test_no_secret_is_left_anywhere(matrix: Matrix, secured_export: Ended) -> None:
    secrets = matrix.pingone.issued_secrets
    assert {secret.kind for secret in secrets} >= {
        "client secret",
        "client assertion",
        "access token",
        "zip password",
        "link signature",
    }
    # By text, because many exports are of one report.
    stacks = (
        matrix.shared,
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
    return sum(
        line["execution"] == ended.description["name"]
        for text in log_lines(ended.stack.cloud, "FetchReport", '"ExportsCompleted"')
        for line, point in embedded_metrics(text)
        if point.name == "ExportsCompleted"
    )


def _what_happened(ended: Ended, retried: list[str]) -> str:
    happened = f"`{ended.error}`" if ended.error else "exported"
    others = [f"`{error}`" for error in retried if error != ended.error]
    again = ", retried in vain" if ended.error in retried else ""
    return f"{happened}{again}{', after ' if others else ''}{' and '.join(others)}"


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(sorted(PurePosixPath(key).name for key in keys)) or "nothing"


def _sha256(scenario: Scenario, format_name: str) -> str:
    """Of the report as it was before it was zipped."""
    report = DevicesReport(scenario.rows, DEFAULT_FIELDS, seed=scenario.seed)
    blocks = {
        "csv": report.csv_blocks(scenario.csv_line_end),
        "json": report.json_blocks(scenario.json_shape),
    }
    return hashlib.sha256("".join(blocks[format_name]).encode()).hexdigest()


def _document(rows: Mapping[Name, Row]) -> str:
    """The documentation with these rows in place of its own."""
    introduction, _, rest = _DOCUMENT.read_text().partition("## ")
    lines = []
    for where in dict.fromkeys(where for where, _ in _NAMES):
        lines += [f"## {where}", "", _HEAD]
        lines += [
            f"| {' | '.join((name[1], *rows[name]))} |" for name in _NAMES if name[0] == where
        ]
        lines += [""]
    return (
        introduction
        + "\n".join(lines)
        + "\n## Not shown here"
        + rest.partition("## Not shown here")[2]
    )
