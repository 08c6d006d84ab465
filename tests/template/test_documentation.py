"""The pages: every link leads somewhere, and every parameter is told of."""

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from local.paths import ROOT
from pingone_reports.model.security_events import RULES
from pingone_reports.model.strength import Strength
from tests.support.template import TEMPLATE, resources_of

_CODE = re.compile(r"```.*?```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
TABLES = {
    item["Properties"]["TableInput"]["Name"]: item["Properties"]["TableInput"]
    for item in resources_of("AWS::Glue::Table").values()
}


def pages() -> list[Path]:
    """The Markdown files of git."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in listed.stdout.split("\0") if name]


def anchors(markdown: str) -> Iterator[str]:
    """What GitHub calls each heading, in order."""
    seen = Counter[str]()
    for heading in _HEADING.findall(_CODE.sub("", markdown)):
        text = re.sub(r"\[(.*?)\]\(.*?\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        yield f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor
        seen[anchor] += 1


def dead_links(page: Path, markdown: str) -> list[str]:
    """The relative links of a page that lead to no file, or to no heading of one."""
    dead = []
    for link in _LINK.findall(_CODE.sub("", markdown)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            dead.append(link)
        elif anchor:
            text = markdown if target == page else target.read_text()
            if anchor not in anchors(text):
                dead.append(link)
    return dead


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert dead_links(page, page.read_text()) == []


@pytest.mark.parametrize(
    "link",
    [
        "nowhere.md",
        "docs/nowhere.md#a",
        "docs/ask.md#nowhere",
        "#nowhere",
        "docs/ask.md#ask-once-1",
    ],
)
def test_a_link_that_leads_nowhere_is_found(link: str) -> None:
    good = (
        "[a](docs/ask.md), [b](docs/ask.md#ask-once), [c](#here-it-is), [d](https://example.com/#x)"
    )
    assert dead_links(ROOT / "README.md", f"# Here, it is\n{good} [e]({link})") == [link]


def test_the_configuration_page_tells_of_every_parameter_and_no_other() -> None:
    page = (ROOT / "docs" / "configure.md").read_text()
    section = page.split("## Parameters")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    told = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(told) == sorted(TEMPLATE["Parameters"])


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    linked = set(_LINK.findall((ROOT / "README.md").read_text()))
    written = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert written - linked == set()


def _rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = (ROOT / "docs" / page).read_text().split(f"\n{heading}\n")[1].split("\n#")[0]
    table = next(part for part in below.split("\n\n") if "`ALL_FACTORS_REPLACED`" in part)
    return [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]


def test_the_documentation_has_the_table_of_security_events() -> None:
    assert _rows("events.md", "## What changed") == [
        [
            str(rule.severity),
            f"`{event}`, `{event.name}`",
            f"a user {rule.sentence}",
            ", ".join(f"`{name}`" for name in rule.needs),
            "always" if rule.of_presence else "if it names one of these",
        ]
        for event, rule in RULES.items()
    ]


def test_every_code_has_its_words_in_other_schemas() -> None:
    rows = _rows("events.md", "## In OCSF and ECS")
    assert [row[0] for row in rows] == [f"`{event.name}`" for event in RULES]


def test_the_documentation_has_every_strength() -> None:
    section = (ROOT / "docs" / "data.md").read_text().split("### How well the users")[1]
    assert re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)[: len(Strength)] == list(Strength)


@pytest.mark.parametrize("name", TABLES)
def test_the_documentation_has_every_column_of_a_table_with_its_type(name: str) -> None:
    page = (ROOT / "docs" / "data.md").read_text()
    [told] = [part for part in page.split("\n### ")[1:] if f"`{name}`" in part.partition("\n")[0]]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", told, re.MULTILINE)
    only = {column: type_ for column, type_, what in rows if f"not in `{name}`" not in what}
    table = TABLES[name]
    columns = [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]
    assert only == {column["Name"]: column["Type"] for column in columns}
