"""Records are counted as a parser would count them, however the file is cut into chunks."""

import csv
import io
import json
import tracemalloc
from collections.abc import Iterable
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.pingone_simulator.report_data import DevicesReport, JsonShape
from pingone_reports.errors import InvalidReport
from pingone_reports.transfer.records import (
    CsvRecordCounter,
    JsonRecordCounter,
    RecordCounter,
    record_counter,
)
from tests.support.chunks import CUTS, cut
from tests.support.csv_dialects import DIALECTS

BOM = b"\xef\xbb\xbf"


def count(counter: RecordCounter, chunks: Iterable[bytes]) -> int:
    for chunk in chunks:
        counter.update(chunk)
    return counter.finish()


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


AWKWARD = st.text('",\n\r\\{}[]ab é', max_size=8)


class TestCsv:
    @given(
        st.integers(1, 4).flatmap(
            lambda columns: st.lists(
                st.lists(AWKWARD, min_size=columns, max_size=columns), min_size=1, max_size=8
            )
        ),
        st.sampled_from(DIALECTS),
        st.booleans(),
        st.booleans(),
        CUTS,
    )
    def test_rows_are_those_that_the_csv_module_reads(
        self,
        rows: list[list[str]],
        dialect: tuple[str, Any],
        bom: bool,
        last_line_ends: bool,
        places: list[float],
    ) -> None:
        line_end, quoting = dialect
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator=line_end, quoting=quoting).writerows(rows)
        content = text.getvalue() if last_line_ends else text.getvalue().removesuffix(line_end)
        read = list(csv.reader(io.StringIO(content, newline="")))
        data = (BOM if bom else b"") + content.encode()
        assert count(CsvRecordCounter(), cut(data, places)) == len(read) - 1

    @pytest.mark.parametrize(
        ("data", "rows"),
        [
            (b"a,b\r\n", 0),
            (b"a,b", 0),
            (b"a,b\r\n1,2\r\n", 1),
            (b"a,b\n1,2", 1),
            (b'a,b\n"1\n2",3\n', 1),
            (b'a,b\n"say ""no\n"" twice",3\n4,5\n', 2),
            (b'a\n""""\n"\n"\n', 2),
            (BOM + b"a,b\r\n1,2\r\n", 1),
        ],
    )
    def test_a_quoted_newline_ends_no_row(self, data: bytes, rows: int) -> None:
        assert count(CsvRecordCounter(), [data]) == rows
        assert count(CsvRecordCounter(), one_by_one(data)) == rows

    @pytest.mark.parametrize("data", [b"", b'a,b\n"1', b'a,b\n"1,2\n3,4\n', b'a\n"x""'])
    def test_a_truncated_file_is_invalid(self, data: bytes) -> None:
        with pytest.raises(InvalidReport, match="CSV"):
            count(CsvRecordCounter(), one_by_one(data))

    @pytest.mark.parametrize("line_end", ["\n", "\r\n"])
    def test_a_devices_report_has_the_rows_that_were_made(self, line_end: str) -> None:
        blocks = DevicesReport(300).csv_blocks(line_end)
        assert count(record_counter("csv"), (block.encode() for block in blocks)) == 300


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | AWKWARD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(AWKWARD, inner, max_size=3),
    max_leaves=6,
)
RECORDS = st.lists(st.dictionaries(AWKWARD, VALUES, max_size=3), max_size=6)
FLAT_RECORDS = st.lists(st.dictionaries(AWKWARD, AWKWARD, max_size=3), max_size=6)
STYLES = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])


