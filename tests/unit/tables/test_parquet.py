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
from pingone_reports.transfer.records import JsonRecordCounter, record_counter
from tests.support.chunks import CUTS, cut
from tests.support.csv_dialects import DIALECTS, rows_of

_HOSTILE = ('"', ",", "\n", "\r\n", "\r", "\\", "'", "\t", ";", "#", " ", "NULL", "é山🦊", "\u2028")
_BYTES: dict[str, Any] = {"errors": "surrogateescape"}
_FIELDS = ("userid", 'überschrift, "quoted"', "deviceid", "order", "a'b")


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
    format_name = "csv" if ".csv" in name else "json"
    with open_database(folder) as database:
        rows = report_to_parquet(database, report, format_name, constants, parquet)
    counter = record_counter(format_name)
    counter.update(data)
    assert counter.finish() == rows.number
    columns, read = _read(parquet)
    assert rows.number == len(read)
    return columns, read


def _read(parquet: Path) -> tuple[list[str], list[list[Any]]]:
    with duckdb.connect() as database:
        database.execute("SELECT * FROM read_parquet($path)", {"path": str(parquet)})
        columns = [column[0] for column in database.description or []]
        return columns, [list(row) for row in database.fetchall()]


@pytest.mark.parametrize("name", ["devices.csv", "devices.csv.gz"])
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

    columns, read = _tabulated(data, name, tmp_path)

    assert [columns, *read] == _as_python_reads(data) == [list(_FIELDS), *rows]


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0"))] * 2),
        max_size=5,
    )
)
def test_any_two_columns_of_text_are_kept(
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


def test_spaces_between_a_quote_and_a_comma_belong_to_no_value(tmp_path: Path) -> None:
    data = b'a, "b, c" , d\n1, "2" , 3 \n "4","5" ,"6 "\n'

    assert _tabulated(data, "x.csv", tmp_path) == (
        ["a", "b, c", "d"],
        [["1", "2", " 3 "], ["4", "5", "6 "]],
    )


def test_a_report_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    assert _tabulated(b"a,b\r\n", "x.csv", tmp_path) == (["a", "b"], [])


_CELLS = st.lists(
    st.sampled_from([*'",\n\r a\0', "é", "\ufffd", "🦊", "\udcff", "\udce5\udcb1", "x" * 70]),
    max_size=4,
).map("".join)
_PIECES = ['"', '""', ",", "\n", "\r\n", "\r", " ", "a", "é", "\udcff", "\ufeff", "x" * 70]


@st.composite
def _csvs(draw: st.DrawFn) -> bytes:
    """A CSV in some dialect, or something like it; a lone surrogate is a byte that is no UTF-8."""
    if draw(st.booleans()):
        return "".join(draw(st.lists(st.sampled_from(_PIECES), max_size=20))).encode(**_BYTES)
    columns = draw(st.integers(1, 3))
    ends = st.sampled_from(draw(st.sampled_from([["\n"], ["\r\n"], ["\r"], ["\n", "\r\n"]])))
    spaces = st.sampled_from(draw(st.sampled_from([[""], ["", " ", "  "]])))
    text = draw(st.sampled_from(["", "\ufeff"]))
    for _ in range(draw(st.integers(1, 4))):
        cells = draw(st.lists(_CELLS, min_size=columns, max_size=columns))
        text += ",".join(
            draw(spaces) + '"' + cell.replace('"', '""') + '"' + draw(spaces)
            if not cell or set(cell) & set('",\r\n') or draw(st.booleans())
            else cell
            for cell in cells
        )
        text += draw(ends) * draw(st.sampled_from([1, 1, 1, 1, 2]))
    return text[: draw(st.sampled_from([-1, -2, None, None]))].encode(**_BYTES)


@settings(deadline=None, max_examples=120)
@given(_csvs(), CUTS, st.sampled_from(["x.csv", "x.csv.gz"]))
def test_what_is_counted_is_tabulated_cell_by_cell_in_any_dialect_and_else_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, places: list[float], name: str
) -> None:
    counter, expected = record_counter("csv"), rows_of(data)
    for chunk in cut(data, places):
        counter.update(chunk)

    if expected is None:
        with pytest.raises(InvalidReport):
            counter.finish()
        return

    assert counter.finish() == len(expected) - 1
    assert list(counter.columns) == expected[0]
    _, read = _tabulated(data, name, tmp_path_factory.mktemp("parquet"))
    assert read == expected[1:]


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"a,b\n1,2\r\n3,4\r\n", id="a header with a line feed alone"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\n", id="a last row with a line feed alone"),
        pytest.param(b"a,b\r\n1,2\r\n3,4", id="a last row without an end"),
        pytest.param(b"a,b\r\n1,2\r\n3,4\r\n\r\n", id="a blank line at the end"),
        pytest.param(b"a,b\n1,2\n\n\n3,4\n\n\n", id="several blank lines"),
        pytest.param(b"a,b\r1,2\r3,4\r", id="returns alone"),
        pytest.param(b'a,b\r"1",2\r3,4', id="returns alone, and none at the end"),
        pytest.param(b'\xef\xbb\xbf"a","b"\n"1","2"\n3,4\n', id="a byte order mark and a quote"),
        pytest.param(b'a, "b"\n"1" ,2\n3,  "4"  \n', id="spaces around quotes"),
    ],
)
def test_a_dialect_of_csv_has_its_two_rows(tmp_path: Path, data: bytes, name: str) -> None:
    assert _tabulated(data, name, tmp_path) == (["a", "b"], [["1", "2"], ["3", "4"]])


