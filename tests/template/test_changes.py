"""Whatever parameter of a stack is changed, and when: nothing that runs or is kept breaks."""

import json
from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from tests.support.template import PARAMETERS, TEMPLATE, accepts
from tests.template.rendering import (
    STACK,
    Rendered,
    as_list,
    conditions_of,
    references,
    refusals,
    render,
)
from tests.template.test_deployments import (
    COMPANIONS,
    PLACES,
    SWITCHES,
    statements,
    switched,
    transformed,
    translated,
    versions_of,
)

(PLACE, *_) = PLACES
Parameters = Mapping[str, str]

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
    "SigningKeyArn": switched(("ClientId",), PLACE),
    "VpcSecurityGroupIds": switched(("VpcSubnetIds",), PLACE),
    "DigestEmail": {"Analytics": "enabled"},
}
# A second value, where one given value may follow another one.
SECOND = {
    "DatabaseName": "pingone_at_night",
    "KmsKeyArn": switched(("KmsKeyArn",), PLACE)["KmsKeyArn"].replace("1234", "5678"),
    "KeyPrefix": "exports",
    "BucketName": "another-bucket",
    "VpcSubnetIds": "subnet-89abcdef",
    "Pseudonymize": "userId",
}


def another(name: str) -> str:
    """A value that the parameter has not by itself."""
    parameter = PARAMETERS[name]
    if name in SWITCHES:
        return switched((name,), PLACE)[name]
    if name in OTHERS:
        return OTHERS[name]
    values = parameter.get("AllowedValues") or [parameter["MinValue"], parameter["MaxValue"]]
    return next(str(value) for value in values if str(value) != str(parameter["Default"]))


def changes() -> Iterator[tuple[str, Parameters, Parameters]]:
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


def label(change: tuple[str, Parameters, Parameters]) -> str:
    name, before, after = change
    return f"{name}:{before.get(name, '')[-8:]}>{after.get(name, '')[-8:]}"


every_change = pytest.mark.parametrize("change", CHANGES, ids=label)


@cache
def _rendered(parameters: frozenset[tuple[str, str]]) -> Rendered:
    return render(translated()[PLACE], dict(parameters), PLACE)


def stacks(change: tuple[str, Parameters, Parameters]) -> tuple[Rendered, Rendered]:
    _, before, after = change
    return _rendered(frozenset(before.items())), _rendered(frozenset(after.items()))


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
    return dict(PROVIDER_SCHEMA_MANAGER.get_resource_schema(PLACE.region, resource_type).schema)


def replaced(resource_type: str, before: Any, after: Any) -> bool:
    create_only = schema_of(resource_type).get("createOnlyProperties") or []
    return any(at(before, path) != at(after, path) for path in create_only)


def allowed(stack: Rendered, role: str) -> set[tuple[str, str]]:
    """Actions and resources."""
    return {
        (action, json.dumps(resource, sort_keys=True))
        for statement in statements(stack, role, set())
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }


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


class TestTheChanges:
    def test_every_parameter_is_changed(self) -> None:
        assert {name for name, *_ in CHANGES} == set(PARAMETERS)

    @every_change
    def test_every_value_is_allowed(self, change: tuple[str, Parameters, Parameters]) -> None:
        for parameters in change[1:]:
            assert refusals(TEMPLATE, parameters) == []
            assert all(accepts(PARAMETERS[name], value) for name, value in parameters.items())


class TestEveryChange:
    @every_change
    def test_makes_nothing_a_second_time_under_its_own_name(
        self, change: tuple[str, Parameters, Parameters]
    ) -> None:
        """CloudFormation makes what replaces a resource before it deletes that."""
        for name, kind, before, after in in_both(*stacks(change)):
            if replaced(kind, before, after):
                names = [at(after, path) for path in schema_of(kind)["primaryIdentifier"]]
                given = [at(before, path) for path in schema_of(kind)["primaryIdentifier"]]
                assert None in names or names != given, name

    @every_change
    def test_renames_nothing_that_cannot_be_renamed(
        self, change: tuple[str, Parameters, Parameters]
    ) -> None:
        for name, kind, before, after in in_both(*stacks(change)):
            path = FIXED_NAMES.get(kind, "")
            assert at(before, path) == at(after, path) or replaced(kind, before, after), name

    @every_change
    def test_takes_no_permission_that_is_needed_later(
        self, change: tuple[str, Parameters, Parameters]
    ) -> None:
        before, after = stacks(change)
        may_go = MAY_GO.get(change[0], "").split()
        for name, kind, *_ in in_both(before, after):
            if kind == "AWS::IAM::Role" and not (name in ONLY_SEND and change[0] == "KmsKeyArn"):
                gone = {action for action, _ in allowed(before, name) - allowed(after, name)}
                assert {action for action in gone if not may(action, may_go)} == set(), name

    def test_what_may_go_does_go(self) -> None:
        """So the list above says no more than is so."""
        gone = set()
        for change in CHANGES:
            before, after = stacks(change)
            for name, kind, *_ in in_both(before, after):
                if kind == "AWS::IAM::Role":
                    lost = allowed(before, name) - allowed(after, name)
                    gone |= {(change[0], action) for action, _ in lost}
        for name, actions in MAY_GO.items():
            for pattern in actions.split():
                assert any(name == n and may(action, [pattern]) for n, action in gone), pattern


def may(action: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(action, pattern) for pattern in patterns)


