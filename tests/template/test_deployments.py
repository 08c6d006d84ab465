"""Whatever is switched on or off, and in every partition of AWS, the stack can be created."""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from local.deployment import read_template
from local.paths import ROOT, python_of
from tests.support.template import PARAMETERS, TEMPLATE, accepts
from tests.template.rendering import (
    Place,
    Rendered,
    Template,
    as_list,
    conditions_of,
    references,
    refusals,
    render,
    texts,
)

PLACES = [
    Place("aws", "eu-central-1", "amazonaws.com"),
    Place("aws-us-gov", "us-gov-west-1", "amazonaws.com"),
    Place("aws-cn", "cn-north-1", "amazonaws.com.cn"),
]
# In a name of its own, because scanners take a text beside the word "Secret" for one.
WORKER_APP = "arn:{partition}:secretsmanager:{region}:123456789012:secret:worker-Ab12Cd"
# Of each parameter that a condition looks at, a value that turns the condition around.
SWITCHES = {
    "ClientId": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "SecretArn": WORKER_APP,
    "SigningKeyArn": "arn:{partition}:kms:{region}:123456789012:key/mrk-5678",
    "ApiUrl": "https://api.example.com/v1",
    "TokenUrl": "https://login.example.com/as/token",
    "BucketName": "existing-bucket",
    "KeyPrefix": "",
    "ExpireExportsAfterDays": "0",
    "Pseudonymize": "phone,email",
    "ScheduleExpression": "",
    "FleetScheduleExpression": "rate(1 day)",
    "Analytics": "disabled",
    "DatabaseName": "pingone",
    "DigestEmail": "security@example.com",
    "KmsKeyArn": "arn:{partition}:kms:{region}:123456789012:key/mrk-1234",
    "FormerKmsKeyArns": "arn:{partition}:kms:{region}:123456789012:key/mrk-0000",
    "PermissionsBoundaryArn": "arn:{partition}:iam::123456789012:policy/boundary",
    "AlarmEmail": "night-shift@example.com",
    "AlarmAfterHoursWithoutExport": "0",
    "VpcSubnetIds": "subnet-0123456789abcdef0,subnet-01234567",
}
# What a switch needs beside it.
COMPANIONS = {
    "SigningKeyArn": {"ClientId": "6ba7b810-9dad-11d1-80b4-00c04fd430c8"},
    "VpcSubnetIds": {"VpcSecurityGroupIds": "sg-0123456789abcdef0"},
}
# Source: the permissions that Lambda's documentation asks of the role of a function in a VPC.
JOINS_VPC = [
    f"ec2:{action}"
    for action in (
        "CreateNetworkInterface",
        "DescribeNetworkInterfaces",
        "DescribeSubnets",
        "DeleteNetworkInterface",
        "AssignPrivateIpAddresses",
        "UnassignPrivateIpAddresses",
    )
]
# Source: "Using CloudWatch Logs to log execution history in Step Functions", its IAM policy.
DELIVERS_LOGS = [
    f"logs:{action}"
    for action in (
        "CreateLogDelivery",
        "GetLogDelivery",
        "UpdateLogDelivery",
        "DeleteLogDelivery",
        "ListLogDeliveries",
        "PutResourcePolicy",
        "DescribeResourcePolicies",
        "DescribeLogGroups",
    )
]
CALLS_PINGONE = {"StartReport", "CheckReport", "FetchReport", "ListEnvironments"}
# Principals that have the region and the partition's suffix in their name; others have neither.
# Source: the service principals that AWS's documents of each service give, also for China.
REGIONAL_PRINCIPALS = {"logs"}


def switched(names: tuple[str, ...], place: Place) -> dict[str, str]:
    """The parameters that switch what these names say, at a place."""
    parameters = {
        name: SWITCHES[name].format(partition=place.partition, region=place.region)
        for name in names
    }
    for name in names:
        parameters |= COMPANIONS.get(name, {})
    return parameters