def test_a_comma_at_the_end_of_each_row_is_a_column_with_a_number(tmp_path: Path) -> None:
    assert _tabulated(b"a,\r\n1,\r\n", "x.csv", tmp_path) == (["a", "column_2"], [["1", ""]])


@pytest.mark.parametrize("name", ["x.csv", "x.csv.gz"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_newlines_in_quotes_end_no_row_even_in_the_header(
    tmp_path: Path, name: str, line_end: str
) -> None:
    rows = [["a\n", "b\r"], ["\r\n", "1"], ["\n\r", "2\r"]]
    data = _csv(rows, line_end, csv.QUOTE_ALL)

    assert _tabulated(data, name, tmp_path) == (rows[0], rows[1:])


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
        _tabulated(data, "x.csv", tmp_path)

    assert "1,2" not in str(raised.value)


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
def test_every_shape_of_json_is_read(tmp_path: Path, data: str, name: str) -> None:
    columns, read = _tabulated(data.encode(), name, tmp_path)

    first, second = (dict(zip(columns, row, strict=True)) for row in read)
    assert first == {
        **{"userid": "u1", "name": 'Zoë\n"Z"', "order": "1", "blocked": "false", "nothing": ""},
        "late": "",
    }
    late = second.pop("late")
    assert second == {"userid": "u2", "name": "", "order": "", "blocked": "", "nothing": ""}
    assert late in data
    assert json.loads(late) == {"a": [1, "é"]}


def _document(records: Sequence[Mapping[str, str]], shape: str) -> str:
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
    }[shape]


_SHAPES = ("list", "lines", "concatenated", "object", "nested")
_NUMBERS = ("1.10", "1e5", "-0", "1e999", "-12345678901234567890.0", "98765432109876543210", "NaN")
_OTHERS = ("true", "false", '{"a": [1.10,\n"\\u00e9"]}', "[]")


@pytest.mark.parametrize("shape", _SHAPES)
def test_a_json_value_is_the_text_that_it_was(tmp_path: Path, shape: str) -> None:
    values = {f"value {number}": value for number, value in enumerate((*_NUMBERS, *_OTHERS))}
    record = values | {"id": '"1"', "text": '"2.50"', "nothing": "null"}
    data = _document([record, record], shape).encode()

    columns, read = _tabulated(data, "x.json", tmp_path)

    row = values | {"id": "1", "text": "2.50", "nothing": ""}
    assert [dict(zip(columns, found, strict=True)) for found in read] == [row, row]


@pytest.mark.parametrize("text", ["\r", "a\rb", "\r\n", "\n", "\n\r"])
def test_a_return_in_the_first_value_of_json_ends_no_line(tmp_path: Path, text: str) -> None:
    records = [{"a": text, "b": 1}, {"a": "2", "b": []}]

    _, read = _tabulated(json.dumps(records).encode(), "x.json", tmp_path)

    assert read == [[text, "1"], ["2", "[]"]]


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner | _TEXTS, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=4,
)


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.dictionaries(st.sampled_from("abcde"), _VALUES | _TEXTS, min_size=1),
        min_size=2,
        max_size=5,
    ),
    st.sampled_from(_SHAPES),
    st.booleans(),
    st.integers(1, 30),
)
def test_any_json_is_read_in_any_shape_wherever_it_is_cut(
    tmp_path_factory: pytest.TempPathFactory,
    records: list[dict[str, Any]],
    shape: str,
    bom: bool,
    chunk: int,
) -> None:
    texts = [{name: json.dumps(value) for name, value in record.items()} for record in records]
    data = (b"\xef\xbb\xbf" if bom else b"") + _document(texts, shape).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "_CHUNK", chunk)
        columns, read = _tabulated(data, "x.json", tmp_path_factory.mktemp("parquet"))

    expected = [
        {
            name: value if isinstance(value, str) else "" if value is None else json.dumps(value)
            for name, value in {**dict.fromkeys(columns), **record}.items()
        }
        for record in records
    ]
    assert [dict(zip(columns, row, strict=True)) for row in read] == expected


