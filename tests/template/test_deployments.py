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

from local.paths import ROOT, python_of
from tests.support.template import PARAMETERS, ROLES, TEMPLATE, accepts, as_list
from tests.template.rendering import (
    HERE,
    Place,
    Rendered,
    Template,
    conditions_of,
    references,
    refusals,
    render,
)

PLACES = [
    HERE,
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
JOINS_VPC = (
    "CreateNetworkInterface DescribeNetworkInterfaces DescribeSubnets DeleteNetworkInterface "
    "AssignPrivateIpAddresses UnassignPrivateIpAddresses"
)
# Source: "Using CloudWatch Logs to log execution history in Step Functions", its IAM policy.
DELIVERS_LOGS = (
    "CreateLogDelivery GetLogDelivery UpdateLogDelivery DeleteLogDelivery ListLogDeliveries "
    "PutResourcePolicy DescribeResourcePolicies DescribeLogGroups"
)
CALLS_PINGONE = {"StartReport", "CheckReport", "FetchReport", "ListEnvironments"}


def switched(names: tuple[str, ...], place: Place = HERE) -> dict[str, str]:
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


def statements(stack: Rendered, role: str) -> list[dict[str, Any]]:
    """What a role may do. It holds all of its permissions itself."""
    (policy,) = stack.resources[role]["Properties"]["Policies"]
    return list(policy["PolicyDocument"]["Statement"])


Permissions = set[tuple[str, str]]
"""Actions, each with the JSON of its resource."""


def on(resource: Any, *actions: str) -> Permissions:
    """These actions on a resource."""
    return {(action, json.dumps(resource, sort_keys=True)) for action in actions}


def allowed(stack: Rendered, role: str) -> Permissions:
    """The actions that a role may do, each on its resource."""
    return {
        pair
        for statement in statements(stack, role)
        for resource in as_list(statement["Resource"])
        for pair in on(resource, *as_list(statement["Action"]))
    }


def versions_of(stack: Rendered, machine: Mapping[str, Any]) -> dict[str, str]:
    """The functions that a state machine calls, each by its version; it calls nothing else."""
    named = references(list(machine["DefinitionSubstitutions"].values()))
    called = {name for name in named if "AWS::Lambda::" in stack.resources[name]["Type"]}
    assert called
    versions = stack.of_type("AWS::Lambda::Version")
    return {next(iter(references(versions[name]["FunctionName"]))): name for name in called}


def to_send(stack: Rendered, queue_arn: dict[str, Any]) -> Permissions:
    """What a role must be allowed to put messages into a queue."""
    (queue,) = references(queue_arn)
    key = stack.resources[queue]["Properties"].get("KmsMasterKeyId")
    encrypting = on(key, "kms:GenerateDataKey", "kms:Decrypt") if key else set()
    return on(queue_arn, "sqs:SendMessage") | encrypting


def needed(stack: Rendered) -> Iterator[tuple[str, Any, Permissions]]:
    """Who takes a role, the role, and what AWS asks of that."""
    for name, function in stack.of_type("AWS::Lambda::Function").items():
        needs = Permissions()
        if "VpcConfig" in function:
            needs |= on("*", *(f"ec2:{action}" for action in JOINS_VPC.split()))
        if "DeadLetterConfig" in function:  # CreateFunction refuses a role that may not write it
            needs |= to_send(stack, function["DeadLetterConfig"]["TargetArn"])
        yield name, function["Role"], needs
    for name, machine in stack.of_type("AWS::StepFunctions::StateMachine").items():
        needs = on("*", *(f"logs:{action}" for action in DELIVERS_LOGS.split()))
        if key := machine["EncryptionConfiguration"].get("KmsKeyId"):
            needs |= on(key, "kms:GenerateDataKey", "kms:Decrypt")
        for called in versions_of(stack, machine):
            arn = {f"{called}.Arn": {"Fn::GetAtt": [called, "Arn"]}}
            needs |= on({"Fn::Sub": [f"${{{called}.Arn}}:*", arn]}, "lambda:InvokeFunction")
        yield name, machine["RoleArn"], needs
    for name, schedule in stack.of_type("AWS::Scheduler::Schedule").items():
        target = schedule["Target"]
        needs = to_send(stack, target["DeadLetterConfig"]["Arn"])
        yield name, target["RoleArn"], needs | on(target["Arn"], "states:StartExecution")
    for name, rule in stack.of_type("AWS::Events::Rule").items():
        (target,) = rule["Targets"]
        if "RoleArn" in target:
            yield name, target["RoleArn"], on(target["Arn"], "states:StartExecution")


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
    def test_every_switch_is_allowed_in_every_partition_and_turns_a_condition_around(
        self, name: str
    ) -> None:
        for place in PLACES:
            given = switched((name,), place)
            assert all(accepts(PARAMETERS[each], value) for each, value in given.items())
            assert conditions_of(TEMPLATE, given) != conditions_of(TEMPLATE, {})

    def test_no_rule_is_against_a_combination(self) -> None:
        for names in COMBINATIONS:
            assert refusals(TEMPLATE, switched(names)) == [], names

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

    def test_the_transform_keeps_the_rules_and_decides_nothing_by_a_parameter(self) -> None:
        """So that one translation stands for all combinations."""
        (all_switched,) = transformed((HERE, switched(tuple(SWITCHES))))
        assert all_switched == translated()[HERE]
        assert all_switched["Rules"] == TEMPLATE["Rules"]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
class TestEveryDeployment:
    def test_refers_only_to_what_is_created_and_in_an_order(self, place: Place) -> None:
        for switches, stack in deployments(place):
            needs = {name: stack.needed_by(name) for name in stack.resources}
            ordered = TopologicalSorter(needs).static_order()
            assert set(ordered) == set(stack.resources), switches
            assert references([*stack.outputs.values()]) <= set(stack.resources), switches

    def test_gives_every_role_its_permissions_itself(self, place: Place) -> None:
        """CloudFormation waits for the role, and not for a policy that is attached to it later."""
        for switches, stack in deployments(place):
            roles = stack.of_type("AWS::IAM::Role")
            assert set(roles) <= set(ROLES), switches  # SAM adds none
            assert not any("ManagedPolicyArns" in role for role in roles.values()), switches
            assert not stack.of_type("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy"), switches

    def test_lets_every_role_do_what_aws_asks(self, place: Place) -> None:
        for switches, stack in deployments(place):
            for user, role, needs in needed(stack):
                (name,) = references(role)
                assert needs <= allowed(stack, name), (switches, user)

    def test_lets_every_rule_reach_its_target_and_its_dead_letters(self, place: Place) -> None:
        for switches, stack in deployments(place):
            permitted = [
                (item["FunctionName"], item["SourceArn"], item["Principal"])
                for item in stack.of_type("AWS::Lambda::Permission").values()
            ]
            for name, rule in stack.of_type("AWS::Events::Rule").items():
                (target,) = rule["Targets"]
                if "RoleArn" not in target:
                    (function,) = references(target["Arn"])
                    source = {"Fn::GetAtt": [name, "Arn"]}
                    call = ({"Ref": function}, source, "events.amazonaws.com")
                    assert call in permitted, (switches, name)
                assert let_in(stack, target["DeadLetterConfig"]["Arn"], name), (switches, name)

    def test_keeps_the_events_that_a_bus_with_a_key_cannot_encrypt(self, place: Place) -> None:
        """In a queue without that key, which could take them as little as the bus can."""
        for switches, stack in deployments(place):
            bus = stack.resources["ReportsBus"]["Properties"]
            with_key = "KmsKeyArn" in switches.split(" and ")
            assert ("KmsKeyIdentifier" in bus) == ("DeadLetterConfig" in bus) == with_key
            if with_key:
                (queue,) = references(bus["DeadLetterConfig"])
                assert let_in(stack, bus["DeadLetterConfig"]["Arn"], "ReportsBus"), switches
                properties = stack.resources[queue]["Properties"]
                assert "KmsMasterKeyId" not in properties
                assert properties["SqsManagedSseEnabled"] is True

    def test_puts_who_calls_pingone_into_the_vpc_and_nobody_else(self, place: Place) -> None:
        subnets = SWITCHES["VpcSubnetIds"].split(",")
        given = {"SubnetIds": subnets, "SecurityGroupIds": ["sg-0123456789abcdef0"]}
        for switches, stack in deployments(place):
            expected = CALLS_PINGONE if "VpcSubnetIds" in switches else set()
            for name, function in stack.of_type("AWS::Lambda::Function").items():
                joining = on("*", "ec2:CreateNetworkInterface") <= allowed(stack, f"{name}Role")
                assert joining == (name in expected), (switches, name)
                assert function.get("VpcConfig") == (given if joining else None), (switches, name)

    def test_proves_the_client_by_a_secret_or_by_a_key_and_never_both(self, place: Place) -> None:
        given = switched(("SigningKeyArn", "SecretArn"), place)
        for switches, stack in deployments(place):
            has_key, has_own = ("SigningKeyArn" in switches, "SecretArn" in switches)
            by_key = has_key or "ClientId" in switches
            key = given["SigningKeyArn"] if has_key else {"Fn::GetAtt": ["SigningKey", "Arn"]}
            secret = given["SecretArn"] if has_own else {"Ref": "WorkerAppSecret"}
            assert ("SigningKey" in stack.resources) == (by_key and not has_key)
            assert ("WorkerAppSecret" in stack.resources) == (not by_key and not has_own)
            assert ("SigningKeyArn" in stack.outputs) == by_key != ("SecretArn" in stack.outputs)
            for name in CALLS_PINGONE:
                variables = stack.resources[name]["Properties"]["Environment"]["Variables"]
                assert variables["PINGONE_SECRET_ARN"] == ("" if by_key else secret)
                assert variables["PINGONE_SIGNING_KEY_ARN"] == (key if by_key else "")
                assert bool(variables["PINGONE_CLIENT_ID"]) == by_key
                reading = on(secret, "secretsmanager:GetSecretValue")
                proving = {
                    (action, resource)
                    for action, resource in allowed(stack, f"{name}Role")
                    if re.match("secretsmanager:|kms:Sign", action)
                    and "PseudonymKey" not in resource
                }
                assert proving == (on(key, "kms:Sign") if by_key else reading), switches


FILES = ["template.yaml", "kms-key.yaml", "deployer.yaml", *(ROOT / "statemachine").iterdir()]


@pytest.mark.parametrize("file", FILES, ids=lambda file: Path(file).name)
def test_no_arn_names_its_own_partition(file: str | Path) -> None:
    """A task whose resource is of another partition fails, and nothing can catch that."""
    assert re.findall(r".*\barn:aws[a-z-]*:.*", (ROOT / file).read_text()) == []