class TestJson:
    @given(RECORDS, STYLES, st.booleans(), CUTS)
    def test_records_of_an_array_are_its_objects(
        self, records: list[Any], style: dict[str, Any], bom: bool, places: list[float]
    ) -> None:
        data = (BOM if bom else b"") + json.dumps(records, **style).encode()
        assert count(JsonRecordCounter(), cut(data, places)) == len(records)

    @given(FLAT_RECORDS, STYLES, CUTS)
    def test_records_of_an_object_are_those_of_its_list(
        self, records: list[Any], style: dict[str, Any], places: list[float]
    ) -> None:
        document = {"size": len(records), "entries": records, "_links": {"self": {"href": "/"}}}
        data = json.dumps(document, **style).encode()
        assert count(JsonRecordCounter(), cut(data, places)) == len(records)

    @given(st.lists(st.dictionaries(AWKWARD, VALUES, max_size=3), min_size=2, max_size=6), CUTS)
    def test_one_object_a_line_is_one_record_a_line(
        self, records: list[Any], places: list[float]
    ) -> None:
        data = "".join(f"{json.dumps(record)}\n" for record in records).encode()
        assert count(JsonRecordCounter(), cut(data, places)) == len(records)

    @pytest.mark.parametrize(
        ("data", "records"),
        [
            (b"[]", 0),
            (b" [ ] \n", 0),
            (b'{"entries": []}', 0),
            (b'{"entries": [], "size": 0}', 0),
            (b"[{}]", 1),
            (b'[{"a": [{}, {}]}, {"b": {"c": [{}]}}]', 2),
            (b'{"_embedded": {"devices": [{"a": 1}, {"b": [{}, {}, {}]}]}}', 2),
            (b'{"_embedded": {"devices": []}}', 0),
            (b'{"userId": "1"}', 1),
            (b'{"userId": "1", "tags": []}\n{"userId": "2", "tags": ["a"]}\n', 2),
            (b'{"userId": "1"}\n', 1),
            (b'{"userId": "1"}\r\n{"userId": "2"}\r\n', 2),
            (b'[{"a": "}{\\"]["}]', 1),
            (b'[{"a": "\\\\"}, {"b": "\\\\\\""}]', 2),
            (BOM + b'[{"a": 1}]', 1),
            (b"", 0),
            (BOM, 0),
            (b" \n", 0),
        ],
    )
    def test_only_whole_records_count(self, data: bytes, records: int) -> None:
        assert count(JsonRecordCounter(), [data]) == records
        assert count(JsonRecordCounter(), one_by_one(data)) == records

    @pytest.mark.parametrize(
        "data",
        [
            b"[",
            b'[{"a": 1},',
            b'{"entries": [{}]',
            b'["open',
            b'{"a": "\\"}',
            b"]",
            b"[}",
            b'{"a": [}]',
            b"userId,username\n1,2\n",
            b"<html></html>",
        ],
    )
    def test_a_truncated_file_is_invalid(self, data: bytes) -> None:
        with pytest.raises(InvalidReport, match="JSON"):
            count(JsonRecordCounter(), one_by_one(data))

    @pytest.mark.parametrize("data", [b"]", b"[}", b'{"a": [}]'])
    def test_a_file_that_is_no_json_is_refused_at_its_end_alone(self, data: bytes) -> None:
        counter = JsonRecordCounter()
        counter.update(data)
        counter.update(b'[{"a": 1}]')
        with pytest.raises(InvalidReport, match="JSON"):
            counter.finish()

    def test_a_thousand_lists_in_each_other_are_still_counted(self) -> None:
        assert count(JsonRecordCounter(), [b"[" * 999 + b"{}" + b"]" * 999]) == 1

    def test_endless_brackets_take_no_memory(self) -> None:
        counter = JsonRecordCounter()
        brackets = b"[" * 100_000
        counter.update(brackets)
        tracemalloc.start()
        for _ in range(100):
            counter.update(brackets)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000
        with pytest.raises(InvalidReport, match="more than 1000"):
            counter.finish()

    @given(RECORDS.filter(bool), st.floats(0, 1, exclude_min=True, exclude_max=True), CUTS)
    def test_an_array_that_is_truncated_anywhere_is_invalid(
        self, records: list[Any], end: float, places: list[float]
    ) -> None:
        data = json.dumps(records).encode()
        with pytest.raises(InvalidReport):
            count(JsonRecordCounter(), cut(data[: ceil(end * (len(data) - 1))], places))

    @pytest.mark.parametrize("rows", [0, 1, 300])
    @pytest.mark.parametrize("shape", ["array", "object"])
    def test_a_devices_report_has_the_rows_that_were_made(
        self, shape: JsonShape, rows: int
    ) -> None:
        blocks = DevicesReport(rows).json_blocks(shape)
        assert count(record_counter("json"), (block.encode() for block in blocks)) == rows

    def test_a_devices_report_of_one_object_a_line_has_the_rows_that_were_made(self) -> None:
        blocks = DevicesReport(300).json_blocks("lines")
        assert count(record_counter("json"), (block.encode() for block in blocks)) == 300
