"""A report's Parquet holds what Python's own readers read, cell by cell."""

import csv
import gzip
import io
import json
import random
import tracemalloc
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pingone_reports.errors import InvalidReport, ReportTooLarge
from pingone_reports.tables import json_rows
from pingone_reports.tables import parquet as parquet_of_reports
from pingone_reports.tables.database import Cell, Unknown, open_database
from pingone_reports.tables.parquet import (
    Rows,
    repeated_values,
    report_to_parquet,
    row_to_parquet,
)
from pingone_reports.tables.report_text import create_text
from pingone_reports.transfer.records import record_counter
from tests.support.csv_dialects import DIALECTS

_HOSTILE = ('"', ",", "\n", "\r\n", "\r", "\\", "'", "\t", ";", "#", " ", "NULL", "é山🦊", "\u2028")
_FIELDS = ["userid", 'überschrift, "quoted"', "deviceid", "order", "a'b"]
_NAMES = ("x.csv", "x.csv.gz")


def _csv(rows: Sequence[Sequence[str]], line_end: str, quoting: int = csv.QUOTE_MINIMAL) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue().encode()


def _write(
    data: bytes, name: str, folder: Path, asked: Sequence[str] = (), **constants: Cell
) -> Rows:
    """Let a report become the Parquet file of a folder."""
    report = folder / name
    report.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with open_database(folder) as database:
        return report_to_parquet(
            database, report, name.split(".")[1], constants, folder / "parquet", asked
        )


def _read(folder: Path) -> list[list[Any]]:
    """The columns and the rows of the Parquet file of a folder."""
    with duckdb.connect() as database:
        database.execute("SELECT * FROM read_parquet($path)", {"path": str(folder / "parquet")})
        columns = [column[0] for column in database.description or []]
        return [columns, *map(list, database.fetchall())]


def _tabulated(data: bytes, name: str, folder: Path, **constants: Cell) -> list[list[Any]]:
    """What a report becomes, which has as many rows as were counted when it landed."""
    counter = record_counter("csv" if ".csv" in name else "json")
    counter.update(data)
    rows, read = _write(data, name, folder, (), **constants), _read(folder)
    assert counter.finish() == rows.number == len(read) - 1
    return read


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize(("line_end", "quoting"), DIALECTS)
def test_every_cell_of_a_hostile_csv_is_what_python_reads(
    tmp_path: Path, name: str, line_end: str, quoting: int
) -> None:
    random_ = random.Random(7)
    rows = [
        ["".join(random_.choices(_HOSTILE, k=random_.randrange(6))) for _ in _FIELDS]
        for _ in range(5_000)
    ]
    rows[5][1], rows[6][2], rows[4_000][0] = "long" * 300_000, '"' * 200_000, "\n" * 300_000
    data = _csv([_FIELDS, *rows], line_end, quoting)

    csv.field_size_limit(2**31 - 1)
    as_python_reads = list(csv.reader(io.StringIO(data.decode(), newline="")))
    assert _tabulated(data, name, tmp_path) == as_python_reads == [_FIELDS, *rows]


