"""No role may do more than it needs: without any one of its permissions, something fails.

What a function does with its role fails as an export. What AWS's services do with a role, the
local cloud does without asking, and some it checks otherwise than AWS: there IAM's simulator is
asked.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

import pytest

from local.cloud import ACCOUNT_ID, REGION
from local.pingone_simulator import ListedEnvironment, PingOneSimulator, Scenario
from local.pingone_simulator.zip_damage import flipped_bit
from local.stack import Stack
from local.waiting import wait_until
from pingone_reports.errors import InvalidSecret
from pingone_reports.model.export import Export
from pingone_reports.model.keys import ExportKeys
from tests.end_to_end.conftest import Ended, Exporter, resource
from tests.support.documents import sample
from tests.support.template import ROLES, as_list, statements


class Permission(NamedTuple):
    """An action that a statement of a role's policy allows."""

    role: str
    sid: str
    action: str

    @property
    def errors(self) -> tuple[str, ...]:
        """What may come of it if it is missing: an error of ours, or an answer of AWS."""
        ours = {
            "dynamodb": "TableUnavailable",
            "events": "AnnouncementFailed",
            "kms": "SigningRefused",
            "s3": "StorageDenied",
            "secretsmanager": InvalidSecret.__name__,
            "states": "StepFunctionsUnavailable",
        }
        return ours.get(self.action.partition(":")[0], "AccessDenied"), "AccessDenied"


