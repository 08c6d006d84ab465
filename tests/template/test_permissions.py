"""Nobody may do more than the work takes, of which the local cloud shows but a part."""

import json
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any

import pytest

from local.deployment import read_template
from local.paths import ROOT
from pingone_reports.model.announcements import COMPARED, SECURITY_EVENT_DETECTED
from pingone_reports.observability import NAMESPACE
from tests.support.template import (
    FUNCTIONS,
    RESOURCES,
    ROLES,
    TEMPLATE,
    as_list,
    only_if,
    resource_patterns,
    statements,
)
from tests.template.rendering import references, render

BY_ROLES = [(role, statement) for role in ROLES for statement in statements(ROLES[role])]
AS_RS256 = {"StringEquals": {"kms:SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}}
# These actions have no resource that could be named.
OF_NO_RESOURCE = {"RecordFailures", "JoinVpc", "LeaveVpc", "DeliverLogs"}
# No name has another star: below a prefix, of executions, of versions.
STARS = re.compile(
    r"/\$\{Prefix\}(quarantine/|posture/)?(report=|tables/|series/|posture/|fleet/)\*"
    r"|-export-(report|fleet|fleet/ExportEnvironments):\*$"
    r"|^\$\{\w+\.Arn\}:\*$"
)


def allowing(actions: str) -> list[tuple[str, dict[str, Any]]]:
    """Each role with each of its statements that allows such an action."""
    return [
        (role, statement)
        for role, statement in BY_ROLES
        if any(re.fullmatch(actions, action) for action in as_list(statement["Action"]))
    ]


every_role = pytest.mark.parametrize("name", ROLES)


class TestRoles:
    def test_every_function_has_a_role_of_its_own(self) -> None:
        roles = [function["Properties"]["Role"]["Fn::GetAtt"][0] for function in FUNCTIONS.values()]
        assert roles == [f"{name}Role" for name in FUNCTIONS]

    @every_role
    def test_every_role_is_bounded_and_is_for_one_user_of_one_service(self, name: str) -> None:
        role = ROLES[name]["Properties"]
        assert role["PermissionsBoundary"] == only_if(
            "HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}
        )
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        assert re.fullmatch(r"[a-z]+\.amazonaws\.com", statement["Principal"]["Service"])
        users = [each for each in RESOURCES if each not in ROLES and not each.endswith("BusPolicy")]
        used = json.dumps([RESOURCES[each] for each in users])
        assert used.count(f'["{name}", "Arn"]') == 1

    @every_role
    def test_every_statement_allows_named_actions_on_named_resources_for_a_reason(
        self, name: str
    ) -> None:
        said = list(statements(ROLES[name]))
        assert len({each["Sid"] for each in said}) == len(said) > 0
        for each in said:
            assert set(each) - {"Condition"} == {"Sid", "Effect", "Action", "Resource"}
            assert each["Effect"] == "Allow"
            for action in as_list(each["Action"]):
                assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action)
            if each["Sid"] in OF_NO_RESOURCE:
                assert each["Resource"] == "*"
            else:
                for pattern in resource_patterns(each["Resource"]):
                    assert "*" not in STARS.sub("", pattern)

    @pytest.mark.parametrize(
        ("actions", "resource", "roles"),
        [
            ("s3:Delete.*", "", {"DiscardReportRole"}),
            ("s3:Put.*", "report=", {"FetchReportRole"}),
            ("secretsmanager:.*", "PseudonymKey", {"FetchReportRole"}),
            ("dynamodb:(?!(Get|Put|Update)Item$).*", "", set()),
        ],
    )
    def test_what_is_delicate_is_for_few(
        self, actions: str, resource: str, roles: set[str]
    ) -> None:
        may = {role for role, s in allowing(actions) if resource in json.dumps(s["Resource"])}
        assert may == roles

    @pytest.mark.parametrize(
        ("actions", "condition"),
        [
            ("cloudwatch:.*", {"StringEquals": {"cloudwatch:namespace": NAMESPACE}}),
            ("kms:Sign", AS_RS256),
            # For Lambda itself: this key is in the calls of a function's own code alone.
            ("ec2:.*", {"Null": {"lambda:SourceFunctionArn": "true"}}),
        ],
    )
    def test_what_a_resource_does_not_bound_a_condition_does(
        self, actions: str, condition: dict[str, Any]
    ) -> None:
        conditions = [statement["Condition"] for _, statement in allowing(actions)]
        assert conditions
        assert all(each == condition for each in conditions)


class TestKeys:
    def test_every_use_of_the_key_is_bound_to_what_it_is_for(self) -> None:
        uses = [statement for _, statement in BY_ROLES if '"KmsKeyArn"' in json.dumps(statement)]
        assert uses
        for use in uses:
            assert use["Resource"] == {"Ref": "KmsKeyArn"}
            assert set(as_list(use["Action"])) <= {"kms:Decrypt", "kms:GenerateDataKey"}
            assert re.search("kms:(ViaService|EncryptionContext)", json.dumps(use["Condition"]))
            # In China KMS sees some services as amazonaws.com and others as amazonaws.com.cn.
            for service in re.findall(r'"(\S+amazonaws\S*)"', json.dumps(use["Condition"])):
                assert service.endswith(".${AWS::Region}.amazonaws.com*")
                assert "StringLike" in use["Condition"]

    @pytest.mark.parametrize(
        ("role", "machines"),
        [
            ("ExportReportRole", {"export-report"}),
            # Step Functions names a map's workflows after the machine and the map's label. The
            # fleet also reads the ends of exports.
            (
                "ExportFleetRole",
                {"export-report", "export-fleet", "export-fleet/ExportEnvironments"},
            ),
        ],
    )
    def test_a_state_machines_role_encrypts_the_state_of_its_own_with_its_key_and_former_ones(
        self, role: str, machines: set[str]
    ) -> None:
        """An execution goes on with the key that it began with."""
        now, former = (s for each, s in BY_ROLES if each == role and "EncryptState" in s["Sid"])
        (arns,) = now["Condition"]["StringEquals"].values()
        begin = "${AWS::StackName}-"
        assert {arn["Fn::Sub"].rpartition(begin)[2] for arn in as_list(arns)} == machines
        assert (former["Condition"], former["Action"]) == (now["Condition"], now["Action"])

    def test_former_keys_encrypt_nothing_else(self) -> None:
        for _, statement in BY_ROLES:
            if "FormerKmsKeyArns" in json.dumps(statement) and "State" not in statement["Sid"]:
                assert statement["Action"] == "kms:Decrypt"
                assert "kms:ViaService" in statement["Condition"]["StringLike"]

    def test_the_signing_key_can_do_nothing_but_sign_as_rs256(self) -> None:
        key = RESOURCES["SigningKey"]["Properties"]
        assert (key["KeySpec"], key["KeyUsage"]) == ("RSA_2048", "SIGN_VERIFY")
        look_after, sign = key["KeyPolicy"]["Statement"]
        assert sign["Action"] == "kms:Sign"
        assert sign["Condition"] == AS_RS256

        def may(action: str) -> bool:
            return any(fnmatchcase(f"kms:{action}", pattern) for pattern in look_after["Action"])

        for use in ("Sign", "Verify", "Encrypt", "Decrypt", "GenerateDataKey", "CreateGrant"):
            assert not may(use)
        # Otherwise the account could lock itself out.
        for care in ("PutKeyPolicy", "DescribeKey", "GetPublicKey", "ScheduleKeyDeletion"):
            assert may(care)

    def test_the_keys_policy_admits_services_for_this_account_alone(self) -> None:
        key = read_template(ROOT / "kms-key.yaml")["Resources"]["ReportsKey"]["Properties"]
        for statement in key["KeyPolicy"]["Statement"]:
            bound = "${AWS::AccountId}" in json.dumps(statement)
            assert bound or statement["Action"] == "kms:DescribeKey"
        services = {str(s["Principal"].get("Service")) for s in key["KeyPolicy"]["Statement"]}
        logs = "{'Fn::Sub': 'logs.${AWS::Region}.${AWS::URLSuffix}'}"
        assert services - {"None"} == {"delivery.logs.amazonaws.com", "events.amazonaws.com", logs}


# Which condition keys have one value in a call, and which can have several. Source: AWS's service
# authorization reference, and "AWS global condition context keys" of IAM's guide.
ONE_VALUE = re.compile(
    "aws:(PrincipalArn|SecureTransport|SourceAccount|SourceArn)|cloudwatch:namespace"
    "|kms:(SigningAlgorithm|ViaService|EncryptionContext:.+)|lambda:SourceFunctionArn"
)
SEVERAL_VALUES = {"events:source", "events:detail-type"}


def policy_statements(value: Any) -> Iterator[dict[str, Any]]:
    """All statements of a template, wherever they are."""
    if isinstance(value, dict):
        if {"Effect", "Action"} <= set(value):
            yield value
        value = [*value.values()]
    if isinstance(value, list):
        for item in value:
            yield from policy_statements(item)


@pytest.mark.parametrize("file", ["template.yaml", "kms-key.yaml"])
def test_keys_of_several_values_have_a_set_operator_and_no_others_have(file: str) -> None:
    """A set operator over nothing is true of all values: so an Allow asks that there is one.

    Source: "Set operators for multivalued context keys", IAM's guide.
    """
    for statement in policy_statements(read_template(ROOT / file)["Resources"]):
        there = statement.get("Condition", {}).get("Null", {})
        for operator, keys in statement.get("Condition", {}).items():
            for key in keys if operator != "Null" else ():
                several = key in SEVERAL_VALUES
                assert several or ONE_VALUE.fullmatch(key), key
                assert operator.startswith(("ForAllValues:", "ForAnyValue:")) == several, key
                if operator.startswith("ForAllValues:") and statement["Effect"] == "Allow":
                    assert there[key] == "false", key


OF_EXPORTS = {"PingOne Report Export Completed", "PingOne Report Export Failed"}
OF_FLEETS = {"PingOne Fleet Export Completed", "PingOne Fleet Export Failed"}
OF_TABLES = {COMPARED, SECURITY_EVENT_DETECTED}
OURS = "pingone.reports"
# What IAM's guide says of these operators, of a policy's values and those of a call.
OPERATORS: dict[str, Callable[[list[Any], list[str]], bool]] = {
    "ForAllValues:StringEquals": lambda wanted, given: all(value in wanted for value in given),
    "ForAnyValue:StringEquals": lambda wanted, given: any(value in wanted for value in given),
    "ForAnyValue:StringNotEquals": lambda wanted, given: any(v not in wanted for v in given),
    "ArnEquals": lambda wanted, given: any(value in wanted for value in given),
    "ArnNotEquals": lambda wanted, given: all(value not in wanted for value in given),
    "Null": lambda wanted, given: wanted == [str(not given).lower()],
}


def holds(condition: dict[str, dict[str, Any]], call: dict[str, list[str]]) -> bool:
    """Whether a condition is true of a call."""
    return all(
        OPERATORS[operator]([*(references(wanted) or as_list(wanted))], call[key])
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


STACK = render(TEMPLATE, {})
OF_THE_BUS = [each["Statement"] for each in STACK.of_type("AWS::Events::EventBusPolicy").values()]


def says(statements: list[dict[str, Any]], role: str, types: Any, source: Any) -> bool:
    """Whether one of the statements is about a call of PutEvents with events of these types."""
    principal = {"aws:PrincipalArn": [role]}
    call = principal | {"events:source": [*source], "events:detail-type": [*types]}
    about = [each for each in statements if each["Action"] == "events:PutEvents"]
    return any(holds(statement["Condition"], call) for statement in about)


def allowed(role: str, *types: str, source: Any = (OURS,)) -> bool:
    (policy,) = STACK.resources[role]["Properties"]["Policies"]
    return says(policy["PolicyDocument"]["Statement"], role, types, source)


def denied(role: str, *types: str, source: Any = (OURS,)) -> bool:
    return says(OF_THE_BUS, role, types, source)


class TestTheBus:
    """The local cloud's buses have no policy."""

    @pytest.mark.parametrize(
        ("role", "types"),
        [
            ("ExportReportRole", OF_EXPORTS | OF_FLEETS | OF_TABLES),
            ("ExportFleetRole", OF_FLEETS),
            ("TabulateReportRole", OF_TABLES),
            ("FetchReportRole", set()),
        ],
    )
    def test_a_role_speaks_of_its_own_alone(self, role: str, types: set[str]) -> None:
        """By its own policy, and by the bus, whatever its policy may come to allow."""
        for each in OF_EXPORTS | OF_FLEETS | OF_TABLES:
            assert allowed(role, each) == (each in types)
            assert denied(role, each) == (each not in types)
            assert allowed(role, each, *OF_TABLES) <= (types >= OF_TABLES)
            for source in ([], ["my.application"], [OURS, "my.application"]):
                assert not allowed(role, each, source=source)

    def test_one_event_of_a_call_is_enough_for_the_bus_to_deny_it(self) -> None:
        assert denied("ExportFleetRole", *OF_FLEETS, *OF_EXPORTS)
        assert not denied("ExportFleetRole", *OF_FLEETS)

    def test_whoever_the_account_lets_may_request_but_not_speak_for_the_exporter(self) -> None:
        request = "PingOne Report Export Requested"
        assert {statement["Effect"] for statement in OF_THE_BUS} == {"Deny"}
        assert not denied("AnApplication", request, source=["my.application"])
        assert denied("AnApplication", request)
