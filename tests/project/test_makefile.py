"""The commands are listed, are what git's hooks run, and run on Linux and macOS."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from local.paths import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
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


def test_help_lists_every_command() -> None:
    phony = re.search(r"^\.PHONY:((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE)
    assert phony
    listed = subprocess.run(
        ["make", "--silent", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    shown = [line.split(maxsplit=1) for line in listed.splitlines()]
    assert {name for name, _ in shown} == set(phony[1].replace("\\", "").split())
    assert all(words[1] for words in shown)


def test_git_hooks_are_the_parts_of_make_check() -> None:
    checked = re.search(r"^check:(.*?)##", MAKEFILE, re.MULTILINE)
    assert checked
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    hooks = repository["hooks"]
    assert [hook["id"] for hook in hooks] == checked[1].split()
    assert all(hook["entry"].split() == ["make", "--silent", hook["id"]] for hook in hooks)


@pytest.mark.parametrize("makefile", MAKEFILES, ids=lambda path: str(path.relative_to(ROOT)))
@pytest.mark.parametrize("trap", TRAPS)
def test_makefiles_use_nothing_that_macos_lacks(makefile: Path, trap: str) -> None:
    found = [line for line in makefile.read_text().splitlines() if re.search(TRAPS[trap], line)]
    assert found == []