# None, each alone, and all pairs.
COMBINATIONS = [names for size in range(3) for names in combinations(SWITCHES, size)]


def transformed(
    *jobs: tuple[Place, Mapping[str, str]], change: Callable[[Template], object] = lambda _: None
) -> list[Template]:
    """The changed template after SAM's transform, which is told the region and the parameters."""
    template = json.loads(json.dumps(TEMPLATE, default=str))
    for resource in template["Resources"].values():
        for name in {"CodeUri", "ContentUri"} & set(resource.get("Properties", {})):
            resource["Properties"][name] = "s3://artifacts/uploaded"
    change(template)
    done = subprocess.run(
        [python_of("sam"), Path(__file__).with_name("translate.py")],
        input=json.dumps(
            [
                {"region": place.region, "parameters": parameters, "template": template}
                for place, parameters in jobs
            ]
        ),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


@cache
def translated() -> dict[Place, Template]:
    """The template after SAM's transform in each place."""
    return dict(zip(PLACES, transformed(*((place, {}) for place in PLACES)), strict=True))


@cache
def deployments(place: Place) -> list[tuple[str, Rendered]]:
    """What is created with each combination of switches, which the text names."""
    return [
        (
            " and ".join(names) or "nothing",
            render(translated()[place], switched(names, place), place),
        )
        for names in COMBINATIONS
    ]


def statements(stack: Rendered, role: str, there: set[str]) -> Iterator[dict[str, Any]]:
    """What a role may do by its own policies, and by those that are there by a certain time."""
    properties = stack.resources[role]["Properties"]
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    for name, policy in stack.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy").items():
        if name in there and {"Ref": role} in policy.get("Roles", []):
            documents.append(policy["PolicyDocument"])
    for document in documents:
        yield from document["Statement"]


def refused(stack: Rendered, user: str, role: Any, needs: Mapping[str, Any]) -> set[str]:
    """The actions, of those on these resources, that a role may not do when its user is created."""
    (name,) = references(role)
    there = stack.made_before(user)
    assert name in there
    allowed = [
        (action, resource)
        for statement in statements(stack, name, there)
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    ]
    return {
        action
        for action, resource in needs.items()
        if (action, resource) not in allowed and (action, "*") not in allowed
    }


def versions_of(stack: Rendered, machine: Mapping[str, Any]) -> set[str]:
    """The functions' versions that a state machine calls; it calls nothing else of Lambda's."""
    named = references(list(machine["DefinitionSubstitutions"].values()))
    of_lambda = {name for name in named if "AWS::Lambda::" in stack.resources[name]["Type"]}
    assert of_lambda
    assert {stack.resources[name]["Type"] for name in of_lambda} == {"AWS::Lambda::Version"}
    return of_lambda


def to_send(stack: Rendered, queue_arn: dict[str, Any]) -> dict[str, Any]:
    """What a role must be allowed to put messages into a queue."""
    (queue,) = references(queue_arn)
    key = stack.resources[queue]["Properties"].get("KmsMasterKeyId")
    needs = {"sqs:SendMessage": queue_arn}
    return needs | ({"kms:GenerateDataKey": key, "kms:Decrypt": key} if key else {})


def let_in(stack: Rendered, queue_arn: Any, source: str) -> bool:
    """Whether a queue's policy lets EventBridge send for this rule or bus."""
    return any(
        {"Ref": reference} in policy["Queues"]
        and statement["Principal"] == {"Service": "events.amazonaws.com"}
        and statement["Condition"]
        == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [source, "Arn"]}}}
        for policy in stack.of_type("AWS::SQS::QueuePolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
        for reference in references(queue_arn)
    )