def published(stack: Rendered) -> dict[str, tuple[str, dict[str, Any]]]:
    """The functions that state machines call: each one's version, and what that is of."""
    found = {}
    for machine in stack.of_type("AWS::StepFunctions::StateMachine").values():
        for version in versions_of(stack, machine):
            (name,) = references(stack.resources[version]["Properties"]["FunctionName"])
            found[name] = (version, stack.resources[name]["Properties"])
    return found


def settings(stack: Rendered) -> Any:
    return stack.resources["Settings"]["Properties"]["Content"]


class TestVersions:
    """A running execution keeps the version that its definition names."""

    def test_state_machines_call_versions_that_are_kept_when_others_are_published(self) -> None:
        """`Retain` also keeps what is replaced under the same logical id. Source: CloudFormation,
        "UpdateReplacePolicy attribute" and "DeletionPolicy attribute"."""
        stack = _rendered(frozenset())
        functions = published(stack)
        assert set(functions) == set(stack.of_type("AWS::Lambda::Function")) - {"TabulateReport"}
        for version, _ in functions.values():
            resource = stack.resources[version]
            assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == (
                "Retain", "Retain"
            )  # fmt: skip

    @every_change
    def test_a_change_of_a_function_publishes_a_version(
        self, change: tuple[str, Parameters, Parameters]
    ) -> None:
        """SAM hashes what the template says, and no parameter's value.

        Source: aws/serverless-application-model, issue 3820.
        """
        before, after = stacks(change)
        functions = published(after)
        for name, (version, was) in published(before).items():
            if name not in functions:  # it is there with Analytics alone
                assert change[0] == "Analytics"
                continue
            other, now = functions[name]
            assert version == other
            if was != now:
                assert settings(before) != settings(after), name
                description = stack_property(after, version, "Description")
                assert references(description) == {"Settings"}
                assert replaced(
                    "AWS::AppConfig::HostedConfigurationVersion", *both_settings(change)
                )

    def test_the_settings_name_all_that_a_functions_variables_do(self) -> None:
        """And the layers, which get other ARNs."""
        for _, before, after in CHANGES:
            for parameters in (before, after):
                stack = _rendered(frozenset(parameters.items()))
                told = references(settings(stack))
                for _, function in published(stack).values():
                    named = references(function["Environment"]) | references(function["Layers"])
                    assert named - {"Settings"} <= told

    def test_a_version_is_published_only_of_what_has_changed(self) -> None:
        """Lambda refuses another version of the same: so the number is in the function as well."""
        for _, function in published(_rendered(frozenset())).values():
            assert function["Environment"]["Variables"]["SETTINGS"] == {"Ref": "Settings"}

    @pytest.mark.parametrize(
        "change",
        [
            lambda r: r["StartReport"]["Properties"].update(CodeUri="s3://artifacts/other"),
            lambda r: r["StartReport"]["Properties"].update(Timeout=79),
        ],
        ids=["code", "property"],
    )
    def test_another_template_publishes_a_version_of_what_it_changes(
        self, change: Callable[[Any], object]
    ) -> None:
        assert self._other_versions(change) == {"StartReport"}

    def test_another_layer_changes_the_settings(self) -> None:
        def change(resources: Any) -> None:
            resources["PingOneReportsLayer"]["Properties"]["ContentUri"] = "s3://artifacts/other"

        (other,) = transformed((PLACE, {}), change=lambda template: change(template["Resources"]))
        assert settings(render(other, {}, PLACE)) != settings(_rendered(frozenset()))

    def _other_versions(self, change: Callable[[Any], object]) -> set[str]:
        """The functions that have another version, by its logical id."""
        (other,) = transformed((PLACE, {}), change=lambda template: change(template["Resources"]))
        before, after = published(_rendered(frozenset())), published(render(other, {}, PLACE))
        return {name for name in before if before[name][0] != after[name][0]}


def stack_property(stack: Rendered, resource: str, name: str) -> Any:
    return stack.resources[resource]["Properties"][name]


def both_settings(change: tuple[str, Parameters, Parameters]) -> list[Any]:
    return [stack.resources["Settings"]["Properties"] for stack in stacks(change)]


class TestTheDatabase:
    def name(self, stack: Rendered) -> Any:
        return stack_property(stack, "ReportsDatabase", "DatabaseInput")["Name"]

    def test_two_stacks_have_two_databases(self) -> None:
        """A stack's name has letters, digits and hyphens. Source: CreateStack."""
        assert STACK == "my-reports"
        assert self.name(_rendered(frozenset())) == "my_reports"

    def test_a_name_that_is_given_is_taken(self) -> None:
        stack = _rendered(frozenset({"DatabaseName": "night"}.items()))
        assert self.name(stack) == stack_property(stack, "ReportsDatabase", "DatabaseName")
        assert self.name(stack) == "night"

    @pytest.mark.parametrize(
        "parameters",
        [{"DatabaseName": "pingone_reports"}, {"AWS::StackName": "pingone-reports"}],
        ids=str,
    )
    def test_a_stack_of_1_0_0_keeps_its_own(self, parameters: Parameters) -> None:
        """A `DatabaseName` of the same value would make it a second time."""
        assert conditions_of(TEMPLATE, parameters)["HasFirstDatabaseName"]
        stack = _rendered(frozenset({"DatabaseName": "pingone_reports"}.items()))
        assert "DatabaseName" not in stack.resources["ReportsDatabase"]["Properties"]
        assert not conditions_of(TEMPLATE, {})["HasFirstDatabaseName"]
