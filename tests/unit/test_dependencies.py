"""What Lambda brings by itself may be older than what is locked."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_oldest_botocore_that_is_tested_is_the_one_that_is_asked_for() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    (bound,) = (
        re.findall(r"^boto3>=([\d.]+)$", item)[0] for item in groups["runtime"] if "boto3" in item
    )
    assert groups["oldest"] == [f"boto3=={bound}", f"botocore=={bound}"]
    locked = (ROOT / "local" / "requirements" / "oldest.txt").read_text()
    assert f"\nbotocore=={bound} " in locked
    assert re.search(r"^test:.* oldest\b", (ROOT / "Makefile").read_text(), re.MULTILINE)