@pytest.mark.parametrize("value", ['"1"', "1"])
@pytest.mark.parametrize("shape", _SHAPES)
def test_a_byte_order_mark_before_json_is_passed_over(
    tmp_path: Path, shape: str, value: str
) -> None:
    data = b"\xef\xbb\xbf" + _document([{"a": value}] * 2, shape).encode()

    assert _tabulated(data, "x.json", tmp_path) == (["a"], [["1"], ["1"]])


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


@pytest.mark.parametrize(
    "data",
    ["[]", '{"entries": []}', '{"warnings": ["none"], "entries": [ ]}', "", "\n", "\ufeff"],
)
def test_json_without_records_has_no_rows(tmp_path: Path, data: str) -> None:
    assert _tabulated(data.encode(), "x.json", tmp_path, a="b") == (["a"], [])


@pytest.mark.parametrize(
    ("data", "rows"),
    [
        pytest.param('{"a": {"b": [{"x": "0"}]}, "c": [{"x": "1"}]}', ["1"], id="one deeper"),
        pytest.param('{"a": [{"x": "1"}], "b": [{"x": "2"}]}', ["1", "2"], id="both as deep"),
        pytest.param('[[{"x": "1"}], [{"x": "2"}]]', ["1", "2"], id="a list of lists"),
        pytest.param('[{"x": "1", "y": [{"x": "2"}]}]', ["1"], id="one within a record"),
    ],
)
def test_records_of_several_lists_are_those_that_were_counted(
    tmp_path: Path, data: str, rows: list[str]
) -> None:
    counter = JsonRecordCounter()
    counter.update(data.encode())

    columns, read = _tabulated(data.encode(), "x.json", tmp_path)

    assert [row[columns.index("x")] for row in read] == rows
    assert counter.finish() == len(rows)


def test_one_record_of_several_lines_is_one_row(tmp_path: Path) -> None:
    assert _tabulated(b'{\n  "a": "1"\n}\n', "x.json", tmp_path) == (["a"], [["1"]])


@pytest.mark.parametrize("data", ["[{}, {}]", '{"entries": [{}, {}]}'])
def test_records_without_values_are_rows(tmp_path: Path, data: str) -> None:
    assert _tabulated(data.encode(), "x.json", tmp_path, a="b") == (["a"], [["b"], ["b"]])


