"""No role may do more than it needs: without any one of its permissions, something fails.

What a function does with its role fails as an export. What AWS's services do with a role, the
local cloud does without asking: there the role itself makes the service's call, or where the local
services check otherwise than AWS, IAM's simulator is asked.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import boto3
import pytest
from botocore.exceptions import ClientError

from local.cloud import ACCOUNT_ID, REGION
from local.pingone_simulator import ListedEnvironment, PingOneSimulator, Scenario
from local.pingone_simulator.zip_damage import flipped_bit
from local.stack import Stack
from local.waiting import wait_until
from pingone_reports.model.export import Export
from pingone_reports.model.keys import ExportKeys
from tests.end_to_end.conftest import Ended, Exporter
from tests.support.documents import sample
from tests.support.template import ROLES, as_list, statements

_CASES = [
    (role, statement["Sid"], action)
    for role in ROLES
    for statement in statements(ROLES[role])
    for action in as_list(statement["Action"])
]
_NOT_SHOWN = {
    "RecordFailures": "the local cloud does not know cloudwatch:namespace",
    "PublishEvents": "the local cloud does not know events:source",
    "EncryptState": "the local cloud does not know kms:EncryptionContext",
    "DecryptWithKey": "neither Secrets Manager nor DynamoDB calls KMS locally",
    "EncryptExports": "the local S3 does not call KMS",
    "EncryptFleets": "the local S3 does not call KMS",
    "EncryptTables": "neither S3 nor SQS calls KMS locally",
    "EncryptUndelivered": "the local SQS does not call KMS",
    "EncryptStateWithFormerKeys": "the local cloud does not know kms:EncryptionContext",
    "DecryptWithFormerKeys": "neither S3 nor the others call KMS locally",
    "DeliverLogs": "the local Step Functions does not log",
    "EncryptLogs": "the local Step Functions does not log",
    "JoinVpc": "the local cloud has no VPC",
    "LeaveVpc": "the local cloud has no VPC",
    "KeepSummaries": "only the export of a fleet has one",
}


class Bench:
    """The deployed roles, which permissions are taken from one by one, and what happens then."""

    def __init__(
        self,
        name: str,
        stack: Stack,
        pingone: PingOneSimulator,
        events: dict[str, dict[str, Any]],
    ) -> None:
        self.stack = stack
        self.pingone = pingone
        self._events = events
        self._awaited = ""
        self._working: set[tuple[object, str]] = set()
        resources = stack.cloud.client("cloudformation").describe_stack_resources(StackName=name)[
            "StackResources"
        ]
        self.names = {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"] for resource in resources
        }

    def assert_works(self, shown: Callable[["Bench", str], str], role: str) -> None:
        """With every permission, nothing fails; once is enough."""
        if (shown, role) not in self._working:
            assert shown(self, role) == ""
            self._working.add((shown, role))

    @contextmanager
    def without(self, role: str, sid: str, action: str, expected: str) -> Iterator[None]:
        """The role as it is but for one action of one statement, and the error that is expected."""
        iam, name = self.stack.cloud.client("iam"), self.names[role]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        whole = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        less = deepcopy(whole)
        (statement,) = (item for item in less["Statement"] if item["Sid"] == sid)
        statement["Action"] = [item for item in as_list(statement["Action"]) if item != action]
        if not statement["Action"]:
            less["Statement"].remove(statement)
        put = {"RoleName": name, "PolicyName": policy}
        if less["Statement"]:
            iam.put_role_policy(**put, PolicyDocument=json.dumps(less))
        else:
            iam.delete_role_policy(**put)
        self._awaited = expected
        try:
            yield
        finally:
            self._awaited = ""
            iam.put_role_policy(**put, PolicyDocument=json.dumps(whole))

    def export(self, scenario: Scenario | None = None) -> Ended:
        """One export, for which every function gets a token anew."""
        self.pingone.revoke_tokens()
        return Exporter(self.stack, self.pingone, self._events).run(scenario, formats=["csv"])

    def error_of_export(self, usual: str = "", scenario: Scenario | None = None) -> str:
        """What `error_of` says of such an export."""
        self.pingone.revoke_tokens()
        exporter = Exporter(self.stack, self.pingone, self._events)
        return self.error_of(exporter.start(scenario, formats=["csv"]), usual)

    def error_of(self, execution_arn: str, usual: str = "") -> str:
        """The error that an execution ends with, or '' if it is the usual one.

        It is stopped at the first task that fails with the error that is expected of a missing
        permission: what comes of errors after all tries is shown by test_faults.py.
        """

        def failed_or_ended() -> tuple[str, str] | None:
            description = self.stack.describe(execution_arn)
            if description["status"] != "RUNNING":
                return str(description.get("error", "")), str(description.get("cause", ""))
            for event in self.stack.history(execution_arn):
                failure = event.get("taskFailedEventDetails", {})
                if self._awaited and failure.get("error", "").startswith(self._awaited):
                    return failure["error"], failure["cause"]
            return None

        error, cause = wait_until(failed_or_ended, f"{execution_arn} has failed or ended")
        states = self.stack.cloud.client("stepfunctions")
        with suppress(states.exceptions.ValidationException):  # if it has ended
            states.stop_execution(executionArn=execution_arn)
        return "" if error == usual else f"{error}: {cause}"

    def as_role(self, role: str, service: str) -> Any:
        """A client with the role's permissions, which only this test's copy of the role gives."""
        iam = self.stack.cloud.client("iam")
        trust = iam.get_role(RoleName=self.names[role])["Role"]
        document = trust["AssumeRolePolicyDocument"]
        document["Statement"] = [
            *(item for item in document["Statement"] if "Service" in item["Principal"]),
            {"Effect": "Allow", "Principal": {"AWS": ACCOUNT_ID}, "Action": "sts:AssumeRole"},
        ]
        iam.update_assume_role_policy(
            RoleName=self.names[role], PolicyDocument=json.dumps(document)
        )
        session = self.stack.cloud.client("sts").assume_role(
            RoleArn=trust["Arn"], RoleSessionName=f"s{uuid4().hex}"
        )["Credentials"]
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.stack.cloud.endpoint_url,
            region_name=REGION,
            aws_access_key_id=session["AccessKeyId"],
            aws_secret_access_key=session["SecretAccessKey"],
            aws_session_token=session["SessionToken"],
            verify=str(self.stack.cloud.ca_bundle),
        )


@pytest.fixture(scope="module")
def bench(secured: Stack, pingone: PingOneSimulator) -> Iterator[Bench]:
    bench = Bench("secured", secured, pingone, {})
    yield bench
    # With every permission back.
    assert bench.export().description["status"] == "SUCCEEDED"


@pytest.fixture(scope="module")
def bench_with_secret(
    stack: Stack, pingone: PingOneSimulator, received_events: dict[str, dict[str, Any]]
) -> Bench:
    return Bench("reports", stack, pingone, received_events)


def _export(bench: Bench, _role: str) -> str:
    return bench.error_of_export()


def _unfinished_export(bench: Bench, _role: str) -> str:
    # The second try begins with what the first one could not take back.
    return bench.error_of_export("CorruptZip", Scenario(rows=150_000, damage=flipped_bit))


def _quarantined_export(bench: Bench, _role: str) -> str:
    return bench.error_of_export("QualityGateFailed", Scenario(rows=0))


def _late_turn(bench: Bench, role: str) -> str:
    """A call of the role's function by an export that needs a turn at PingOne."""
    now = datetime.now(UTC).isoformat()
    started = _invoked(
        bench,
        "StartReport",
        {
            "request": {"environmentId": str(uuid4())},
            "execution": {"arn": f"arn:{uuid4()}", "name": "late", "startedAt": now},
            "queued": {"since": now, "turn": None},
        },
    )
    late = {"export": started["export"], "turn": None}
    error = _invoked(bench, role.removesuffix("Role"), late).get("errorType", "")
    return error if error == "TableUnavailable" else ""


