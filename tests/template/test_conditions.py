"""Each condition of a policy has an operator that its key can have."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from local.deployment import read_template
from local.paths import ROOT
from tests.support.template import as_list

_REFERENCE = json.loads(Path(__file__).with_name("condition_keys.json").read_text())
KEYS: dict[str, str] = _REFERENCE["keys"] | {
    # "AWS global condition context keys", IAM's guide.
    "aws:PrincipalArn": "ARN",
    "aws:SecureTransport": "Bool",
    "aws:SourceAccount": "String",
    "aws:SourceArn": "ARN",
    # The reference means PutRule's. A call of PutEvents has one for each of its entries.
    "events:detail-type": "ArrayOfString",
    # "Condition keys for Amazon DynamoDB": one for each item of a call.
    "dynamodb:LeadingKeys": "ArrayOfString",
}
PLACES = ["template.yaml", "kms-key.yaml"]


def policy_statements(value: Any) -> Iterator[dict[str, Any]]:
    """All statements of a template, wherever they are."""
    if isinstance(value, dict):
        if {"Effect", "Action"} <= set(value):
            yield value
        for item in value.values():
            yield from policy_statements(item)
    elif isinstance(value, list):
        for item in value:
            yield from policy_statements(item)


def type_of(key: str) -> str:
    """A key's type; `${...}` in the reference stands for any name."""
    patterns = {name: re.sub(r"\$\{\w+\}", "*", name) for name in KEYS}
    (kind,) = {KEYS[name] for name, pattern in patterns.items() if fnmatchcase(key, pattern)}
    return kind


@pytest.mark.parametrize("name", PLACES)
def test_keys_of_several_values_have_a_set_operator_and_no_others_have(name: str) -> None:
    """A set operator over nothing is true of all values: so an Allow asks that there is one.

    Source: "Set operators for multivalued context keys", IAM's guide.
    """
    conditions = 0
    for statement in policy_statements(read_template(ROOT / name)["Resources"]):
        there = statement.get("Condition", {}).get("Null", {})
        for operator, keys in statement.get("Condition", {}).items():
            if operator == "Null":
                continue
            for key in keys:
                conditions += 1
                several = type_of(key).startswith("ArrayOf")
                assert operator.startswith(("ForAllValues:", "ForAnyValue:")) == several, key
                if operator.startswith("ForAllValues:") and statement["Effect"] == "Allow":
                    assert there[key] == "false", key
    assert conditions > 2


def test_whoever_may_publish_may_publish_as_the_application_alone() -> None:
    for statement in policy_statements(read_template(ROOT / "template.yaml")["Resources"]):
        if "events:PutEvents" in as_list(statement["Action"]) and statement["Effect"] == "Allow":
            said = statement["Condition"]["ForAllValues:StringEquals"]
            assert said["events:source"] == "pingone.reports"


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        ("events:source", "ArrayOfString"),
        ("kms:EncryptionContext:aws:logs:arn", "String"),
        ("kms:EncryptionContext:SourceArn", "String"),
        ("lambda:SourceFunctionArn", "ARN"),
    ],
)
def test_the_reference_is_read_as_it_is_written(key: str, kind: str) -> None:
    assert type_of(key) == kind