_DEEP = "[" * 200_000 + "]" * 200_000


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
        pytest.param(
            json.dumps([{f"name {row}": 1} for row in range(1_001)]), id="names without end"
        ),
        pytest.param(f'[{{"a": 1, "b": "{"x" * 17_000_000}"}}]', id="a record without end"),
        pytest.param(
            f'{{"a": "{"x" * 17_000_000}", "b": [{{"c": 1}}]}}', id="too much around records"
        ),
    ],
)
def test_json_that_is_no_table_is_refused(tmp_path: Path, data: str) -> None:
    with pytest.raises(InvalidReport):
        _tabulated(data.encode(), "x.json", tmp_path)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.csv", 'report,"x, y",Environment\r\n1,2,3\r\n'),
        ("x.json", '[{"report": "1", "x, y": "2", "Environment": "3"}]'),
        ("x.json", '[{"report": 1, "x, y": 2, "Environment": 3}]'),
    ],
)
def test_a_column_named_as_a_constant_is_kept_beside_it(
    tmp_path: Path, name: str, data: str
) -> None:
    columns, read = _tabulated(data.encode(), name, tmp_path, report="r", environment="e")

    assert dict(zip(columns, read[0], strict=True)) == {
        **{"report": "r", "environment": "e"},
        **{"report_1": "1", "x, y": "2", "environment_1": "3"},
    }


@pytest.mark.parametrize(
    ("name", "data", "columns"),
    [
        ("x.json", '[{"Device ID":"1","user_id":"2"}]', ["deviceid", "userid"]),
        ("x.json", '[{"Device ID":1,"user_id":2}]', ["deviceid", "userid"]),
        ("x.csv", "a,A,a_1,a\n1,2,3,4\n", ["a", "a_1", "a_1_1", "a_2"]),
        ("x.json", '[{"a":"1"},{"A":"2"}]', ["a", "a_1"]),
        ("x.json", '[{"a":1},{"A":2}]', ["a", "a_1"]),
        ("x.csv", "date,a,\n1,2,\n", ["date_1", "a", "column_3"]),
        ("x.json", '[{"":"1","date":"2"}]', ["column_1", "date_1"]),
        ("x.json", '[{"":1}]', ["column_1"]),
        ("x.json", r'[{"\ud800":1}]', ["\ufffd"]),
        ("x.csv", "u\0,b\n1,2\n", ["u\ufffd", "b"]),
    ],
)
def test_known_fields_have_their_names_and_no_column_another_ones(
    tmp_path: Path, name: str, data: str, columns: list[str]
) -> None:
    found, read = _tabulated(data.encode(), name, tmp_path)

    assert sorted(found) == sorted(columns)
    assert len(read[0]) == len(columns)


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
    report, parquet = tmp_path / name, tmp_path / "parquet"
    report.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    with open_database(tmp_path) as database:
        rows = report_to_parquet(database, report, name.split(".")[1], {}, parquet)

    assert rows == Rows(1, repaired)
    assert [str(repaired) in doubt for doubt in rows.doubts] == [True]
    assert _read(parquet)[1][0][0] == value


@pytest.mark.parametrize("data", ['[{"Device ID": "1"}]', '[{"deviceId": 1}]', "[]"])
def test_json_has_a_column_for_each_field_that_was_asked_for(tmp_path: Path, data: str) -> None:
    report, parquet = tmp_path / "x.json", tmp_path / "parquet"
    report.write_text(data)
    with open_database(tmp_path) as database:
        report_to_parquet(database, report, "json", {}, parquet, asked=["deviceId", "phone"])

    assert _read(parquet) == (["deviceid", "phone"], [] if data == "[]" else [["1", ""]])


def test_a_csv_has_no_column_that_it_lacks(tmp_path: Path) -> None:
    report, parquet = tmp_path / "x.csv", tmp_path / "parquet"
    report.write_text("deviceId\n1\n")
    with open_database(tmp_path) as database:
        report_to_parquet(database, report, "csv", {}, parquet, asked=["deviceId", "phone"])

    assert _read(parquet) == (["deviceid"], [["1"]])


def test_a_full_disk_is_a_report_that_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Linux's device that is always full.
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("This system has no such device.")
    monkeypatch.setattr(parquet_of_reports, "create_text", lambda _: create_text(full))

    with pytest.raises(ReportTooLarge):
        _tabulated(b'[{"a": 1}]', "x.json", tmp_path)


