"""Whatever parameter of a stack is changed, and when: nothing that runs or is kept breaks."""

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.support.template import PARAMETERS, TEMPLATE, accepts
from tests.template.rendering import HERE, Rendered, conditions_of, references, refusals, render
from tests.template.test_deployments import (
    COMPANIONS,
    SWITCHES,
    allowed,
    switched,
    transformed,
    translated,
    versions_of,
)

Parameters = Mapping[str, str]
Change = tuple[str, Parameters, Parameters]

# Of each parameter that switches nothing, another value.
OTHERS = {
    "EnvironmentId": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "ClientId": "6ba7b811-9dad-11d1-80b4-00c04fd430c8",
    "LinkHosts": "files.example.com",
    "ReportFields": "userId,deviceId",
    "ReportFilter": '(mfaEnabled eq "true")',
    "ScheduleTimeZone": "Europe/Berlin",
    "VpcSecurityGroupIds": "sg-0123456789abcdef1",
}
# What a parameter means something beside.
AROUND = {
    "SigningKeyArn": switched(("ClientId",)),
    "VpcSecurityGroupIds": switched(("VpcSubnetIds",)),
    "DigestEmail": {"Analytics": "enabled"},
}
# A second value, where one given value may follow another one.
SECOND = {
    "DatabaseName": "pingone_at_night",
    "KmsKeyArn": switched(("KmsKeyArn",))["KmsKeyArn"].replace("1234", "5678"),
    "KeyPrefix": "exports",
    "BucketName": "another-bucket",
    "VpcSubnetIds": "subnet-89abcdef",
    "Pseudonymize": "userId",
}


def another(name: str) -> str:
    """A value that the parameter has not by itself."""
    parameter = PARAMETERS[name]
    if name in SWITCHES:
        return switched((name,))[name]
    if name in OTHERS:
        return OTHERS[name]
    values = parameter.get("AllowedValues") or [parameter["MinValue"], parameter["MaxValue"]]
    return next(str(value) for value in values if str(value) != str(parameter["Default"]))


def changes() -> Iterator[Change]:
    """Each parameter alone, both ways: its name, and all that is given before and after."""
    for name in PARAMETERS:
        around = AROUND.get(name, {})
        values = [around, around | {name: another(name)} | COMPANIONS.get(name, {})]
        if name in SECOND:
            values.append(values[1] | {name: SECOND[name]})
        for before in values:
            for after in values:
                if before != after:
                    yield name, before, followed(name, before, after)


def followed(name: str, before: Parameters, after: Parameters) -> Parameters:
    """What security.md says to give with a change: the key that goes is a former one."""
    if name == "KmsKeyArn" and before.get("KmsKeyArn"):
        return {**after, "FormerKmsKeyArns": before["KmsKeyArn"]}
    return after


CHANGES = list(changes())


def label(change: Change) -> str:
    name, before, after = change
    return f"{name}:{before.get(name, '')[-8:]}>{after.get(name, '')[-8:]}"


every_change = pytest.mark.parametrize("change", CHANGES, ids=label)


@cache
def stack_with(**parameters: str) -> Rendered:
    return render(translated()[HERE], parameters)


def stacks(change: Change) -> tuple[Rendered, Rendered]:
    _, before, after = change
    return stack_with(**before), stack_with(**after)


def in_both(before: Rendered, after: Rendered) -> Iterator[tuple[str, str, Any, Any]]:
    """Name, type, and the properties before and after, of each resource that stays."""
    for name, item in before.resources.items():
        if name in after.resources:
            other = after.resources[name]
            yield name, item["Type"], item.get("Properties", {}), other.get("Properties", {})


def at(properties: Any, path: str) -> Any:
    """What a JSON pointer below `/properties` leads to; None for nothing."""
    for part in path.removeprefix("/properties/").split("/"):
        properties = properties.get(part) if isinstance(properties, dict) else None
    return properties


