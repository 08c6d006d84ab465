"""The project has one version."""

import re
import tomllib

import yaml

from local.paths import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_the_description_of_the_events_has_the_projects_version() -> None:
    described = yaml.safe_load((ROOT / "events" / "asyncapi.yaml").read_text())
    assert described["info"]["version"] == VERSION


def test_the_changelogs_newest_release_is_the_projects_version_and_its_date() -> None:
    headings = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert re.fullmatch(re.escape(VERSION) + r" - \d{4}-\d{2}-\d{2}", released[0])
    assert "Unreleased" not in headings[1:]
