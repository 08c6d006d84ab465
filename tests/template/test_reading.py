"""The template can be read from top to bottom: what belongs together is together."""

import json
import re
import subprocess
import tomllib
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.deployment import read_template
from local.paths import ROOT, python_of
from tests.support.template import FUNCTIONS, INTERFACE, PARAMETERS, RESOURCES, TEMPLATE

_SOURCE = (ROOT / "template.yaml").read_text()
_NAMES = list(RESOURCES)
_HEADING = re.compile(r"^(\w+):$|^  # === (.+?) =+$")


def far_aliases(source: str) -> list[str]:
    """The aliases whose anchor stands in another section."""
    sections = list(accumulate(bool(_HEADING.match(line)) for line in source.splitlines()))
    anchors = dict[str, int]()
    far = []
    for token in yaml.scan(source, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.AnchorToken | yaml.AliasToken):
            section = sections[token.start_mark.line]
            if anchors.setdefault(token.value, section) != section:
                far.append(token.value)
    return far


def test_an_alias_stands_in_the_section_of_its_anchor() -> None:
    assert far_aliases(_SOURCE) == []


def test_an_alias_of_another_section_is_found() -> None:
    section = "  # === Another section ===\n"
    assert far_aliases(f"Resources:\n  A: &a 1\n  B: *a\n{section}  C: *a\n") == ["a"]


def test_sam_writes_out_what_cloudformation_does_not_know(tmp_path: Path) -> None:
    """As `sam build` and `sam deploy` do. CloudFormation's guide: no aliases and no hash merges."""
    written = tmp_path / "template.yaml"
    convert = (
        "import sys; from samcli.yamlhelper import yaml_dump, yaml_parse;"
        "print(yaml_dump(yaml_parse(sys.stdin.read())))"
    )
    with written.open("w") as file:
        subprocess.run(
            [python_of("sam"), "-c", convert], input=_SOURCE, stdout=file, text=True, check=True
        )

    assert read_template(written) == TEMPLATE
    events = [*yaml.parse(written.read_text(), Loader=yaml.SafeLoader)]
    assert not [event for event in events if isinstance(event, yaml.AliasEvent)]
    assert not [event for event in events if getattr(event, "value", "") == "<<"]


def _decisions(value: Any) -> Iterator[tuple[str, str]]:
    """Each condition that a value depends on, and what it decides between."""
    match value:
        case {"Fn::If": [condition, *branches]}:
            yield condition, json.dumps(branches)
            yield from _decisions(branches)
        case dict():
            yield from _decisions([*value.values()])
        case list():
            for item in value:
                yield from _decisions(item)


@pytest.mark.parametrize(
    "condition", ["CreateBucket", "HasSecret", "HasSigningKey", "HasKeyPrefix"]
)
def test_a_name_that_depends_on_a_parameter_is_the_same_everywhere(condition: str) -> None:
    decided = _decisions([TEMPLATE["Resources"], TEMPLATE["Outputs"]])
    assert len({branches for name, branches in decided if name == condition}) == 1


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_stands_with_its_role_and_its_logs(name: str) -> None:
    place = _NAMES.index(name)
    assert _NAMES[place : place + 3] == [name, f"{name}Role", f"{name}Logs"]


def test_the_chapters_stand_in_the_order_of_the_story() -> None:
    beginnings = [
        "ExportReport", "ExportSchedule", "ReportsBucket", "ExportFleet", "ExportCompletedRule"
    ]  # fmt: skip
    places = [_NAMES.index(name) for name in [*beginnings, "AlarmTopic"]]
    assert places == sorted(places)
    assert places[0] == 0
    headings = re.findall(r"^  # === (.+?) =+$", _SOURCE, re.MULTILINE)
    assert len(headings) == len(places)


def test_the_parameters_stand_in_the_order_of_their_groups() -> None:
    grouped = [name for group in INTERFACE["ParameterGroups"] for name in group["Parameters"]]
    assert list(PARAMETERS) == grouped


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_says_what_it_does(name: str) -> None:
    assert re.fullmatch(r"[A-Z][^.]+\.", FUNCTIONS[name]["Properties"]["Description"])


def test_the_template_says_the_version_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert TEMPLATE["Description"].startswith(f"PingOne report exporter {project['version']} - ")