_A_B = [["a", "b"], ["1", "2"], ["3", "4"]]
_QUOTED_ENDS = [["a\n", "b\r"], ["\r\n", "1"], ["\n\r", "2\r"]]


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize(
    ("data", "rows"),
    [
        pytest.param(b"a,b\n1,2\r\n3,4\r\n", _A_B, id="a header with a line feed alone"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\n", _A_B, id="a last row with a line feed alone"),
        pytest.param(b"a,b\r\n1,2\r\n3,4", _A_B, id="a last row without an end"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\r\n\r\n", _A_B, id="a blank line at the end"),
        pytest.param(b"a,b\n1,2\n\n\n3,4\n\n\n", _A_B, id="several blank lines"),
        pytest.param(b"a,b\r1,2\r3,4\r", _A_B, id="returns alone"),
        pytest.param(b'a,b\r"1",2\r3,4', _A_B, id="returns alone, and none at the end"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n3,4\n", _A_B, id="a byte order mark"),
        pytest.param(b'\xef\xbb\xbf"a","b"\n"1","2"\n3,4\n', _A_B, id="a mark and a quote"),
        pytest.param(b'a, "b"\n"1" ,2\n3,  "4"  \n', _A_B, id="spaces around quotes"),
        pytest.param(b"a\n 1 \n", [["a"], [" 1 "]], id="spaces around a value"),
        pytest.param(b"a,b\r\n", [["a", "b"]], id="no rows"),
        pytest.param(b"a,\r\n1,\r\n", [["a", "column_2"], ["1", ""]], id="a comma at each end"),
        *(
            pytest.param(_csv(_QUOTED_ENDS, end, csv.QUOTE_ALL), _QUOTED_ENDS, id=f"quoted {end!r}")
            for end in ("\n", "\r\n", "\r")
        ),
    ],
)
def test_a_dialect_of_csv_has_its_rows(
    tmp_path: Path, data: bytes, rows: list[list[str]], name: str
) -> None:
    assert _tabulated(data, name, tmp_path) == rows


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n", id="a blank line"),
        pytest.param(b"\na\n", id="a blank line first"),
        pytest.param(b"a,b\r\n1,2\r3,4\r\n", id="a return alone among others"),
        pytest.param(b"a,b\n1,2,\n", id="a comma at the end of a row"),
        pytest.param(b'a,b\n1,2"\n', id="a quote in a value without quotes"),
        pytest.param(b'a,b\n1,"2', id="an open quote"),
        pytest.param(b"," * 1_000 + b"\n", id="too many columns"),
        pytest.param(b"a,b\n1," + b"x" * 4_000_000, id="a row without end"),
        pytest.param(b"a,b\r\n1\r\n", id="a short row"),
        pytest.param(b"a,b\r\n1,2,3\r\n", id="a long row"),
        pytest.param(b'a,b\r\n1,"2"x\r\n', id="a text behind a quote"),
    ],
)
def test_a_csv_that_is_no_table_is_refused_when_it_lands_and_when_it_is_tabulated(
    tmp_path: Path, data: bytes
) -> None:
    counter = record_counter("csv")
    counter.update(data)
    with pytest.raises(InvalidReport, match="JSON"):
        counter.finish()
    with pytest.raises(InvalidReport) as raised:
        _write(data, "x.csv", tmp_path)
    assert "1,2" not in str(raised.value)


def _document(records: Sequence[Mapping[str, str]], shape: str) -> bytes:
    """Records, whose values are JSON already, in a file of this shape."""
    texts = [
        "{" + ", ".join(f"{json.dumps(name)}:{value}" for name, value in record.items()) + "}"
        for record in records
    ]
    listed = f"[{' , '.join(texts)}]"
    return {
        "list": listed,
        "lines": "".join(f"{text}\n" for text in texts),
        "concatenated": " ".join(texts),
        "object": f'{{"warnings": [], "size": 1e2, "entries" : {listed}, "next": null}}',
        "nested": f'{{"a": {{"b": ["]}}"], "c": {{"records": {listed}}}}}, "d": [[1]]}}',
    }[shape].encode()


_SHAPES = ("list", "lines", "concatenated", "object", "nested")
_NUMBERS = ("1.10", "1e5", "-0", "1e999", "-12345678901234567890.0", "98765432109876543210", "NaN")
_OTHERS = ("true", "false", '{"a": [1.10,\n"\\u00e9"]}', "[]")


@pytest.mark.parametrize("shape", _SHAPES)
def test_a_json_value_is_the_text_that_it_was(tmp_path: Path, shape: str) -> None:
    values = {f"value {number}": value for number, value in enumerate((*_NUMBERS, *_OTHERS))}
    record = {"id": '"1"', **values, "text": '"2.50"', "nothing": "null"}
    row = {"id": "1", **values, "text": "2.50", "nothing": ""}
    read = _tabulated(_document([record, record], shape), "x.json", tmp_path)
    assert read == [[*row], [*row.values()], [*row.values()]]


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner | _TEXTS, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)
_RECORDS = st.sampled_from([_TEXTS, _VALUES | _TEXTS]).flatmap(
    lambda values: st.lists(
        st.dictionaries(st.sampled_from("abcde"), values, min_size=1), min_size=2, max_size=5
    )
)


@settings(deadline=None, max_examples=25)
@given(
    _RECORDS,
    st.sampled_from(_SHAPES),
    st.sampled_from([b"", b"\xef\xbb\xbf"]),
    st.integers(1, 30),
    st.sampled_from(["x.json", "x.json.gz"]),
)
def test_any_json_is_read_in_any_shape_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[dict[str, Any]],
    shape: str,
    mark: bytes,
    chunk: int,
    name: str,
) -> None:
    texts = [{name: json.dumps(value) for name, value in record.items()} for record in records]
    data = mark + _document(texts, shape)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "_CHUNK", chunk)
        columns, *read = _tabulated(data, name, tmp_path_factory.mktemp("parquet"))

    expected = [
        {
            name: value if isinstance(value, str) else "" if value is None else json.dumps(value)
            for name, value in {**dict.fromkeys(columns), **record}.items()
        }
        for record in records
    ]
    assert [dict(zip(columns, row, strict=True)) for row in read] == expected


_ODD = '\'; "drop" {é}\n' + "x" * 10_000


