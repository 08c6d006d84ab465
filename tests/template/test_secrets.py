"""No file of git holds a client secret of PingOne, not even where scanners do not look."""

import random
import re
import string
import subprocess

import pytest

from local.paths import ROOT

# 64 letters, digits and -._~, as PingOne makes them. Scanners skip comments and blocks in YAML.
_FORM = re.compile(r"(?<![\w.~-])[\w.~-]{64}(?![\w.~-])")


def client_secrets(text: str) -> list[str]:
    """What looks like one: hashes have no capitals, names no digits."""
    text = re.sub(r"sha512-\S+", "", text)  # of npm's packages
    kinds = (str.isupper, str.islower, str.isdigit)
    return [word for word in _FORM.findall(text) if all(any(map(kind, word)) for kind in kinds)]


def test_no_file_holds_one() -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [ROOT / name for name in listed.stdout.split("\0") if name]
    assert ROOT / "README.md" in files
    found = [
        file.name
        for file in files
        if file.exists() and client_secrets(file.read_text(errors="replace"))
    ]
    assert found == []


@pytest.mark.parametrize("around", ["# it is {}", '"clientSecret": "{}"', "SECRET={}\n", "({})"])
def test_a_secret_would_be_found(around: str) -> None:
    letters = string.ascii_letters + string.digits + "-._~"
    made = "aB3" + "".join(random.Random(1).choices(letters, k=61))
    assert client_secrets(around.format(made)) == [made]
