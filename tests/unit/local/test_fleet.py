"""A fleet that is not as it should be says which environments, and why."""

from pathlib import Path
from typing import Any

import pytest

from local import fleet

NAMES = {
    "a": "Customers 01",
    "b": "Failing",
    "c": "Customers 02",
    "d": "Customers 03",
    "e": "\u202ex",
}


def _entry(id_: str, name: str, error: str | None = None) -> dict[str, Any]:
    key = f"{id_}/manifest.json"
    return {"environmentId": id_, "name": name, "error": error, "manifestKey": key}


def test_each_environment_is_named_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fleet, "_FOLDER", tmp_path)
    (tmp_path / "e").mkdir()
    (tmp_path / "e" / "manifest.json").touch()
    environments = [
        _entry("a", "Customers 01", "PingOneUnavailable"),
        _entry("b", "Failing", "ReportFailed"),
        _entry("d", "Customers 03"),
        _entry("e", " x"),
    ]
    assert list(fleet._wrong(environments, NAMES)) == [
        "The manifest lacks 'Customers 01': exported.",
        "The manifest lacks 'Customers 02': exported.",
        "The manifest has 'Customers 01': PingOneUnavailable.",
        "The bucket lacks the manifest of 'Customers 03'.",
    ]