def _invoked(bench: Bench, function: str, payload: dict[str, Any]) -> dict[str, Any]:
    answer = bench.stack.cloud.client("lambda").invoke(
        FunctionName=bench.names[function], Payload=json.dumps(payload)
    )
    return dict(json.load(answer["Payload"]))


def _repeated_request(bench: Bench, _role: str) -> str:
    key = {"idempotencyKey": uuid4().hex, "environmentId": str(uuid4()), "formats": ["csv"]}
    bench.stack.wait_for(bench.stack.start_export(key))
    return bench.error_of(bench.stack.start_export(key))


def _tabulate(bench: Bench, _role: str) -> str:
    published = bench.export().event["detail"]
    answer = _invoked(bench, "TabulateReport", {"manifestKey": published["manifestKey"]})
    return str(answer.get("errorType", ""))


def _show_fleet(bench: Bench, _role: str) -> str:
    """A fleet that ended long ago, of which nothing is in the tables."""
    fleet = sample("fleet-completed")["manifestKey"]
    bench.stack.cloud.client("s3").put_object(
        Bucket=bench.stack.outputs["BucketName"], Key=fleet, Body=json.dumps(sample("fleet"))
    )
    return str(_invoked(bench, "ShowFleet", {"manifestKey": fleet}).get("errorType", ""))