@pytest.mark.parametrize(
    ("data", "columns", "rows"),
    [
        ("[]", [], []),
        ('{"warnings": ["none"], "entries": [ ]}', [], []),
        *((nothing, [], []) for nothing in ("", "\n", "\ufeff")),
        ("[{}, {}]", [], [[], []]),
        ('{"entries": [{}, {}]}', [], [[], []]),
        ('{\n  "a": "1"\n}\n', ["a"], [["1"]]),
        ('\ufeff[{"a": "1"}]', ["a"], [["1"]]),
        *(
            (
                json.dumps([{"a": text, "b": 1}, {"a": "2", "b": []}]),
                ["a", "b"],
                [[text, "1"], ["2", "[]"]],
            )
            for text in ("\r", "a\rb", "\r\n", "\n", "\n\r")
        ),
        # Of several lists, the records are those that were counted.
        ('{"a": {"b": [{"x": "0"}]}, "c": [{"x": "1"}]}', ["x"], [["1"]]),
        ('{"a": [{"x": "1"}], "b": [{"x": "2"}]}', ["x"], [["1"], ["2"]]),
        ('[[{"x": "1"}], [{"x": "2"}]]', ["x"], [["1"], ["2"]]),
        ('[{"x": "1", "y": [{"x": "2"}]}]', ["x", "y"], [["1", '[{"x": "2"}]']]),
        # Each column has a name of its own, and beside constants another one.
        ('[{"Device ID":"1","user_id":"2"}]', ["deviceid", "userid"], [["1", "2"]]),
        ('[{"a":"1"},{"A":"2"}]', ["a", "a_1"], [["1", ""], ["", "2"]]),
        ('[{"a":1},{"A":2}]', ["a", "a_1"], [["1", ""], ["", "2"]]),
        (
            '[{"":1,"date":"2","Export_ID":3}]',
            ["column_1", "date_1", "export_id_1"],
            [["1", "2", "3"]],
        ),
        (r'[{"\ud800":1}]', ["\ufffd"], [["1"]]),
        (json.dumps([{_ODD: "1"}]), [_ODD], [["1"]]),
        (json.dumps([{_ODD: 1}]), [_ODD], [["1"]]),
    ],
)
def test_a_file_of_json_has_its_columns_and_rows(
    tmp_path: Path, data: str, columns: list[str], rows: list[list[str]]
) -> None:
    read = _tabulated(data.encode(), "x.json", tmp_path, export_id="it's")
    assert read == [["export_id", *columns], *(["it's", *row] for row in rows)]


def test_a_list_in_an_object_is_not_held_in_memory(tmp_path: Path) -> None:
    records = ",".join(json.dumps({"userId": str(row) * 80}) for row in range(40_000))
    data = f'{{"entries": [{records}]}}'.encode()
    assert len(data) > 15_000_000
    report = tmp_path / "devices.json.gz"
    report.write_bytes(gzip.compress(data))
    del records, data

    tracemalloc.start()
    try:
        with open_database(tmp_path) as database:
            rows = report_to_parquet(database, report, "json", {}, tmp_path / "parquet")
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert rows.number == 40_000
    assert most < 10_000_000


_DEEP = "[" * 200_000 + "]" * 200_000
_LONG = "x" * 17_000_000


