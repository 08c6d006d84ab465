"""What git holds: one version, no secret of a client, and nothing that macOS lacks."""

import random
import re
import string
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from local.paths import ROOT

VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


class TestVersion:
    def test_the_template_has_the_projects_version(self) -> None:
        description = re.search("^Description: (.*)", (ROOT / "template.yaml").read_text(), re.M)
        assert description
        assert description[1].startswith(f"PingOne report exporter {VERSION} - ")

    def test_the_description_of_the_events_has_the_projects_version(self) -> None:
        described = yaml.safe_load((ROOT / "events" / "asyncapi.yaml").read_text())
        assert described["info"]["version"] == VERSION

    def test_the_changelogs_newest_release_is_the_projects_version_and_its_date(self) -> None:
        headings = re.findall(r"^## (.*)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
        released = [heading for heading in headings if heading != "Unreleased"]
        assert re.fullmatch(re.escape(VERSION) + r" - \d{4}-\d{2}-\d{2}", released[0])
        assert "Unreleased" not in headings[1:]


class TestWorkflows:
    def test_actions_are_pinned_by_their_commit_and_say_their_version(self) -> None:
        """A tag can be moved to another commit, a commit cannot."""
        files = sorted((ROOT / ".github" / "workflows").glob("*.y*ml"))
        used = [line for file in files for line in re.findall("uses: *(.*)", file.read_text())]
        assert used
        for action in used:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} +# v\d+\.\d+\.\d+", action), action


def client_secrets(text: str) -> list[str]:
    """What looks like one, also where scanners do not look: in comments, and in YAML's blocks.

    PingOne makes them of 64 letters, digits and -._~. Hashes have no capitals, names no digits.
    """
    text = re.sub(r"sha512-\S+", "", text)  # of npm's packages
    kinds = (str.isupper, str.islower, str.isdigit)
    words = re.findall(r"(?<![\w.~-])[\w.~-]{64}(?![\w.~-])", text)
    return [word for word in words if all(any(map(kind, word)) for kind in kinds)]


class TestSecrets:
    def test_no_file_holds_a_client_secret(self) -> None:
        made = "aB3" + "".join(random.Random(1).choices(string.ascii_letters + "09-._~", k=61))
        assert client_secrets(f'# it is {made}\n"clientSecret": "{made}"') == [made, made]
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        files = [ROOT / name for name in listed.stdout.split("\0") if name]
        assert ROOT / "README.md" in files
        texts = {file.name: file.read_text(errors="replace") for file in files if file.exists()}
        assert [name for name, text in texts.items() if client_secrets(text)] == []


MAKEFILES = [ROOT / "Makefile", *sorted(ROOT.glob("layers/*/Makefile"))]
# What macOS lacks: its make is 3.81, of 2006, its tools are BSD's.
TRAPS = {
    "make 3.82: .ONESHELL, .SHELLFLAGS, private, undefine": (
        r"\.ONESHELL|\.SHELLFLAGS|^private |^undefine "
    ),
    "make 3.82: define with an equals sign": r"^define .*=",
    "make 4: !=, ::=, :::=, $(file ...), $(guile ...)": r"^[\w-]+ *(!=|:{2,3}=)|\$\((file|guile) ",
    "make 4.3: grouped targets, .EXTRA_PREREQS": r"&:|\.EXTRA_PREREQS",
    "make 4.4: $(let ...), $(intcmp ...), .WAIT": r"\$\((let|intcmp) |\.WAIT",
    "GNU sed: \\t, \\n, \\+, \\|, \\w, -i, -r": r"\bsed\b.*(\\[tn+|w]| -[a-z]*[ir]\b)",
    "GNU find: -printf, -regextype, -not": r"\bfind\b.* -(printf|regextype|not)\b",
    "GNU xargs: -r, -d": r"\bxargs\b.* -[a-z0-9]*[rd]\b",
    "GNU grep: -P": r"\bgrep\b.* -[a-zA-Z]*P",
    "GNU cp: -t, -u": r"\bcp\b.* -[a-zA-Z]*[tu]\b",
    "no readlink -f, realpath, nproc, timeout, sha256sum": (
        r"\breadlink -f|(^|[\s@(])(realpath|nproc|timeout|sha256sum) "
    ),
}


@pytest.mark.parametrize("makefile", MAKEFILES, ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.parametrize("trap", TRAPS)
def test_makefiles_use_nothing_that_macos_lacks(makefile: Path, trap: str) -> None:
    found = [line for line in makefile.read_text().splitlines() if re.search(TRAPS[trap], line)]
    assert found == []