class TestTheMatrix:
    def test_every_parameter_that_switches_something_is_switched(self) -> None:
        used = set(re.findall(r'"Ref": "(\w+)"', json.dumps(TEMPLATE["Conditions"])))
        beside = {name for more in COMPANIONS.values() for name in more}
        assert used - beside <= set(SWITCHES) <= used

    @pytest.mark.parametrize("name", SWITCHES)
    def test_every_switch_turns_a_condition_around(self, name: str) -> None:
        other = conditions_of(TEMPLATE, switched((name,), PLACES[0]))
        assert other != conditions_of(TEMPLATE, {})

    @pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
    @pytest.mark.parametrize("name", SWITCHES)
    def test_every_switch_is_allowed_in_every_partition(self, name: str, place: Place) -> None:
        for parameter, value in switched((name,), place).items():
            assert accepts(PARAMETERS[parameter], value)

    @pytest.mark.parametrize("names", COMBINATIONS, ids=" and ".join)
    def test_no_rule_is_against_a_combination(self, names: tuple[str, ...]) -> None:
        assert refusals(TEMPLATE, switched(names, PLACES[0])) == []

    @pytest.mark.parametrize(
        ("parameters", "told"),
        [
            ({"SigningKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/mrk-5678"}, "ClientId"),
            ({"VpcSubnetIds": "subnet-01234567"}, "need VpcSecurityGroupIds"),
            ({"VpcSecurityGroupIds": "sg-01234567"}, "need VpcSubnetIds"),
        ],
    )
    def test_a_parameter_without_the_one_that_it_needs_is_refused(
        self, parameters: dict[str, str], told: str
    ) -> None:
        (refusal,) = refusals(TEMPLATE, parameters)
        assert told in refusal

    def test_the_rules_outlive_the_transform(self) -> None:
        for place in PLACES:
            assert translated()[place]["Rules"] == TEMPLATE["Rules"]

    def test_the_transform_decides_nothing_by_a_parameter(self) -> None:
        """So that one translation stands for all combinations."""
        (place, *_) = PLACES
        (all_switched,) = transformed((place, switched(tuple(SWITCHES), place)))
        assert all_switched == translated()[place]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