@pytest.mark.parametrize(
    "data",
    [
        pytest.param("[1, 2]", id="no objects"),
        pytest.param('[{"a": 1}', id="cut off"),
        pytest.param("<html>", id="no JSON"),
        pytest.param('[{"a": 1}, 2]', id="another item behind"),
        pytest.param('{"b": [2, {"a": 1}]}', id="another item before"),
        pytest.param('{"b": [{"a": 1} {"a": 1}]}', id="no comma"),
        pytest.param('{"b": [{"a": 1},]}', id="a comma too many"),
        pytest.param('{"b": [{"a": 1}] "c": 1}', id="no comma around"),
        pytest.param('{"b": [{"a": 1}]} 1', id="something behind"),
        pytest.param('{"a": 1}, {"a": 1}', id="something between lines"),
        pytest.param('{"a": 1}{"a": 1} x', id="something behind lines"),
        pytest.param('[{"a": None}]', id="not a value"),
        pytest.param('[{"a": 01}]', id="not quite a number"),
        pytest.param('[{"a": 1, "a": 2}]', id="a number's name twice"),
        pytest.param('[{"a": "1", "a": "2"}]', id="a text's name twice"),
        pytest.param(f'[{{"a": {_DEEP}}}]', id="very deep in a record"),
        pytest.param(f'{{"a": {_DEEP}, "b": [{{"c": 1}}]}}', id="very deep beside records"),
        pytest.param(json.dumps([{f"{row}": 1} for row in range(1_001)]), id="names without end"),
        pytest.param(f'[{{"a": 1, "b": "{_LONG}"}}]', id="a record without end"),
        pytest.param(f'{{"a": "{_LONG}", "b": [{{"c": 1}}]}}', id="too much around records"),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(InvalidReport):
        _write(data.encode(), "x.json", tmp_path)


@pytest.mark.parametrize(
    ("name", "data", "value", "repaired"),
    [
        ("x.json", rb'[{"a":"\ud83d","b":"\ud83e\udd8a"}]', "\ufffd", 1),
        ("x.json", rb'[{"a":"1\udc00","b":1}]', "1\ufffd", 1),
        ("x.json", b'[{"a":"z\xff","b":"\xef\xbf\xbd"}]', "z\ufffd", 1),
        ("x.json.gz", b'[{"a":"\xe5\xb1","b":"\xff"}]', "\ufffd", 2),
        ("x.csv", b"a,b\r\nz\xff,\xef\xbf\xbd\r\n", "z\ufffd", 1),
        ("x.csv.gz", b"a,b\r\n\xe5\xb1,\xff\n", "\ufffd", 2),
        ("x.csv", b'a,b\n"\xe5\xb1, ",2\xc3', "\ufffd, ", 2),
    ],
)
def test_what_is_no_text_is_replaced_and_counted_by_cells(
    tmp_path: Path, name: str, data: bytes, value: str, repaired: int
) -> None:
    rows = _write(data, name, tmp_path)
    assert rows == Rows(1, repaired)
    assert [str(repaired) in doubt for doubt in rows.doubts] == [True]
    assert _read(tmp_path)[1][0] == value


@pytest.mark.parametrize(
    ("name", "data", "read"),
    [
        ("x.json", '[{"Device ID": "1"}]', [["deviceid", "phone"], ["1", ""]]),
        ("x.json", '[{"deviceId": 1}]', [["deviceid", "phone"], ["1", ""]]),
        ("x.json", "[]", [["deviceid", "phone"]]),
        ("x.csv", "deviceId\n1\n", [["deviceid"], ["1"]]),
    ],
)
def test_json_has_a_column_for_each_field_that_was_asked_for_and_csv_those_that_it_has(
    tmp_path: Path, name: str, data: str, read: list[list[str]]
) -> None:
    _write(data.encode(), name, tmp_path, asked=["deviceId", "phone"])
    assert _read(tmp_path) == read


def test_a_full_disk_is_a_report_that_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Linux's device that is always full.
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("This system has no such device.")
    monkeypatch.setattr(parquet_of_reports, "create_text", lambda _: create_text(full))

    with pytest.raises(ReportTooLarge):
        _write(b'[{"a": 1}]', "x.json", tmp_path)


def test_the_same_report_makes_the_same_file(tmp_path: Path) -> None:
    data = _csv([("a", "b"), *((str(row), "x" * (row % 50)) for row in range(50_000))], "\n")
    files = []
    for _ in range(2):
        _write(data, "x.csv", tmp_path)
        files.append((tmp_path / "parquet").read_bytes())
    assert files[0] == files[1]


def test_a_row_is_written_with_its_types_also_of_what_is_not_known(tmp_path: Path) -> None:
    row: dict[str, Cell] = {"id": "e'1", "records": 2**40, "date": date(2026, 3, 1), "half": "?"}
    unknown = {each.name: each for each in Unknown}
    with open_database(tmp_path) as database:
        row_to_parquet(database, {**row, "half": "\ud800", **unknown}, tmp_path / "parquet")
        types = database.read_parquet(str(tmp_path / "parquet")).types
        assert [*map(str, types)][-2:] == ["VARCHAR", "BIGINT"]
    assert _read(tmp_path) == [[*row, *unknown], [*row.values(), None, None]]


@pytest.mark.parametrize(
    ("name", "values", "repeated"),
    [
        ("deviceId", [], 0),
        ("deviceid", ["a", "b"], 0),
        ("DEVICEID", ["a", "b", "a", "a"], 1),
        ("Device ID", ["a", "b", "a", "b"], 2),
        ("deviceId", ["a", "A", " a", "a "], 1),
        ("deviceId", ["", "", "a", ""], 0),
        ("deviceId", ["\n,", "\n,", '"', '"', "NULL", "NULL"], 3),
        ("userId", ["a", "a"], 0),
    ],
)
def test_a_device_id_that_comes_again_is_counted_once_whatever_its_case(
    tmp_path: Path, name: str, values: list[str], repeated: int
) -> None:
    folder = tmp_path / 'it\'s "here" * ?'
    folder.mkdir()
    _write(_csv([["a'\"b", name], *(["u", value] for value in values)], "\n"), "x.csv", folder)
    with open_database(folder) as database:
        assert repeated_values(database, folder / "parquet", "deviceId") == repeated
