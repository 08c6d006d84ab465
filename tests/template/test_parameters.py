"""A parameter says what it must be, refuses what cannot work, and fits into what AWS takes."""

import json
import re
from typing import Any

import pytest

from tests.support.template import FUNCTIONS, INTERFACE, PARAMETERS, TEMPLATE, accepts
from tests.template.rendering import Place, conditions_of, render

UUID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
KMS = "arn:aws:kms:eu-central-1:123456789012"
SECRET = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:worker"
# Of a parameter with a pattern: what a user may want, and what cannot work.
VALUES: dict[str, tuple[list[str], list[str]]] = {
    "EnvironmentId": ([UUID], ["", "abfba8f6"]),
    "ClientId": ([UUID], ["my client"]),
    "KmsKeyArn": (
        [f"{KMS}:key/{UUID}", f"{KMS}:key/mrk-1234abcd12ab34cd56ef1234567890ab"],
        [f"{KMS}:alias/reports", UUID],
    ),
    "VpcSubnetIds": (
        ["subnet-0123456789abcdef0,subnet-01234567"],
        ["subnet-0123456789abcdef0, subnet-01234567", "vpc-01234567"],
    ),
    "VpcSecurityGroupIds": (["sg-0123456789abcdef0"], ["subnet-01234567"]),
    "SecretArn": (
        [f"{SECRET}-Ab12Cd", "arn:aws-us-gov:secretsmanager:us:123456789012:secret:a/b-4Ab12C"],
        ["worker-app", SECRET, f"{SECRET}-Ab12Cd*"],
    ),
    "ApiUrl": (
        ["http://127.0.0.1:8080/v1", "http://localhost:8080/v1", "https://login.example.com/as"],
        [
            "api.pingone.com/v1",
            "https://",
            "https://api.pingone.com/v1?a=b",
            "https://api.pingone.com/\u00e9",
            "https://api.pingone.com/" + "x" * 200,
            "http://api.pingone.com/v1",
            "http://127.0.0.1.example.com/v1",
            "http://localhost@example.com/v1",
        ],
    ),
    "ReportFields": (
        ["userId", "userId, username ,deviceId", ",".join(f"f{n}" for n in range(100))],
        [
            "userId,,username",
            "user id",
            ",".join(f"f{n}" for n in range(101)),
            ",".join(f"aFieldWithAName{n}" for n in range(50)),
        ],
    ),
    "ReportFilter": (['(mfaEnabled eq "true")', "x" * 500], ["x" * 501, "a\nb"]),
    "BucketName": (["my-bucket.reports"], ["My_Bucket"]),
    "KeyPrefix": (["", "exports/pingone"], ["/pingone", "pingone/"]),
    "Pseudonymize": (
        ["Phone", "phone,email , username", "deviceId,name.given", ",".join(["f" * 64] * 16)],
        ["phone,", "phone email", "+49 151 23456789", "f" * 65],
    ),
    "ScheduleExpression": (["", "rate(1 day)"], ["every day"]),
    "ScheduleTimeZone": (["America/Argentina/Buenos_Aires", "Etc/GMT+3"], ["UTC+1 hour"]),
    "LinkHosts": (
        ["127.0.0.1:4566", "files.example.com, reports.example.com:8443"],
        ["https://files.example.com", "*.example.com"],
    ),
    "PermissionsBoundaryArn": (
        ["arn:aws:iam::123456789012:policy/team/boundary", "arn:aws:iam::aws:policy/PowerUser"],
        ["arn:aws:iam::123456789012:role/boundary"],
    ),
    "AlarmEmail": (["night-shift+pingone@example.com"], ["night shift"]),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter_is_explained_and_its_default_keeps_to_its_constraints(name: str) -> None:
    parameter = PARAMETERS[name]
    assert parameter["Description"].endswith(".")
    assert parameter["ConstraintDescription"].startswith("must be ")
    is_bounded = {"MinValue", "MaxValue"} <= set(parameter)
    assert is_bounded or {"AllowedPattern", "AllowedValues"} & set(parameter)
    assert re.fullmatch(r"\^.*\$", parameter.get("AllowedPattern", "^$"))
    assert "Default" not in parameter or accepts(parameter, parameter["Default"])


def test_an_environment_id_is_enough() -> None:
    assert [name for name in PARAMETERS if "Default" not in PARAMETERS[name]] == ["EnvironmentId"]


def test_the_parameters_stand_in_the_order_of_their_groups() -> None:
    grouped = [name for group in INTERFACE["ParameterGroups"] for name in group["Parameters"]]
    assert list(PARAMETERS) == grouped


@pytest.mark.parametrize("name", VALUES)
def test_a_pattern_allows_what_a_user_may_want_and_refuses_what_cannot_work(name: str) -> None:
    wanted, wrong = VALUES[name]
    assert [value for value in wanted if not accepts(PARAMETERS[name], value)] == []
    assert [value for value in wrong if accepts(PARAMETERS[name], value)] == []


@pytest.mark.parametrize(
    ("own", "fleets", "scheduled"),
    [
        (PARAMETERS["ScheduleExpression"]["Default"], "", (True, False)),
        (PARAMETERS["ScheduleExpression"]["Default"], "rate(1 day)", (False, True)),
        ("rate(1 hour)", "rate(1 day)", (True, True)),
        ("", "", (False, False)),
    ],
)
def test_a_fleets_schedule_takes_the_place_of_the_default_schedule_alone(
    own: str, fleets: str, scheduled: tuple[bool, bool]
) -> None:
    given = {"ScheduleExpression": own, "FleetScheduleExpression": fleets}
    conditions = conditions_of(TEMPLATE, given)
    assert (conditions["HasSchedule"], conditions["HasFleetSchedule"]) == scheduled
    assert conditions["ExpectsExports"] == any(scheduled)


class Longest(Place):
    """A place whose names are as long as any."""

    @property
    def pseudo_parameters(self) -> dict[str, str]:
        # The name of a state machine has 80 characters, and is the stack's with 14 more.
        return super().pseudo_parameters | {"AWS::StackName": "s" * 66}


# Longer than a name that CloudFormation makes, and than an ARN with such a name.
OF_A_RESOURCE = "r" * 160


def longest(parameter: dict[str, Any]) -> str:
    """The value of a parameter that takes the most bytes."""
    if parameter["Type"] == "Number":
        return str(parameter.get("MaxValue") or max(parameter["AllowedValues"]))
    if "AllowedValues" in parameter:
        return str(max(parameter["AllowedValues"], key=len))
    most: int = parameter.get("MaxLength", 0)
    three_bytes = "\u20ac" * most
    return three_bytes if accepts(parameter, three_bytes) else "x" * most


def size(value: object) -> int:
    """The bytes of its JSON: so Lambda measures variables, as its error about them shows."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_longest_values_fit_into_a_functions_variables(name: str) -> None:
    """Lambda's quotas: 4 KB for all environment variables of a function."""
    environments = {
        "own": FUNCTIONS[name]["Properties"]["Environment"],
        "shared": TEMPLATE["Globals"]["Function"]["Environment"],
    }
    given = json.dumps(environments)
    for each, parameter in PARAMETERS.items():
        if f'"Ref": "{each}"' in given or f"${{{each}}}" in given:
            assert {"MaxLength", "AllowedValues", "MaxValue"} & set(parameter), each
    # A secret's ARN is longer than a client's id with a key's.
    chosen = {each: longest(PARAMETERS[each]) for each in PARAMETERS} | {"ClientId": ""}
    place = Longest("aws-us-gov", "ap-southeast-1", "amazonaws.com")
    rendered = render(TEMPLATE | {"Resources": environments}, chosen, place).resources
    told = {
        key: value if isinstance(value, str) else OF_A_RESOURCE
        for each in rendered.values()
        for key, value in each["Variables"].items()
    }
    assert size(told) < 4096