def schema_of(resource_type: str) -> dict[str, Any]:
    """CloudFormation's own, which says what a change replaces."""
    return dict(PROVIDER_SCHEMA_MANAGER.get_resource_schema(HERE.region, resource_type).schema)


def replaced(resource_type: str, before: Any, after: Any) -> bool:
    create_only = schema_of(resource_type).get("createOnlyProperties") or []
    return any(at(before, path) != at(after, path) for path in create_only)


def gone(before: Rendered, after: Rendered) -> Iterator[tuple[str, str]]:
    """Each role, and an action on some resource that it had and has no more."""
    for name, kind, *_ in in_both(before, after):
        if kind == "AWS::IAM::Role":
            for action, _ in allowed(before, name) - allowed(after, name):
                yield name, action


# What may go with a value because nothing that runs later needs it, and why.
MAY_GO = {
    "ClientId": "secretsmanager:GetSecretValue kms:Sign",  # operate.md: "Update the stack"
    "SecretArn": "secretsmanager:GetSecretValue",  # so does this
    "SigningKeyArn": "kms:Sign",  # and this
    "BucketName": "s3:*",  # and this, and what is in another bucket is no history
    "KeyPrefix": "s3:*",  # as little as what is below another prefix
    "Pseudonymize": "secretsmanager:GetSecretValue",
    "DigestEmail": "sns:Publish",
    "VpcSubnetIds": "ec2:CreateNetworkInterface ec2:DescribeSubnets "
    "ec2:AssignPrivateIpAddresses ec2:UnassignPrivateIpAddresses",
    "KmsKeyArn": "kms:GenerateDataKey",  # what is written from now on has the other key
    "FormerKmsKeyArns": "kms:*",  # security.md says when nothing needs them
    # A fleet that runs on then has no page, which it records, and is as green as without.
    "Analytics": "lambda:InvokeFunction",
}
# They put messages into a queue, with its present key, and read none.
ONLY_SEND = {"ScheduleRole", "FleetScheduleRole"}
# Names that stand in a property that CloudFormation would change, and their service does not.
# Source: UpdateDatabase of Glue answers InvalidInputException, "Database cannot be renamed".
FIXED_NAMES = {"AWS::Glue::Database": "DatabaseInput/Name"}


def may(action: str, patterns: str) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in patterns.split())


@every_change
def test_every_value_is_allowed(change: Change) -> None:
    for parameters in change[1:]:
        assert refusals(TEMPLATE, parameters) == []
        assert all(accepts(PARAMETERS[name], value) for name, value in parameters.items())


@every_change
def test_a_change_makes_nothing_twice_and_renames_nothing_that_cannot_be(change: Change) -> None:
    """CloudFormation makes what replaces a resource before it deletes that."""
    for name, kind, before, after in in_both(*stacks(change)):
        if replaced(kind, before, after):
            identifier = schema_of(kind)["primaryIdentifier"]
            names, given = ([at(each, path) for path in identifier] for each in (after, before))
            assert None in names or names != given, name
        elif path := FIXED_NAMES.get(kind):
            assert at(before, path) == at(after, path), name


@every_change
def test_a_change_takes_no_permission_that_is_needed_later(change: Change) -> None:
    may_go = MAY_GO.get(change[0], "")
    for role, action in gone(*stacks(change)):
        only_sends = role in ONLY_SEND and change[0] == "KmsKeyArn"
        assert only_sends or may(action, may_go), (role, action)


def test_what_may_go_does_go() -> None:
    """So the list above says no more than is so."""
    went = {(change[0], action) for change in CHANGES for _, action in gone(*stacks(change))}
    for name, patterns in MAY_GO.items():
        for pattern in patterns.split():
            assert any(name == each and may(action, pattern) for each, action in went), pattern


