"""The pages: every link leads somewhere, and what there is is told of, and nothing else."""

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from jsonschema import Draft7Validator

from local.paths import ENVIRONMENTS, ROOT
from pingone_reports import errors
from pingone_reports.model.announcements import COMPARED, SECURITY_EVENT_DETECTED
from pingone_reports.model.security_events import RULES
from pingone_reports.model.strength import Strength
from pingone_reports.observability import NAMESPACE
from tests.support.documents import EVENTS, faults, sample
from tests.support.template import PARAMETERS, TABLES, TEMPLATE, columns_of, resources_of
from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT, definition
from tests.template.test_operations import ALARMS, OF_OURS

_CODE = re.compile(r"```.*?```", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *$", re.MULTILINE)
CODE = "`[A-Z_]{3,}`"
"""Of a security event."""


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


def dead_links(page: Path) -> list[str]:
    """The relative links of a page that lead to no file, or to no heading of one."""
    dead = []
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = page.parent / path if path else page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_a_heading(page: Path) -> None:
    assert dead_links(page) == []


def rows(page: str, heading: str, about: str = "`") -> list[list[str]]:
    """The cells of each row about something, of the tables below a heading."""
    section = (ROOT / page).read_text().split(f"\n{heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if re.match(rf"\|.*{about}", line)]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def names_in(cells: Iterable[str]) -> list[str]:
    return [name for cell in cells for name in re.findall(r"`([\w.]+)`", cell)]


def test_the_configuration_page_tells_of_every_parameter_and_no_other() -> None:
    told = names_in(row[0] for row in rows("docs/configure.md", "## Parameters"))
    assert sorted(told) == sorted(PARAMETERS)


def test_the_operators_page_says_what_to_do_about_every_error_and_no_other() -> None:
    table = rows("docs/operate.md", "## What an error means")
    told = names_in(row[0] for row in table)
    ours = {
        name
        for name, error in vars(errors).items()
        if isinstance(error, type) and not error.__subclasses__()  # no base of others
    }
    assert {name for name in told if "." not in name} == ours
    assert len(told) == len(set(told))
    assert all(row[1].strip() for row in table)
    states = definition()["States"].values()
    rules = [[state["Retry"], state["Catch"]] for state in states if "Retry" in state]
    of_aws = set(re.findall(r'"((?!Lambda)\w+\.\w+)"', json.dumps(rules)))
    assert of_aws - set(told) == {"States.ALL"}


def test_the_readmes_few_errors_are_among_those_that_exports_can_have() -> None:
    told = names_in(row[0] for row in rows("README.md", "## When it fails"))
    assert told
    assert set(told) <= set(vars(errors))


def test_the_operators_page_names_every_alarm_and_metric_and_only_what_there_is() -> None:
    page = (ROOT / "docs" / "operate.md").read_text()
    given = {*TEMPLATE["Outputs"], *PARAMETERS}
    assert set(re.findall(r"<([A-Z]\w+)>", page)) <= given
    others = {NAMESPACE, "ExportFailed", "ERROR_CODE", "ERROR_MESSAGE"}
    named = set(re.findall(r"`([A-Z]\w+)`", page))
    assert {*ALARMS, *OF_OURS} <= named
    assert named <= {*ALARMS, *OF_OURS, *given, *vars(errors), *others}


def test_every_page_of_the_documentation_is_linked_from_the_readme() -> None:
    linked = set(_LINK.findall((ROOT / "README.md").read_text()))
    written = {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")}
    assert written - linked == set()


def test_the_documentation_has_every_security_event_with_its_words_in_other_schemas() -> None:
    assert rows("docs/events.md", "## What changed", CODE) == [
        [
            str(rule.severity),
            f"`{event}`, `{event.name}`",
            f"a user {rule.sentence}",
            ", ".join(f"`{name}`" for name in rule.needs),
            "always" if rule.of_presence else "if it names one of these",
        ]
        for event, rule in RULES.items()
    ]
    told = [row[0] for row in rows("docs/events.md", "## In OCSF and ECS", CODE)]
    assert told == [f"`{event.name}`" for event in RULES]


def test_the_documentation_has_every_strength() -> None:
    section = (ROOT / "docs" / "data.md").read_text().split("### How well the users")[1]
    assert re.findall(r"^\| `(.+?)` \|", section, re.MULTILINE)[: len(Strength)] == list(Strength)


@pytest.mark.parametrize("name", TABLES)
def test_the_documentation_has_every_column_of_a_table_with_its_type(name: str) -> None:
    page = (ROOT / "docs" / "data.md").read_text()
    [told] = [part for part in page.split("\n### ")[1:] if f"`{name}`" in part.partition("\n")[0]]
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \|$", told, re.MULTILINE)
    only = {column: type_ for column, type_, what in rows if f"not in `{name}`" not in what}
    assert only == columns_of(name)


DOCUMENT: dict[str, Any] = yaml.safe_load((EVENTS / "asyncapi.yaml").read_text())
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
_REQUESTS = {"exportRequested": "export-request", "fleetRequested": "fleet-request"}


def payload(message: str) -> dict[str, Any]:
    return dict(MESSAGES[message]["payload"]["schema"])


def test_the_description_of_events_is_a_document_of_asyncapi() -> None:
    specification = ENVIRONMENTS / "node/node_modules/@asyncapi/specs/schemas/3.0.0.json"
    validator = Draft7Validator(json.loads(specification.read_text()))
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    assert list(validator.iter_errors(DOCUMENT | {"channels": []}))


def test_the_asyncapi_document_describes_every_event_that_is_sent_or_starts_something() -> None:
    sent = {
        name
        for machine in (EXPORT_REPORT, EXPORT_FLEET)
        for name in re.findall("DetailType: (.+)", machine.read_text())
    }
    started = {
        name
        for rule in resources_of("AWS::Events::Rule").values()
        for name in rule["Properties"].get("EventPattern", {}).get("detail-type", [])
    }
    titles = {message["title"] for message in MESSAGES.values()}
    assert titles == sent | {COMPARED, SECURITY_EVENT_DETECTED} | started


def test_every_message_is_on_the_bus() -> None:
    bus = DOCUMENT["channels"]["bus"]["messages"]
    assert bus == {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES}


@pytest.mark.parametrize("name", sorted(MESSAGES.keys() - _REQUESTS))
def test_what_is_sent_is_the_sample_in_its_envelope(name: str) -> None:
    schema = payload(name)
    detail = schema["allOf"][1]["properties"]["detail"]["$ref"].removesuffix(".schema.json")
    event = sample("envelope") | {"detail-type": MESSAGES[name]["title"], "detail": sample(detail)}
    assert faults(schema, event) == []
    assert faults(schema, event | {"detail-type": "Another One"})
    assert faults(schema, event | {"detail": {}})


@pytest.mark.parametrize(("name", "request_"), _REQUESTS.items())
def test_what_is_received_is_a_request(name: str, request_: str) -> None:
    event = {"detail-type": MESSAGES[name]["title"], "detail": sample(request_)}
    assert faults(payload(name), event) == []
    assert faults(payload(name), event | {"detail": {"unknown": 1}})