def _tell(bench: Bench, _role: str) -> str:
    """A tabulation that finds changes, for an environment of its own."""
    exporter = Exporter(bench.stack, bench.pingone, {})
    answer: dict[str, Any] = {}
    for rows in (20, 30):
        published = exporter.run(Scenario(rows=rows), formats=["csv"]).event["detail"]
        call = {"manifestKey": published["manifestKey"], "notify": True}
        answer = _invoked(bench, "TabulateReport", call)
    return str(answer.get("errorType", ""))


def _discard(bench: Bench, _role: str) -> str:
    """A call of DiscardReport for an export that left files and uploads, in quarantine too."""
    state = sample("check-report-input")
    export = Export.from_state(state["export"])
    s3, target = bench.stack.cloud.client("s3"), {"Bucket": bench.stack.outputs["BucketName"]}
    keys = ExportKeys.of(export, "pingone")
    for folder in (keys.folder, keys.quarantine_folder):
        s3.put_object(**target, Key=f"{folder}devices.csv", Body=b"left")
        s3.create_multipart_upload(**target, Key=f"{folder}devices.csv")
    return str(_invoked(bench, "DiscardReport", state).get("errorType", ""))


def _send_to(output: str) -> Callable[[Bench, str], str]:
    return _call(
        "sqs",
        lambda sqs, bench, _role: sqs.send_message(
            QueueUrl=bench.stack.outputs[output], MessageBody="x"
        ),
    )


def _call(service: str, call: Callable[[Any, Bench, str], Any]) -> Callable[[Bench, str], str]:
    def made(bench: Bench, role: str) -> str:
        try:
            call(bench.as_role(role, service), bench, role)
        except ClientError as error:
            return f"{error.response['Error']['Code']} of {error.operation_name}"
        return ""

    return made


def _simulate(resource: Callable[[Bench, str], str], action: str) -> Callable[[Bench, str], str]:
    def made(bench: Bench, role: str) -> str:
        (result,) = bench.stack.cloud.client("iam").simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT_ID}:role/{bench.names[role]}",
            ActionNames=[action],
            ResourceArns=[resource(bench, role)],
        )["EvaluationResults"]
        decision = str(result["EvalDecision"])
        return "" if decision == "allowed" else f"{decision} says IAM's simulator"

    return made


def _log_stream(bench: Bench, role: str) -> str:
    group = bench.names[role.replace("Role", "Logs")]
    return f"arn:aws:logs:{REGION}:{ACCOUNT_ID}:log-group:{group}:log-stream:x"


def _bucket(bench: Bench, _role: str) -> str:
    # Here a missing manifest is 404 to everyone.
    return f"arn:aws:s3:::{bench.stack.outputs['BucketName']}"


def _invoke(*names: str) -> Callable[[Bench, str], str]:
    def call(functions: Any, bench: Bench, _role: str) -> None:
        for name in names:
            functions.invoke(FunctionName=f"{bench.names[name]}:current", InvocationType="DryRun")

    return _call("lambda", call)


def _start_execution(output: str) -> Callable[[Bench, str], str]:
    # It ends at once, as an invalid request.
    return _call(
        "stepfunctions",
        lambda states, bench, _role: states.start_execution(
            stateMachineArn=bench.stack.outputs[output], input='{"formats": ["none"]}'
        ),
    )


def _fleet(bench: Bench, role: str) -> str:
    """A call of ListEnvironments, and one of SummarizeFleet if it is about that one's role."""
    bench.pingone.revoke_tokens()
    bench.pingone.list_environments([ListedEnvironment(str(uuid4()), "Customers")])
    name = str(uuid4())
    execution = {
        "arn": f"arn:{name}", "name": name, "startedAt": datetime.now(UTC).isoformat()
    }  # fmt: skip
    request = {"idempotencyKey": name}
    answer = _invoked(bench, "ListEnvironments", {"request": request, "execution": execution})
    if role == "SummarizeFleetRole":
        answer = _invoked(bench, "SummarizeFleet", {"execution": execution})
    return str(answer.get("errorType", ""))


