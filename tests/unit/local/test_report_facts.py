"""A report's file is described without what it says."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from local.report_facts import WITHHELD, csv_facts, json_facts
from pingone_reports.model.fields import FIELDS

CANARY = "canary"


def _csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def _json(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def _record(number: int) -> dict[str, Any]:
    """A record with canaries in all values, and in keys of a map as a tenant's may be."""
    return {name: f"{CANARY} {name} {number}" for name in FIELDS} | {
        "somethingNew": f"{CANARY}-{number}",
        "nested": {"id": CANARY, f"{CANARY}{number}": CANARY},
        "byUser": {f"{CANARY}{number}@example.com": {f"{CANARY}": True}},
        f"{CANARY} key": [CANARY, {f"{CANARY}{number}": CANARY}],
    }


@pytest.mark.parametrize("records", [1, 50])
def test_no_value_and_no_key_that_is_a_value_is_told(tmp_path: Path, records: int) -> None:
    rows = [[f"{CANARY} {name} {number}" for name in FIELDS] for number in range(records)]
    table = _csv(tmp_path / "report.csv", [[*FIELDS], *rows])
    every = [_record(number) for number in range(records)]
    found = [csv_facts(table, whole=True)]
    for document in (
        every,
        {"entries": every},
        {CANARY: every},
        {f"{CANARY}{number}": record for number, record in enumerate(every)},
        every[0],
    ):
        found.append(json_facts(_json(tmp_path / "report.json", document), set(FIELDS)))
    lines = tmp_path / "lines.json"
    lines.write_text("\n".join(map(json.dumps, every)))
    found.append(json_facts(lines, set(FIELDS)))

    assert CANARY not in json.dumps(found).lower()
    assert all(file["encoding"] == "utf-8" for file in found)


def test_values_are_told_of_closed_lists_alone_and_counts_are_rounded(tmp_path: Path) -> None:
    header = ["userId", "deviceType", "deviceStatus", "mfaEnabled", "osType"]
    rows = [["u", "FIDO2", "ACTIVE", "true", "IOS"]] * 123
    rows += [["u", "Ada Lovelace", "CANARY", "maybe", "IOS"]] * 3
    facts = csv_facts(_csv(tmp_path / "r.csv", [header, *rows]), whole=True)
    assert [column.get("values") for column in facts["columns"]] == [
        None,
        {"FIDO2": "about 100", "(others)": "fewer than 10"},
        {"ACTIVE": "about 100", "(others)": "fewer than 10"},
        {"true": "about 100", "(others)": "fewer than 10"},
        None,
    ]
    assert facts["recordsLookedAt"] == "100 to 999"


@pytest.mark.parametrize("row", [["ada", "Lovelace"], ["ada", "EMAIL", "Phone"], []])
def test_a_first_row_that_may_be_somebodys_is_no_header(tmp_path: Path, row: list[str]) -> None:
    facts = csv_facts(_csv(tmp_path / "r.csv", [row, row]), whole=True)
    assert not facts["hasHeader"]
    assert {column["name"] for column in facts["columns"]} <= {WITHHELD}


def test_a_name_is_told_if_most_records_have_it(tmp_path: Path) -> None:
    records = [
        {"userId": "u", "device": {"isNew": 1}} | ({f"ada{number}": 1} if number else {})
        for number in range(30)
    ]
    facts = json_facts(_json(tmp_path / "r.json", records), ())
    assert facts["names"] == {
        "userId": ["string"],
        "device": ["object"],
        "device.isNew": ["number"],
    }
    assert facts["withheldNames"] == "about 30"
