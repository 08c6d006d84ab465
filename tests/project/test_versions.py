"""The project has one version."""

import re
import tomllib

from local.paths import ROOT


def test_the_changelog_begins_with_the_projects_version_and_its_date() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    headings = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    released = [heading for heading in headings if heading != "Unreleased"]
    assert re.fullmatch(re.escape(version) + r" - \d{4}-\d{2}-\d{2}", released[0])