def _in_states(path: str) -> Callable[[Bench, str], str]:
    return lambda _bench, _role: f"arn:aws:states:{REGION}:{ACCOUNT_ID}:{path}"


def _table(bench: Bench, _role: str) -> str:
    return f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{bench.names['CoordinationTable']}"


_Shown = tuple[Callable[[Bench, str], str], str]


def _of_machine(sid: str, action: str, path: str) -> dict[tuple[str, ...], _Shown]:
    """A permission that Step Functions itself uses."""
    return {(sid, action): (_simulate(_in_states(path), action), "implicitDeny")}


_WAITING = (
    f"arn:aws:events:{REGION}:{ACCOUNT_ID}:rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"
)

# What shows that a permission is there, or what fails without it; by statement and action, and by
# role where roles share a statement.
_SHOWN_BY: dict[tuple[str, ...], _Shown] = {
    ("InvokeFleetFunctions", "lambda:InvokeFunction"): (
        _invoke("ListEnvironments", "SummarizeFleet", "ShowFleet"),
        "AccessDenied",
    ),
    ("StartFleet", "states:StartExecution"): (
        _start_execution("FleetStateMachineArn"),
        "AccessDenied",
    ),
    ("ReadListOfExports", "s3:GetObject"): (
        _simulate(
            lambda bench, role: f"{_bucket(bench, role)}/pingone/fleet/x/exports.json",
            "s3:GetObject",
        ),
        "implicitDeny",
    ),
    **_of_machine("RunMap", "states:StartExecution", "stateMachine:secured-export-fleet"),
    **_of_machine("WatchMap", "states:DescribeExecution", "execution:secured-export-fleet:x"),
    **_of_machine(
        "WatchMap", "states:StopExecution", "execution:secured-export-fleet/ExportEnvironments:x"
    ),
    **_of_machine("WatchExports", "states:DescribeExecution", "execution:secured-export-report:x"),
    **_of_machine("WatchExports", "states:StopExecution", "execution:secured-export-report:x"),
    **_of_machine(
        "SeeWhoHasTheFleetKey", "states:DescribeExecution", "execution:secured-export-fleet:x"
    ),
    **{
        ("HearOfEndedExports", action): (
            _simulate(lambda _bench, _role: _WAITING, action),
            "implicitDeny",
        )
        for action in ("events:PutRule", "events:PutTargets", "events:DescribeRule")
    },
    ("RecordResults", "dynamodb:PutItem"): (_simulate(_table, "dynamodb:PutItem"), "implicitDeny"),
    ("RecordResults", "dynamodb:GetItem"): (_simulate(_table, "dynamodb:GetItem"), "implicitDeny"),
    ("ListEnvironmentsRole", "ReadCredentials", "secretsmanager:GetSecretValue"): (
        _fleet,
        "InvalidSecret",
    ),
    ("ListEnvironmentsRole", "SignAssertions", "kms:Sign"): (_fleet, "SigningRefused"),
    ("HoldFleetKey", "dynamodb:UpdateItem"): (_fleet, "TableUnavailable"),
    ("WriteFleets", "s3:GetObject"): (_fleet, "StorageDenied"),
    ("WriteFleets", "s3:PutObject"): (_fleet, "StorageDenied"),
    ("ReadResults", "dynamodb:GetItem"): (_fleet, "TableUnavailable"),
    # Without it, the next fleet is compared with an older one.
    ("ReadResults", "dynamodb:UpdateItem"): (
        _simulate(_table, "dynamodb:UpdateItem"),
        "implicitDeny",
    ),
    ("ReadCredentials", "secretsmanager:GetSecretValue"): (_export, "InvalidSecret"),
    ("SignAssertions", "kms:Sign"): (_export, "SigningRefused"),
    ("ReadPseudonymKey", "secretsmanager:GetSecretValue"): (_export, "InvalidSecret"),
    ("WriteExports", "s3:PutObject"): (_export, "StorageDenied"),
    ("WriteExports", "s3:AbortMultipartUpload"): (_unfinished_export, "StorageDenied"),
    ("QuarantineExports", "s3:PutObject"): (_quarantined_export, "StorageDenied"),
    ("QuarantineExports", "s3:AbortMultipartUpload"): (
        _simulate(
            lambda bench, role: f"{_bucket(bench, role)}/pingone/quarantine/report=x",
            "s3:AbortMultipartUpload",
        ),
        "implicitDeny",
    ),
    ("ReadManifest", "s3:GetObject"): (_export, "StorageDenied"),
    ("TellMissingFromForbidden", "s3:ListBucket"): (
        _simulate(_bucket, "s3:ListBucket"),
        "implicitDeny",
    ),
    ("FindUnfinished", "s3:ListBucketMultipartUploads"): (_export, "StorageDenied"),
    ("KeepFromPublishing", "dynamodb:UpdateItem"): (_discard, "TableUnavailable"),
    ("FindLeftovers", "s3:ListBucketMultipartUploads"): (_discard, "StorageDenied"),
    ("FindLeftovers", "s3:ListBucket"): (_discard, "StorageDenied"),
    ("RemoveLeftovers", "s3:AbortMultipartUpload"): (_discard, "StorageDenied"),
    ("RemoveLeftovers", "s3:DeleteObject"): (_discard, "StorageDenied"),
    ("RemoveFromQuarantine", "s3:AbortMultipartUpload"): (_discard, "StorageDenied"),
    ("RemoveFromQuarantine", "s3:DeleteObject"): (_discard, "StorageDenied"),
    ("WriteLogs", "logs:CreateLogStream"): (
        _simulate(_log_stream, "logs:CreateLogStream"),
        "implicitDeny",
    ),
    ("WriteLogs", "logs:PutLogEvents"): (
        _simulate(_log_stream, "logs:PutLogEvents"),
        "implicitDeny",
    ),
    ("InvokeFunctions", "lambda:InvokeFunction"): (
        _invoke("StartReport", "CheckReport", "FetchReport", "DiscardReport"),
        "AccessDenied",
    ),
    ("StartExport", "states:StartExecution"): (_start_execution("StateMachineArn"), "AccessDenied"),
    ("StartOnce", "dynamodb:GetItem"): (_export, "TableUnavailable"),
    ("StartOnce", "dynamodb:UpdateItem"): (_export, "TableUnavailable"),
    ("SeeWhoHasTheKey", "states:DescribeExecution"): (
        _repeated_request,
        "StepFunctionsUnavailable",
    ),
    ("TakeTurns", "dynamodb:UpdateItem"): (_late_turn, "TableUnavailable"),
    ("SeePreviousExport", "dynamodb:GetItem"): (_export, "TableUnavailable"),
    ("KeepUndelivered", "sqs:SendMessage"): (_send_to("UndeliveredRequestsUrl"), "AccessDenied"),
    ("ReadExports", "s3:GetObject"): (_tabulate, "StorageDenied"),
    ("WriteTables", "s3:PutObject"): (_tabulate, "StorageDenied"),
    ("WriteTables", "s3:GetObject"): (_tell, "StorageDenied"),
    ("ReadFleets", "s3:GetObject"): (_show_fleet, "StorageDenied"),
    ("WriteFleetPages", "s3:PutObject"): (_show_fleet, "StorageDenied"),
    ("OrderExports", "dynamodb:GetItem"): (_tabulate, "TableUnavailable"),
    ("OrderExports", "dynamodb:UpdateItem"): (_tabulate, "TableUnavailable"),
    ("WritePages", "s3:PutObject"): (_tabulate, "StorageDenied"),
    ("TellChanges", "events:PutEvents"): (_tell, "AnnouncementFailed"),
    ("SendDigest", "sns:Publish"): (
        _simulate(lambda bench, _role: bench.names["DigestTopic"], "sns:Publish"),
        "implicitDeny",
    ),
    ("KeepFailed", "sqs:SendMessage"): (_send_to("UntabulatedExportsUrl"), "AccessDenied"),
}


@pytest.mark.parametrize(("role", "sid", "action"), [c for c in _CASES if c[1] not in _NOT_SHOWN])
def test_without_a_permission_something_fails(
    request: pytest.FixtureRequest, bench: Bench, role: str, sid: str, action: str
) -> None:
    shown, expected = _SHOWN_BY.get((role, sid, action)) or _SHOWN_BY[sid, action]
    if sid == "ReadCredentials":  # which a stack with a key does without
        bench = request.getfixturevalue("bench_with_secret")
    if shown is not _export:  # the exports are shown to work in the end
        bench.assert_works(shown, role)

    with bench.without(role, sid, action, expected):
        failed = shown(bench, role)

    assert failed.startswith(expected)


def test_what_is_not_shown_is_there() -> None:
    assert set(_NOT_SHOWN) <= {sid for _, sid, _ in _CASES}
