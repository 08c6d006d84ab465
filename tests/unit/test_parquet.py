"""A report's Parquet holds what Python's own readers read, cell by cell."""

import csv
import gzip
import io
import json
import random
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pingone_reports.errors import InvalidReport
from pingone_reports.parquet import Cell, report_to_parquet, row_to_parquet
from tests.unit.csv_dialects import DIALECTS

_HOSTILE = ('"', ",", "\n", "\r\n", "\r", "\\", "'", "\t", ";", "#", " ", "NULL", "é山🦊", "\u2028")
_FIELDS = ("userId", 'Überschrift, "quoted"', "deviceId", "order", "a'b")


def _csv(rows: Sequence[Sequence[str]], line_end: str, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()


def _as_python_reads(data: bytes) -> list[list[str]]:
    csv.field_size_limit(2**31 - 1)
    return list(csv.reader(io.StringIO(data.decode(), newline="")))


def _tabulated(
    data: bytes, name: str, folder: Path, **constants: str | int
) -> tuple[list[str], list[list[Any]]]:
    """The columns and rows of the Parquet file that a report becomes."""
    report, parquet = folder / name, folder / "parquet"
    report.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    rows = report_to_parquet(report, "csv" if ".csv" in name else "json", constants, parquet)
    columns, read = _read(parquet)
    assert rows == len(read)
    return columns, read


def _read(parquet: Path) -> tuple[list[str], list[list[Any]]]:
    with duckdb.connect() as database:
        database.execute("SELECT * FROM read_parquet($path)", {"path": str(parquet)})
        columns = [column[0] for column in database.description or []]
        return columns, [list(row) for row in database.fetchall()]


@pytest.mark.parametrize("name", ["devices.csv", "devices.csv.gz"])
@pytest.mark.parametrize(("line_end", "quoting"), DIALECTS)
def test_every_cell_of_a_hostile_csv(
    tmp_path: Path, name: str, line_end: str, quoting: int
) -> None:
    random_ = random.Random(7)
    rows = [
        ["".join(random_.choices(_HOSTILE, k=random_.randrange(6))) for _ in _FIELDS]
        for _ in range(5_000)
    ]
    rows[5][1], rows[6][2], rows[4_000][0] = "long" * 300_000, '"' * 200_000, "\n" * 300_000
    data = _csv([_FIELDS, *rows], line_end, quoting)

    columns, read = _tabulated(data, name, tmp_path)

    assert [columns, *read] == _as_python_reads(data) == [list(_FIELDS), *rows]


@settings(deadline=None, max_examples=50)
@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"))] * 2),
        max_size=5,
    )
)
def test_any_two_columns_of_text(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]
) -> None:
    data = _csv([("a", "b"), *rows], "\r\n")

    columns, read = _tabulated(data, "report.csv", tmp_path_factory.mktemp("parquet"))

    assert [columns, *read] == _as_python_reads(data)


def test_the_constants_come_first_and_stay_text(tmp_path: Path) -> None:
    columns, read = _tabulated(b"a\r\n1\r\n", "x.csv", tmp_path, export_id="it's", records=3)

    assert columns == ["export_id", "records", "a"]
    assert read == [["it's", 3, "1"]]


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    assert _tabulated(b"\xef\xbb\xbfa,b\n1,2\n", "x.csv", tmp_path) == (["a", "b"], [["1", "2"]])


def test_a_report_without_rows(tmp_path: Path) -> None:
    assert _tabulated(b"a,b\r\n", "x.csv", tmp_path) == (["a", "b"], [])


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"a,b\r\n1\r\n", id="a short row"),
        pytest.param(b"a,b\r\n1,2,3\r\n", id="a long row"),
        pytest.param(b"a,a\r\n1,2\r\n", id="a name twice"),
        pytest.param(b"a,b\r\n1,\xff\r\n", id="no UTF-8"),
    ],
)
def test_a_csv_that_is_no_table(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InvalidReport) as raised:
        _tabulated(data, "x.csv", tmp_path)

    assert "1" not in str(raised.value)


_RECORDS = [
    {"userId": "u1", "name": 'Zoë\n"Z"', "order": 1, "blocked": False, "nothing": None},
    {"userId": "u2", "name": "", "late": {"a": [1, "é"]}},
]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(json.dumps(_RECORDS), id="a list"),
        pytest.param(json.dumps(_RECORDS, indent=2), id="an indented list"),
        pytest.param("\n".join(map(json.dumps, _RECORDS)) + "\n", id="lines"),
        pytest.param(json.dumps({"size": 2, "entries": _RECORDS}), id="an object"),
        pytest.param(
            json.dumps({"_embedded": {"tags": [1], "entries": _RECORDS}}, indent=2), id="nested"
        ),
    ],
)
@pytest.mark.parametrize("name", ["devices.json", "devices.json.gz"])
def test_every_shape_of_json(tmp_path: Path, data: str, name: str) -> None:
    columns, read = _tabulated(data.encode(), name, tmp_path)

    assert [dict(zip(columns, row, strict=True)) for row in read] == [
        {"userId": "u1", "name": 'Zoë\n"Z"', "order": "1", "blocked": "false", "nothing": ""}
        | {"late": ""},
        {"userId": "u2", "name": "", "order": "", "blocked": "", "nothing": ""}
        | {"late": '{"a":[1,"é"]}'},
    ]


@pytest.mark.parametrize("data", ["[]", '{"entries": []}'])
def test_json_without_records(tmp_path: Path, data: str) -> None:
    assert _tabulated(data.encode(), "x.json", tmp_path, a="b") == (["a"], [])


@pytest.mark.parametrize("data", ["", "[1, 2]", '[{"a": 1}', "<html>"])
def test_json_that_is_no_table(tmp_path: Path, data: str) -> None:
    with pytest.raises(InvalidReport):
        _tabulated(data.encode(), "x.json", tmp_path)


def test_the_same_report_makes_the_same_file(tmp_path: Path) -> None:
    data = _csv([("a", "b"), *((str(row), "x" * (row % 50)) for row in range(50_000))], "\n")
    files = []
    for _ in range(2):
        _tabulated(data, "x.csv", tmp_path)
        files.append((tmp_path / "parquet").read_bytes())

    assert files[0] == files[1]


def test_a_row(tmp_path: Path) -> None:
    row: dict[str, Cell] = {"export_id": "e'1", "records": 2**40, "date": date(2026, 3, 1)}

    row_to_parquet(row, tmp_path / "parquet")

    assert _read(tmp_path / "parquet") == (list(row), [list(row.values())])
