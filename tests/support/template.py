"""The template as it stands, and questions about it that several tests ask."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.deployment import read_template
from local.paths import ROOT

Resource = dict[str, Any]

TEMPLATE = read_template(ROOT / "template.yaml")
PARAMETERS: dict[str, dict[str, Any]] = TEMPLATE["Parameters"]
INTERFACE: dict[str, Any] = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
RESOURCES: dict[str, Resource] = TEMPLATE["Resources"]


def resources_of(resource_type: str) -> dict[str, Resource]:
    """The resources of one type, by name."""
    return {name: item for name, item in RESOURCES.items() if item["Type"] == resource_type}


def only_if(condition: str, value: Any) -> dict[str, Any]:
    """What is there under a condition, and else not at all."""
    return {"Fn::If": [condition, value, {"Ref": "AWS::NoValue"}]}


FUNCTIONS = resources_of("AWS::Serverless::Function")
ROLES = resources_of("AWS::IAM::Role")
TABLES: dict[str, dict[str, Any]] = {
    item["Properties"]["TableInput"]["Name"]: item["Properties"]["TableInput"]
    for item in resources_of("AWS::Glue::Table").values()
}


def columns_of(table: str) -> dict[str, str]:
    """The columns of a table and their types, with those that its folders are named for."""
    described = TABLES[table]
    columns = [*described["StorageDescriptor"]["Columns"], *described.get("PartitionKeys", [])]
    return {column["Name"]: column["Type"] for column in columns}


def statements(role: Resource) -> Iterator[dict[str, Any]]:
    """What a role allows, whatever is switched on."""
    for policy in role["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            branches = statement["Fn::If"][1:] if "Fn::If" in statement else [statement]
            yield from (branch for branch in branches if branch != {"Ref": "AWS::NoValue"})


def as_list(value: Any) -> list[Any]:
    """One item or several, as IAM takes both."""
    return value if isinstance(value, list) else [value]


def resource_patterns(value: Any) -> Iterator[str]:
    """Every literal of an ARN, however it is put together."""
    match value:
        case str():
            yield value
        case list():
            for item in value:
                yield from resource_patterns(item)
        case {"Fn::If": [_, *branches]}:
            yield from resource_patterns(branches)
        case {"Fn::Sub": [text, *_]} | {"Fn::Sub": str() as text}:
            yield text
        case {"Ref": _} | {"Fn::GetAtt": _} | {"Fn::Split": [",", {"Ref": "FormerKmsKeyArns"}]}:
            yield "one resource"
        case _:
            raise AssertionError(f"An ARN in a form that this test does not know: {value}")


def accepts(parameter: Mapping[str, Any], value: object) -> bool:
    """Whether a value satisfies a parameter's constraints, as CloudFormation checks them."""
    text = str(value)
    return (
        ("AllowedValues" not in parameter or text in map(str, parameter["AllowedValues"]))
        and bool(re.fullmatch(parameter.get("AllowedPattern", "(?s:.*)"), text))
        and len(text) <= parameter.get("MaxLength", 4096)
        and float(parameter.get("MinValue", "-inf")) <= _number(parameter, text)
        and _number(parameter, text) <= float(parameter.get("MaxValue", "inf"))
    )


def _number(parameter: Mapping[str, Any], text: str) -> float:
    return float(text) if parameter["Type"] == "Number" else 0
