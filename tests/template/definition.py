"""The state machines' definitions, with what a stack gives them."""

import re
from pathlib import Path
from typing import Any

import yaml

from local.paths import ROOT

Definition = dict[str, Any]

EXPORT_REPORT = ROOT / "statemachine" / "export_report.asl.yaml"
EXPORT_FLEET = ROOT / "statemachine" / "export_fleet.asl.yaml"
_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")
_GIVEN = {
    "EnvironmentId": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
    "ExecutionsArn": "arn:aws:states:eu-central-1:123456789012:execution:reports",
    "MaxConcurrency": "200",
    "Partition": "aws",
    "Pseudonymizes": "false",
}


def substitutions(source: Path) -> set[str]:
    """The names of what a stack gives a definition."""
    return set(_SUBSTITUTION.findall(source.read_text()))


def definition(source: Path = EXPORT_REPORT, **given: str) -> Definition:
    """A new copy of a definition. What has no value here has its own name for one."""
    values = _GIVEN | given
    text = _SUBSTITUTION.sub(lambda match: values.get(match[1], match[1]), source.read_text())
    return dict(yaml.safe_load(text))
