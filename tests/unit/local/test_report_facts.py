"""A report's file is described without what it says."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from local.report_facts import WITHHELD, csv_facts, json_facts, magnitude
from pingone_reports.model.fields import FIELDS

CANARY = "canary"


def _csv(path: Path, rows: list[list[str]], end: str = "\r\n", encoding: str = "utf-8") -> Path:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=end).writerows(rows)
    path.write_bytes(text.getvalue().encode(encoding))
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
        {"FIDO2": "100 to 999", "(others)": "1 to 9"},
        {"ACTIVE": "100 to 999", "(others)": "1 to 9"},
        {"true": "100 to 999", "(others)": "1 to 9"},
        None,
    ]
    assert facts["recordsLookedAt"] == "100 to 999"


def test_columns_are_told_with_the_forms_of_their_values(tmp_path: Path) -> None:
    rows = [
        ["userId", "newOne", "deviceId", "Last Use", "deviceOrder", "phone", "=cmd|' /C calc'!A0"],
        ["b6d6e3a4-6a5b-4c39-9a7a-0a4b8f1f4d11", "x", "", "2026-03-01T02:00:00.000Z", "1", "", ""],
        ["another one", "y", "", "2026-03-01T02:00:00Z", "", "+1.5550001", ""],
    ]
    columns = csv_facts(_csv(tmp_path / "r.csv", rows), whole=True)["columns"]
    assert [(each["name"], each["known"], each["empty"], each["forms"]) for each in columns] == [
        ("userId", True, "never", ["UUID", "text"]),
        ("newOne", False, "never", ["text"]),
        ("deviceId", True, "always", []),
        ("Last Use", False, "never", ["time with Z", "time with milliseconds and Z"]),
        ("deviceOrder", True, "some", ["number"]),
        ("phone", True, "some", ["phone number"]),
        (WITHHELD, False, "always", []),
    ]


@pytest.mark.parametrize("row", [["ada", "Lovelace"], ["ada", "EMAIL", "Phone"], []])
def test_a_first_row_that_may_be_somebodys_is_no_header(tmp_path: Path, row: list[str]) -> None:
    facts = csv_facts(_csv(tmp_path / "r.csv", [row, row]), whole=True)
    assert not facts["hasHeader"]
    assert {column["name"] for column in facts["columns"]} <= {WITHHELD}


@pytest.mark.parametrize(
    ("encoding", "end", "told"),
    [
        ("utf-8", "\n", ("utf-8", False, "\\n")),
        ("utf-8-sig", "\r\n", ("utf-8", True, "\\r\\n")),
        ("utf-16", "\r\n", ("utf-16-le", True, "\\r\\n")),
        ("latin-1", "\r", ("not utf-8", False, "\\r")),
    ],
)
def test_encoding_mark_and_line_ends_are_told(
    tmp_path: Path, encoding: str, end: str, told: tuple[str, bool, str]
) -> None:
    rows = [["userId", "username"], ["u1", "Zoë"], ["u2", "two\nlines"]]
    facts = csv_facts(_csv(tmp_path / "r.csv", rows, end, encoding), whole=True)
    assert (facts["encoding"], facts["byteOrderMark"], facts["lineEnd"]) == told
    assert [column["name"] for column in facts["columns"]] == ["userId", "username"]


def test_blank_lines_are_no_rows_and_values_may_be_long(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text(f"userId,deviceId\n\nu,{'d' * 200_000}\n\n")
    facts = csv_facts(tmp_path / "r.csv", whole=True)
    assert (facts["readable"], facts["recordsLookedAt"]) == (True, "1 to 9")


def test_the_beginning_of_a_table_is_enough(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("userId;deviceId\nu;d\nu;d\nu")
    facts = csv_facts(tmp_path / "r.csv", whole=False)
    assert facts["readable"]
    assert (facts["separator"], facts["recordsLookedAt"]) == (";", "1 to 9")


@pytest.mark.parametrize(
    ("text", "shape", "at"),
    [
        ('[{"userId": "u"}, {"userId": null}]', "array", []),
        ('{"userId": "u"}\n{"userId": null}\n', "lines", []),
        ('{"count": 2, "entries": [{"userId": "u"}, {"userId": null}]}', "object", ["entries"]),
        (
            '{"_links": {}, "tags": [1, [2]], "_embedded": {"x": "[{", '
            '"devices":\n[{"userId": "u"}, {"userId": null}, {"userI',
            "object",
            ["_embedded", "devices"],
        ),
        ('{"ada": [{"userId": "u"}, {"userId": null}]}', "object", [WITHHELD]),
    ],
)
def test_the_shape_of_json_is_told(tmp_path: Path, text: str, shape: str, at: list[str]) -> None:
    (tmp_path / "r.json").write_text(text)
    facts = json_facts(tmp_path / "r.json", ())
    assert (facts["shape"], facts["listAt"]) == (shape, at)
    assert facts["names"] == {"userId": ["null", "string"]}


@pytest.mark.parametrize("text", ["", "[", "{", "null", '"ada"', '{"a": ', "]", "}}", "[[[{"])
def test_what_is_no_report_is_described_too(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    assert json_facts(tmp_path / "r.json", ())["names"] == {}
    (tmp_path / "r.csv").write_text(text)
    assert not csv_facts(tmp_path / "r.csv", whole=True)["hasHeader"]


def test_a_name_in_json_is_told_if_it_is_known_or_a_columns(tmp_path: Path) -> None:
    record = {"userId": "u", "device": {"isNew": 1, "id": None, "ada": True}, "bob": {"id": 1}}
    facts = json_facts(_json(tmp_path / "r.json", [record] * 30), {"isNew"})
    assert facts["names"] == {
        "userId": ["string"],
        "device": ["object"],
        "device.isNew": ["number"],
        "device.id": ["null"],
    }
    assert facts["withheldNames"] == "1 to 9"


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "none"), (9, "1 to 9"), (10, "10 to 99"), (199_999, "100,000 to 999,999")],
)
def test_numbers_are_told_roughly(number: int, told: str) -> None:
    assert magnitude(number) == told
