"""The state machines' definitions, as they are deployed in a partition of AWS, and their graphs."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from cfnlint.api import lint

from local.paths import ROOT

Definition = dict[str, Any]

EXPORT_REPORT = ROOT / "statemachine" / "export_report.asl.yaml"
EXPORT_FLEET = ROOT / "statemachine" / "export_fleet.asl.yaml"


def definition(
    partition: str = "aws",
    source: Path = EXPORT_REPORT,
    value: str | None = None,
    *,
    pseudonymizes: bool = False,
) -> Definition:
    """A new copy of a definition; `value` is put in for everything that the stack gives it."""
    place = f"arn:{partition}"
    functions = (
        "StartReport", "CheckReport", "FetchReport", "DiscardReport", "ListEnvironments",
        "SummarizeFleet", "ShowFleet",
    )  # fmt: skip
    substitutions = {
        f"{name}FunctionArn": f"{place}:lambda:eu-central-1:123456789012:function:{name}"
        for name in functions
    } | {
        "ExportReportArn": f"{place}:states:eu-central-1:123456789012:stateMachine:reports",
        "ExecutionsArn": f"{place}:states:eu-central-1:123456789012:execution:reports",
        "EnvironmentId": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
        "EventBusName": "reports-reports",
        "StackName": "reports",
        "Partition": partition,
        "Bucket": "reports-bucket",
        "Table": "reports-table",
        "MaxConcurrency": "200",
        "Pseudonymizes": "true" if pseudonymizes else "false",
    }
    text = re.sub(
        r"\$\{(\w+)\}", lambda match: value or substitutions[match[1]], source.read_text()
    )
    return dict(yaml.safe_load(text))


def targets(state: dict[str, Any]) -> Iterator[str]:
    """The states that may come after this one."""
    for transition in (state, *state.get("Choices", ()), *state.get("Catch", ())):
        if "Next" in transition:
            yield transition["Next"]
    if "Default" in state:
        yield state["Default"]


def dangling(machine: Definition) -> set[str]:
    """The states that are named but not there."""
    named = {machine["StartAt"], *(n for s in machine["States"].values() for n in targets(s))}
    return named - set(machine["States"])


def unreachable(machine: Definition) -> set[str]:
    """The states that no path leads to."""
    reached: set[str] = set()
    ahead = [machine["StartAt"]]
    while ahead:
        name = ahead.pop()
        if name not in reached:
            reached.add(name)
            ahead += targets(machine["States"].get(name, {}))
    return set(machine["States"]) - reached


def dead_ends(machine: Definition) -> set[str]:
    """The states that go nowhere, and do not say that they end."""
    return {
        name
        for name, state in machine["States"].items()
        if state["Type"] not in ("Succeed", "Fail")
        and not state.get("End")
        and "Next" not in state
        and "Default" not in state
    }


def error_names(state: dict[str, Any]) -> Iterator[str]:
    """The errors that a state retries or catches."""
    for rule in (*state.get("Retry", ()), *state.get("Catch", ())):
        yield from rule["ErrorEquals"]


@cache
def _findings(definition_json: str) -> tuple[str, ...]:
    resource = {
        "Type": "AWS::StepFunctions::StateMachine",
        "Properties": {
            "RoleArn": "arn:aws:iam::123456789012:role/export-report",
            "Definition": json.loads(definition_json),
        },
    }
    template = {"AWSTemplateFormatVersion": "2010-09-09", "Resources": {"Machine": resource}}
    return tuple(str(finding) for finding in lint(json.dumps(template)))


def findings(machine: Definition) -> tuple[str, ...]:
    """What cfn-lint has against a definition; behind AWS::Serverless it would not look at it."""
    return _findings(json.dumps(machine))