class TestEveryDeployment:
    def test_refers_only_to_what_is_created(self, place: Place) -> None:
        for switches, stack in deployments(place):
            for name, item in {**stack.resources, **stack.outputs}.items():
                assert references(item) <= set(stack.resources), (switches, name)

    def test_has_an_order_of_creation(self, place: Place) -> None:
        for _, stack in deployments(place):
            needs = {name: stack.needed_by(name) for name in stack.resources}
            assert set(TopologicalSorter(needs).static_order()) == set(stack.resources)

    def test_creates_no_function_before_its_role_may_do_what_lambda_checks(
        self, place: Place
    ) -> None:
        """CreateFunction refuses a role that may not write to the dead letters."""
        for switches, stack in deployments(place):
            for name, function in stack.of_type("AWS::Lambda::Function").items():
                needs: dict[str, Any] = {}
                if "VpcConfig" in function:
                    needs |= dict.fromkeys(JOINS_VPC, "*")
                if "DeadLetterConfig" in function:
                    needs |= to_send(stack, function["DeadLetterConfig"]["TargetArn"])
                missing = refused(stack, name, function["Role"], needs)
                assert not missing, (switches, name)

    def test_creates_no_state_machine_before_its_role_may_encrypt(self, place: Place) -> None:
        seen = set()
        for switches, stack in deployments(place):
            for name, machine in stack.of_type("AWS::StepFunctions::StateMachine").items():
                needs: dict[str, Any] = {}
                if key := machine["EncryptionConfiguration"].get("KmsKeyId"):
                    needs |= {"kms:GenerateDataKey": key, "kms:Decrypt": key}
                needs |= dict.fromkeys(DELIVERS_LOGS, "*")
                for version in versions_of(stack, machine):
                    (function,) = references(stack.resources[version]["Properties"]["FunctionName"])
                    arn = {f"{function}.Arn": {"Fn::GetAtt": [function, "Arn"]}}
                    any_version = {"Fn::Sub": [f"${{{function}.Arn}}:*", arn]}
                    called = {"lambda:InvokeFunction": any_version}
                    assert not refused(stack, name, machine["RoleArn"], called)
                seen |= set(needs)
                missing = refused(stack, name, machine["RoleArn"], needs)
                assert not missing, (switches, name)
        assert seen >= {"kms:Decrypt"}

    def test_creates_no_schedule_before_its_role_may_start_an_export(self, place: Place) -> None:
        for switches, stack in deployments(place):
            for name, schedule in stack.of_type("AWS::Scheduler::Schedule").items():
                target = schedule["Target"]
                needs = {"states:StartExecution": target["Arn"]}
                needs |= to_send(stack, target["DeadLetterConfig"]["Arn"])
                missing = refused(stack, name, target["RoleArn"], needs)
                assert not missing, (switches, name)

    def test_lets_every_rule_reach_its_target_and_its_dead_letters(self, place: Place) -> None:
        for switches, stack in deployments(place):
            permitted = [
                (item["FunctionName"], item["SourceArn"])
                for item in stack.of_type("AWS::Lambda::Permission").values()
            ]
            for name, rule in stack.of_type("AWS::Events::Rule").items():
                for target in rule["Targets"]:
                    if "RoleArn" in target:
                        needs = {"states:StartExecution": target["Arn"]}
                        missing = refused(stack, name, target["RoleArn"], needs)
                        assert not missing, (switches, name)
                    else:
                        (function,) = references(target["Arn"])
                        source = {"Fn::GetAtt": [name, "Arn"]}
                        assert ({"Ref": function}, source) in permitted, (switches, name)
                    assert let_in(stack, target["DeadLetterConfig"]["Arn"], name), (switches, name)

    def test_keeps_the_events_that_a_bus_with_a_key_cannot_encrypt(self, place: Place) -> None:
        """In a queue without that key, which could take them as little as the bus can."""
        for switches, stack in deployments(place):
            for name, bus in stack.of_type("AWS::Events::EventBus").items():
                with_key = "KmsKeyIdentifier" in bus
                assert with_key == ("KmsKeyArn" in switches.split(" and "))
                assert (
                    with_key
                    == ("DeadLetterConfig" in bus)
                    == ("UnprocessedEvents" in stack.resources)
                )
                if with_key:
                    (queue,) = references(bus["DeadLetterConfig"])
                    assert let_in(stack, bus["DeadLetterConfig"]["Arn"], name), switches
                    assert "KmsMasterKeyId" not in stack.resources[queue]["Properties"]
                    assert stack.resources[queue]["Properties"]["SqsManagedSseEnabled"] is True

    def test_puts_who_calls_pingone_into_the_vpc_and_nobody_else(self, place: Place) -> None:
        for switches, stack in deployments(place):
            functions = stack.of_type("AWS::Lambda::Function")
            inside = {
                name: item["VpcConfig"] for name, item in functions.items() if "VpcConfig" in item
            }
            joining = {
                name.removesuffix("Role")
                for name in stack.of_type("AWS::IAM::Role")
                for statement in statements(stack, name, set())
                if "ec2:CreateNetworkInterface" in statement["Action"]
            }
            assert (
                set(inside) == joining == (CALLS_PINGONE if "VpcSubnetIds" in switches else set())
            )
            for config in inside.values():
                assert config == {
                    "SubnetIds": SWITCHES["VpcSubnetIds"].split(","),
                    "SecurityGroupIds": ["sg-0123456789abcdef0"],
                }

    def test_proves_the_client_by_a_secret_or_by_a_key_and_never_both(self, place: Place) -> None:
        seen = set()
        for switches, stack in deployments(place):
            existing = "SigningKeyArn" in switches
            by_key = existing or "ClientId" in switches
            given = switched(("SigningKeyArn", "SecretArn"), place)
            key = given["SigningKeyArn"] if existing else {"Fn::GetAtt": ["SigningKey", "Arn"]}
            secret = given["SecretArn"] if "SecretArn" in switches else {"Ref": "WorkerAppSecret"}
            seen.add((by_key, existing, "SecretArn" in switches))
            assert ("SigningKey" in stack.resources) == (by_key and not existing)
            assert ("WorkerAppSecret" in stack.resources) == (
                not by_key and "SecretArn" not in switches
            )
            assert ("SigningKeyArn" in stack.outputs) == by_key != ("SecretArn" in stack.outputs)
            for name in CALLS_PINGONE:
                variables = stack.resources[name]["Properties"]["Environment"]["Variables"]
                assert variables["PINGONE_SECRET_ARN"] == ("" if by_key else secret)
                assert variables["PINGONE_SIGNING_KEY_ARN"] == (key if by_key else "")
                assert bool(variables["PINGONE_CLIENT_ID"]) == by_key
                proving = [
                    (statement["Action"], statement["Resource"])
                    for statement in statements(stack, f"{name}Role", set())
                    if re.search("secretsmanager:|kms:Sign", str(statement["Action"]))
                    and statement["Sid"] != "ReadPseudonymKey"
                ]
                assert proving == [
                    ("kms:Sign", key) if by_key else ("secretsmanager:GetSecretValue", secret)
                ], switches
            if by_key and "Pseudonymize" not in switches:
                assert "secretsmanager:" not in json.dumps(stack.of_type("AWS::IAM::Role"))
        assert len(seen) == 6  # a signing key is refused without a ClientId

    def test_names_no_other_partition(self, place: Place) -> None:
        for switches, stack in deployments(place):
            found = {
                partition
                for text in texts([stack.resources, stack.outputs])
                for partition in re.findall(r"\barn:([a-z-]+):", text)
            }
            assert found == {place.partition}, switches

    def test_lets_the_key_be_used_by_either_name_of_a_service(self, place: Place) -> None:
        """In China KMS sees some services as amazonaws.com and others as amazonaws.com.cn."""
        stack = render(translated()[place], switched(("KmsKeyArn",), place), place)
        patterns = {
            pattern
            for role in stack.of_type("AWS::IAM::Role")
            for statement in statements(stack, role, set())
            for pattern in as_list(
                statement.get("Condition", {}).get("StringLike", {}).get("kms:ViaService", [])
            )
        }
        assert patterns == {
            f"{service}.{place.region}.amazonaws.com*"
            for service in ("secretsmanager", "dynamodb", "s3", "sqs")
        }
        assert "kms:ViaService" not in json.dumps(stack.resources).replace(
            '"StringLike": {"kms:ViaService"', ""
        )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
@pytest.mark.parametrize("file", ["template.yaml", "kms-key.yaml"])
def test_every_service_is_called_by_its_name_in_the_partition(file: str, place: Place) -> None:
    stack = render(read_template(ROOT / file), {}, place)
    found = {
        principal
        for text in texts(stack.resources)
        for principal in re.findall(r"^[a-z0-9.-]+\.amazonaws\.com(?:\.cn)?$", text)
    }
    assert found
    for principal in found:
        service = principal.partition(".amazonaws.")[0].removesuffix(f".{place.region}")
        regional = f"{service}.{place.region}.{place.suffix}"
        assert principal == (
            regional if service in REGIONAL_PRINCIPALS else f"{service}.amazonaws.com"
        )


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
def test_the_key_can_be_made_in_every_partition(place: Place) -> None:
    stack = render(read_template(ROOT / "kms-key.yaml"), {}, place)
    arns = {
        partition
        for text in texts(stack.resources)
        for partition in re.findall(r"\barn:([a-z-]+):", text)
    }
    assert arns == {place.partition}
    for item in {**stack.resources, **stack.outputs}.values():
        assert references(item) <= set(stack.resources)