_CASES = [
    Permission(role, statement["Sid"], action)
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
        self.name = name
        self.stack = stack
        self.pingone = pingone
        self._events = events
        self._awaited: tuple[str, ...] = ()
        self._working: set[tuple[object, ...]] = set()

    def id_of(self, resource_name: str) -> str:
        """The physical id of a resource of the stack."""
        return resource(self.stack.cloud, self.name, resource_name)

    def arn_of(self, template: str, role: str) -> str:
        """An ARN with ids in place of `{X}`; the logs are those of the role's function."""

        def id_of(found: re.Match[str]) -> str:
            name = found[1] if found[1] != "Logs" else role.replace("Role", "Logs")
            id_ = self.id_of(name)
            return id_.rpartition("/")[2] if "://" in id_ else id_

        return re.sub(r"{(\w+)}", id_of, template)

    def assert_works(self, shown: "Shown", permission: Permission) -> None:
        """With every permission, nothing fails; once is enough for those of a role."""
        simulated = (permission,) if isinstance(shown, Simulated) else ()
        if (key := (shown, permission.role, *simulated)) not in self._working:
            assert shown(self, permission) == ""
            self._working.add(key)

    @contextmanager
    def without(self, permission: Permission) -> Iterator[None]:
        """The role as it is but for one action of one statement."""
        iam, name = self.stack.cloud.client("iam"), self.id_of(permission.role)
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        whole = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        less = deepcopy(whole)
        (statement,) = (item for item in less["Statement"] if item["Sid"] == permission.sid)
        actions = as_list(statement["Action"])
        statement["Action"] = [action for action in actions if action != permission.action]
        if not statement["Action"]:
            less["Statement"].remove(statement)
        put = {"RoleName": name, "PolicyName": policy}
        if less["Statement"]:
            iam.put_role_policy(**put, PolicyDocument=json.dumps(less))
        else:
            iam.delete_role_policy(**put)
        self._awaited = permission.errors
        try:
            yield
        finally:
            self._awaited = ()
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

        It is stopped at the first task that fails as it may without a permission: what comes of
        errors after all tries is shown by test_faults.py.
        """

        def failed_or_ended() -> tuple[str, str] | None:
            description = self.stack.describe(execution_arn)
            if description["status"] != "RUNNING":
                return str(description.get("error", "")), str(description.get("cause", ""))
            for event in self.stack.history(execution_arn):
                failure = event.get("taskFailedEventDetails", {})
                if failure.get("error", "").startswith(self._awaited):
                    return failure["error"], failure["cause"]
            return None

        error, cause = wait_until(failed_or_ended, f"{execution_arn} has failed or ended")
        states = self.stack.cloud.client("stepfunctions")
        with suppress(states.exceptions.ValidationException):  # if it has ended
            states.stop_execution(executionArn=execution_arn)
        return "" if error == usual else f"{error}: {cause}"

    def invoked(self, function: str, payload: dict[str, Any]) -> dict[str, Any]:
        """What a function answers; without an error, the type of that is ''."""
        answer = self.stack.cloud.client("lambda").invoke(
            FunctionName=self.id_of(function), Payload=json.dumps(payload)
        )
        return {"errorType": "", **json.load(answer["Payload"])}


Shown = Callable[[Bench, Permission], str]
"""Does what takes a permission; returns the error, or '' if there is none."""


def _export(bench: Bench, _: Permission) -> str:
    return bench.error_of_export()


def _unfinished_export(bench: Bench, _: Permission) -> str:
    # The second try begins with what the first one could not take back.
    return bench.error_of_export("CorruptZip", Scenario(rows=150_000, damage=flipped_bit))


def _quarantined_export(bench: Bench, _: Permission) -> str:
    return bench.error_of_export("QualityGateFailed", Scenario(rows=0))


def _repeated_request(bench: Bench, _: Permission) -> str:
    key = {"idempotencyKey": uuid4().hex, "environmentId": str(uuid4()), "formats": ["csv"]}
    bench.stack.wait_for(bench.stack.start_export(key))
    return bench.error_of(bench.stack.start_export(key))


def _late_turn(bench: Bench, permission: Permission) -> str:
    """A call of the role's function by an export that needs a turn at PingOne."""
    now = datetime.now(UTC).isoformat()
    payload = {
        "request": {"environmentId": str(uuid4())},
        "execution": {"arn": f"arn:{uuid4()}", "name": "late", "startedAt": now},
        "queued": {"since": now, "turn": None},
    }
    late = {"export": bench.invoked("StartReport", payload)["export"], "turn": None}
    error = str(bench.invoked(permission.role.removesuffix("Role"), late)["errorType"])
    return error if error == "TableUnavailable" else ""


def _tabulate(bench: Bench, _: Permission) -> str:
    key = bench.export().event["detail"]["manifestKey"]
    return str(bench.invoked("TabulateReport", {"manifestKey": key})["errorType"])


def _tell(bench: Bench, _: Permission) -> str:
    """A tabulation that finds changes, for an environment of its own."""
    exporter = Exporter(bench.stack, bench.pingone, {})
    for rows in (20, 30):
        key = exporter.run(Scenario(rows=rows), formats=["csv"]).event["detail"]["manifestKey"]
        answer = bench.invoked("TabulateReport", {"manifestKey": key, "notify": True})
    return str(answer["errorType"])


def _show_fleet(bench: Bench, _: Permission) -> str:
    """A fleet that ended long ago, of which nothing is in the tables."""
    fleet = sample("fleet-completed")["manifestKey"]
    bench.stack.cloud.client("s3").put_object(
        Bucket=bench.stack.outputs["BucketName"], Key=fleet, Body=json.dumps(sample("fleet"))
    )
    return str(bench.invoked("ShowFleet", {"manifestKey": fleet})["errorType"])


def _discard(bench: Bench, _: Permission) -> str:
    """A call of DiscardReport for an export that left files and uploads, in quarantine too."""
    state = sample("check-report-input")
    s3, target = bench.stack.cloud.client("s3"), {"Bucket": bench.stack.outputs["BucketName"]}
    keys = ExportKeys.of(Export.from_state(state["export"]), "pingone")
    for folder in (keys.folder, keys.quarantine_folder):
        s3.put_object(**target, Key=f"{folder}devices.csv", Body=b"left")
        s3.create_multipart_upload(**target, Key=f"{folder}devices.csv")
    return str(bench.invoked("DiscardReport", state)["errorType"])


def _fleet(bench: Bench, permission: Permission) -> str:
    """A call of ListEnvironments, and one of SummarizeFleet if it is about that one's role."""
    bench.pingone.revoke_tokens()
    bench.pingone.list_environments([ListedEnvironment(str(uuid4()), "Customers")])
    name = str(uuid4())
    now = datetime.now(UTC).isoformat()
    execution = {"arn": f"arn:{name}", "name": name, "startedAt": now}
    request = {"idempotencyKey": name}
    answer = bench.invoked("ListEnvironments", {"request": request, "execution": execution})
    if permission.role == "SummarizeFleetRole":
        answer = bench.invoked("SummarizeFleet", {"execution": execution})
    return str(answer["errorType"])


@dataclass(frozen=True)
class Simulated:
    """IAM's simulator says whether the role may do it with these; `{X}` is a resource's id."""

    arns: tuple[str, ...]

    def __call__(self, bench: Bench, permission: Permission) -> str:
        for arn in self.arns:
            (result,) = bench.stack.cloud.client("iam").simulate_principal_policy(
                PolicySourceArn=f"arn:aws:iam::{ACCOUNT_ID}:role/{bench.id_of(permission.role)}",
                ActionNames=[permission.action],
                ResourceArns=[bench.arn_of(arn, permission.role)],
            )["EvaluationResults"]
            if result["EvalDecision"] != "allowed":
                return "AccessDenied"
        return ""


def _in(service: str, *resources: str) -> Simulated:
    return Simulated(
        tuple(f"arn:aws:{service}:{REGION}:{ACCOUNT_ID}:{resource}" for resource in resources)
    )


def _invoke(*functions: str) -> Simulated:
    return _in("lambda", *(f"function:{{{function}}}:current" for function in functions))


def _in_bucket(path: str = "") -> Simulated:
    return Simulated((f"arn:aws:s3:::{{ReportsBucket}}{path}",))


# By statement; by role or action too where they differ.
_SHOWN_BY: dict[str, Shown] = {
    "InvokeFunctions": _invoke("StartReport", "CheckReport", "FetchReport", "DiscardReport"),
    "InvokeFleetFunctions": _invoke("ListEnvironments", "SummarizeFleet", "ShowFleet"),
    "StartExport": _in("states", "stateMachine:secured-export-report"),
    "StartFleet": _in("states", "stateMachine:secured-export-fleet"),
    "KeepUndelivered": _in("sqs", "{UndeliveredRequests}"),
    "KeepFailed": _in("sqs", "{UntabulatedExports}"),
    "WriteLogs": _in("logs", "log-group:{Logs}:log-stream:x"),
    "RunMap": _in("states", "stateMachine:secured-export-fleet"),
    "WatchMap states:DescribeExecution": _in("states", "execution:secured-export-fleet:x"),
    "WatchMap states:StopExecution": _in(
        "states", "execution:secured-export-fleet/ExportEnvironments:x"
    ),
    "WatchExports": _in("states", "execution:secured-export-report:x"),
    "SeeWhoHasTheFleetKey": _in("states", "execution:secured-export-fleet:x"),
    "HearOfEndedExports": _in("events", "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"),
    "ReadListOfExports": _in_bucket("/pingone/fleet/x/exports.json"),
    "RecordResults": _in("dynamodb", "table/{CoordinationTable}"),
    # Here a missing manifest is 404 to everyone.
    "TellMissingFromForbidden": _in_bucket(),
    "SendDigest": Simulated(("{DigestTopic}",)),
    "ReadCredentials": _export,
    "ListEnvironmentsRole ReadCredentials": _fleet,
    "SignAssertions": _export,
    "ListEnvironmentsRole SignAssertions": _fleet,
    "ReadPseudonymKey": _export,
    "StartOnce": _export,
    "SeeWhoHasTheKey": _repeated_request,
    "TakeTurns": _late_turn,
    "SeePreviousExport": _export,
    "ReadManifest": _export,
    "FindUnfinished": _export,
    "WriteExports s3:PutObject": _export,
    "WriteExports s3:AbortMultipartUpload": _unfinished_export,
    "QuarantineExports s3:PutObject": _quarantined_export,
    "QuarantineExports s3:AbortMultipartUpload": _in_bucket("/pingone/quarantine/report=x"),
    "KeepFromPublishing": _discard,
    "FindLeftovers": _discard,
    "RemoveLeftovers": _discard,
    "RemoveFromQuarantine": _discard,
    "HoldFleetKey": _fleet,
    "WriteFleets": _fleet,
    "ReadResults dynamodb:GetItem": _fleet,
    # Without it, the next fleet is compared with an older one.
    "ReadResults dynamodb:UpdateItem": _in("dynamodb", "table/{CoordinationTable}"),
    "ReadExports": _tabulate,
    "WriteTables s3:PutObject": _tabulate,
    "WriteTables s3:GetObject": _tell,
    "OrderExports": _tabulate,
    "WritePages": _tabulate,
    "TellChanges": _tell,
    "ReadFleets": _show_fleet,
    "WriteFleetPages": _show_fleet,
}


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


@pytest.mark.parametrize(
    "permission", [case for case in _CASES if case.sid not in _NOT_SHOWN], ids=" ".join
)
def test_without_a_permission_something_fails(
    request: pytest.FixtureRequest, bench: Bench, permission: Permission
) -> None:
    role, sid, action = permission
    names = (f"{role} {sid}", f"{sid} {action}", sid)
    shown = next(_SHOWN_BY[name] for name in names if name in _SHOWN_BY)
    if sid == "ReadCredentials":  # which a stack with a key does without
        bench = request.getfixturevalue("bench_with_secret")
    if shown is not _export:  # the exports are shown to work in the end
        bench.assert_works(shown, permission)

    with bench.without(permission):
        failed = shown(bench, permission)

    assert failed.startswith(permission.errors)


def test_what_is_not_shown_is_there() -> None:
    assert set(_NOT_SHOWN) <= {case.sid for case in _CASES}