def published(stack: Rendered) -> dict[str, tuple[str, dict[str, Any]]]:
    """The functions that state machines call: each one's version, and what that is of."""
    return {
        name: (version, stack.resources[name]["Properties"])
        for machine in stack.of_type("AWS::StepFunctions::StateMachine").values()
        for name, version in versions_of(stack, machine).items()
    }


def settings(stack: Rendered) -> dict[str, Any]:
    return dict(stack.resources["Settings"]["Properties"])


def changed(change: Callable[[Any], object]) -> Rendered:
    """The stack of a template whose resources are changed."""
    (other,) = transformed((HERE, {}), change=lambda template: change(template["Resources"]))
    return render(other, {})


class TestVersions:
    """A running execution keeps the version that its definition names."""

    def test_state_machines_call_versions_that_are_kept_when_others_are_published(self) -> None:
        """`Retain` also keeps what is replaced under the same logical id. Source: CloudFormation,
        "UpdateReplacePolicy attribute" and "DeletionPolicy attribute"."""
        stack = stack_with()
        functions = published(stack)
        assert set(functions) == set(stack.of_type("AWS::Lambda::Function")) - {"TabulateReport"}
        for version, _ in functions.values():
            resource = stack.resources[version]
            assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"

    @every_change
    def test_a_change_of_a_function_publishes_a_version(self, change: Change) -> None:
        """SAM hashes what the template says, and no parameter's value. Lambda refuses another
        version of the same: so the number of the settings is in the function as well.

        Source: aws/serverless-application-model, issue 3820.
        """
        before, after = stacks(change)
        functions = published(after)
        for name, (version, was) in published(before).items():
            description = before.resources[version]["Properties"]["Description"]
            variable = was["Environment"]["Variables"]["SETTINGS"]
            assert references(description) == references(variable) == {"Settings"}
            if name not in functions:  # it is there with Analytics alone
                assert change[0] == "Analytics"
            elif was != functions[name][1]:
                kind = before.resources["Settings"]["Type"]
                assert replaced(kind, settings(before), settings(after)), name

    def test_the_settings_name_all_that_a_functions_variables_do(self) -> None:
        """And the layers, which get other ARNs."""
        for change in CHANGES:
            for stack in stacks(change):
                told = references(settings(stack)["Content"])
                for _, function in published(stack).values():
                    named = references(function["Environment"]) | references(function["Layers"])
                    assert named - {"Settings"} <= told

    def test_another_template_publishes_a_version_of_what_it_changes(self) -> None:
        after = published(changed(lambda r: r["StartReport"]["Properties"].update(Timeout=79)))
        before = published(stack_with())
        assert {name for name in before if before[name][0] != after[name][0]} == {"StartReport"}

    def test_another_layer_changes_the_settings(self) -> None:
        layer = {"ContentUri": "s3://other/layer"}
        other = changed(lambda r: r["PingOneReportsLayer"]["Properties"].update(layer))
        assert settings(other) != settings(stack_with())


@pytest.mark.parametrize(
    ("parameters", "name"), [({}, "my_reports"), ({"DatabaseName": "night"}, "night")]
)
def test_two_stacks_have_two_databases_unless_a_name_is_given(
    parameters: Parameters, name: str
) -> None:
    """A stack's name has letters, digits and hyphens. Source: CreateStack."""
    database = stack_with(**parameters).resources["ReportsDatabase"]["Properties"]
    assert database["DatabaseInput"]["Name"] == database["DatabaseName"] == name


def test_a_stack_of_1_0_0_keeps_its_own_database() -> None:
    """A `DatabaseName` of the same value would make it a second time."""
    first = stack_with(DatabaseName="pingone_reports").resources["ReportsDatabase"]["Properties"]
    assert first["DatabaseInput"]["Name"] == "pingone_reports"
    assert "DatabaseName" not in first
    named_so = {"AWS::StackName": "pingone-reports"}
    assert conditions_of(TEMPLATE, named_so)["HasFirstDatabaseName"]