@pytest.mark.parametrize("value", ['"1"', "1"])
def test_a_json_name_may_be_long_and_odd(tmp_path: Path, value: str) -> None:
    name = '\'; "drop" {é}\n' + "x" * 10_000
    data = json.dumps([{name: json.loads(value)}]).encode()

    assert _tabulated(data, "x.json", tmp_path) == ([name], [["1"]])


def test_the_same_report_makes_the_same_file(tmp_path: Path) -> None:
    data = _csv([("a", "b"), *((str(row), "x" * (row % 50)) for row in range(50_000))], "\n")
    files = []
    for _ in range(2):
        _tabulated(data, "x.csv", tmp_path)
        files.append((tmp_path / "parquet").read_bytes())

    assert files[0] == files[1]


def test_a_row_is_written_with_its_types(tmp_path: Path) -> None:
    row: dict[str, Cell] = {"export_id": "e'1", "records": 2**40, "date": date(2026, 3, 1)}

    with open_database(tmp_path) as database:
        row_to_parquet(database, row, tmp_path / "parquet")

    assert _read(tmp_path / "parquet") == (list(row), [list(row.values())])


def test_a_row_of_half_a_character_is_written(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        row_to_parquet(database, {"filter": "\ud800 it"}, tmp_path / "parquet")

    assert _read(tmp_path / "parquet") == (["filter"], [["? it"]])


def test_what_is_not_known_has_the_type_of_its_column(tmp_path: Path) -> None:
    with open_database(tmp_path) as database:
        row_to_parquet(database, {each.name: each for each in Unknown}, tmp_path / "parquet")
        read = database.read_parquet(str(tmp_path / "parquet"))
        assert list(map(str, read.types)) == ["VARCHAR", "BIGINT"]

    assert _read(tmp_path / "parquet")[1] == [[None, None]]


class TestRepeatedValues:
    def count(self, folder: Path, data: str, column: str = "deviceId") -> int:
        """How many values the Parquet of this CSV repeats."""
        _tabulated(data.encode(), "devices.csv", folder)
        with open_database(folder) as database:
            return repeated_values(database, folder / "parquet", column)

    @pytest.mark.parametrize(
        ("values", "repeated"),
        [
            ([], 0),
            (["a"], 0),
            (["a", "b"], 0),
            (["a", "b", "a", "a"], 1),
            (["a", "b", "a", "b"], 2),
            (["a", "A", " a", "a "], 1),
            (["", "", "a", ""], 0),
            (["\n,", "\n,", '"', '"', "NULL", "NULL"], 3),
        ],
    )
    def test_a_value_that_comes_again_is_counted_once_whatever_its_case(
        self, tmp_path: Path, values: list[str], repeated: int
    ) -> None:
        rows = [["userId", "deviceId"], *(["u", value] for value in values)]
        assert self.count(tmp_path, _csv(rows, "\n").decode()) == repeated

    def test_a_column_that_is_not_there_repeats_nothing(self, tmp_path: Path) -> None:
        assert self.count(tmp_path, "userId\na\na\n") == 0

    @pytest.mark.parametrize("name", ["deviceid", "DEVICEID", "DeviceId"])
    def test_a_column_is_found_in_other_cases(self, tmp_path: Path, name: str) -> None:
        assert self.count(tmp_path, f"{name}\na\na\n") == 1

    @pytest.mark.parametrize("name", ['a"b', "a'b", "a b", "a,b", "count(*)", '""'])
    def test_a_column_may_have_any_name(self, tmp_path: Path, name: str) -> None:
        data = _csv([[name, "other"], ["1", "a"], ["1", "a"], ["2", "a"]], "\n")
        assert self.count(tmp_path, data.decode(), name) == 1

    def test_a_file_may_lie_in_any_folder(self, tmp_path: Path) -> None:
        folder = tmp_path / 'it\'s "here" * ?'
        folder.mkdir()
        assert self.count(folder, "deviceId\na\na\n") == 1
