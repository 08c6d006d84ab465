"""The template can be read from top to bottom: what belongs together is together, and said once."""

import re
import subprocess
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from local.deployment import read_template
from local.paths import ROOT, python_of
from tests.support.template import FUNCTIONS, INTERFACE, PARAMETERS, RESOURCES, TEMPLATE

_SOURCE = (ROOT / "template.yaml").read_text()
_NAMES = list(RESOURCES)
# Keys and values of a block that is worth an alias; a column of a table has fewer.
_WORTH_AN_ALIAS = 6


def _parts(node: yaml.Node) -> list[yaml.Node]:
    match node:
        case yaml.MappingNode():
            return [part for pair in node.value for part in pair]
        case yaml.SequenceNode():
            return list(node.value)
        case _:
            return []


def repeated_blocks(source: str) -> list[list[int]]:
    """The lines at which blocks with the same content begin, each list for one content.

    An alias counts as one value, and no block begins there.
    """
    root = yaml.compose(source, Loader=yaml.SafeLoader)
    assert root
    met = Counter[int]()

    def blocks(node: yaml.Node) -> Iterator[yaml.Node]:
        met[id(node)] += 1
        if met[id(node)] == 1:
            yield node
            for part in _parts(node):
                yield from blocks(part)

    def words(node: yaml.Node) -> Iterator[str]:
        if not _parts(node):
            yield f"{node.tag} {node.value}"
        for part in _parts(node):
            yield from [f"alias of {id(part)}"] if met[id(part)] > 1 else words(part)

    lines = defaultdict[tuple[str, ...], list[int]](list)
    for block in list(blocks(root)):
        content = (block.tag, *words(block))
        if len(content) > _WORTH_AN_ALIAS:
            lines[content].append(block.start_mark.line + 1)
    return [found for found in lines.values() if len(found) > 1]


def test_the_template_says_nothing_twice() -> None:
    assert repeated_blocks(_SOURCE) == []


@pytest.mark.parametrize(
    ("second", "repeated"),
    [
        ("{Sid: A, Effect: Allow, Action: [b, c], Resource: d}", [[1, 2]]),
        ("{Sid: A, Effect: Allow, Action: [b, c], Resource: e}", []),
        ("*first", []),
        ("{<<: *first, Resource: e}", []),
    ],
)
def test_a_block_that_stands_twice_is_found(second: str, repeated: list[list[int]]) -> None:
    first = "&first {Sid: A, Effect: Allow, Action: [b, c], Resource: d}"
    assert repeated_blocks(f"- {first}\n- {second}\n") == repeated


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


@pytest.mark.parametrize(
    "condition", ["CreateBucket", "HasSecret", "HasSigningKey", "HasKeyPrefix"]
)
def test_a_name_that_depends_on_a_parameter_is_decided_once(condition: str) -> None:
    assert _SOURCE.count(f"!If [{condition},") == 1


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
