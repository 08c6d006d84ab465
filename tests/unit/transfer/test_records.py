"""Records are counted, and fields named, as a parser would, however a file is cut into chunks."""

import csv
import io
import json
import math
import tracemalloc
from collections.abc import Iterable
from itertools import chain
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pingone_reports.errors import InvalidReport
from pingone_reports.transfer.records import RecordCounter, plain_csv, record_counter
from tests.support.chunks import CUTS, cut
from tests.support.csv_dialects import DIALECTS, rows_of

BOM = b"\xef\xbb\xbf"


def counter_of(format_name: str, chunks: Iterable[bytes]) -> RecordCounter:
    """One that has taken a file."""
    counter = record_counter(format_name)
    for chunk in chunks:
        counter.update(chunk)
    return counter


def one_by_one(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


# Some are longer than the blocks of 64 bytes that are read at once.
AWKWARD = st.lists(
    st.sampled_from([*'",\n\r\\{}[]ab é\u2028', "x" * 20, "y" * 63]), max_size=8
).map("".join)


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
    def test_rows_and_columns_are_those_that_the_csv_module_reads(
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
        data = (BOM if bom else b"") + content.encode()

        chunks = cut(data, places)

        counter = counter_of("csv", chunks)
        plain = b"".join(plain_csv(filter(None, chunks))).decode()

        header, *records = csv.reader(io.StringIO(content, newline=""))
        assert counter.finish() == len(records)
        assert list(counter.columns) == header
        assert list(csv.reader(io.StringIO(plain, newline=""), strict=True)) == [header, *records]

    @given(st.lists(st.sampled_from([*'",\n\r ab', '"a"', ',"b" ', "x" * 63]), max_size=40), CUTS)
    def test_any_text_has_the_rows_of_its_one_reading_or_is_refused(
        self, pieces: list[str], places: list[float]
    ) -> None:
        data = "".join(pieces).encode()
        rows, chunks = rows_of(data), cut(data, places)
        counter = counter_of("csv", chunks)
        if rows is None:
            with pytest.raises(InvalidReport):
                counter.finish()
            return
        plain = b"".join(plain_csv(filter(None, chunks))).decode()
        assert counter.finish() == len(rows) - 1
        assert list(csv.reader(io.StringIO(plain, newline=""), strict=True)) == rows

    def test_a_first_row_that_no_manifest_can_hold_is_no_header(self) -> None:
        quoted = '"' + "\n" * 300_000 + '"'
        for header in ("x" * 70_000, quoted, "x," * 40_000, "," * 60_000, "€" * 20_000):
            data = f"{header}\r\n1,2\r\n".encode()
            for chunks in ([data], cut(data, [0.1, 0.2, 0.6])):
                assert counter_of("csv", chunks).columns == ()

    def test_a_header_of_a_hundred_long_names_is_read(self) -> None:
        names = [f"{number:064}" for number in range(100)]
        assert counter_of("csv", [",".join(names).encode() + b"\n"]).columns == tuple(names)

    @given(st.lists(st.binary(max_size=20), max_size=6))
    def test_any_bytes_have_columns_or_none(self, chunks: list[bytes]) -> None:
        assert len(counter_of("csv", chunks).columns) <= sum(map(len, chunks)) + 1


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | AWKWARD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(AWKWARD, inner, max_size=3),
    max_leaves=6,
)
STYLES = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"ensure_ascii": False}])
JSON_PIECES = st.lists(
    st.sampled_from([*'{}[],:"\\ \n-+.019eEu', '"a"', '{"a":', "true", "nul", "null", "é", "\t"]),
    max_size=30,
).map("".join)


class TestJson:
    @given(
        st.lists(st.dictionaries(AWKWARD, VALUES, max_size=3), min_size=2, max_size=6),
        st.sampled_from(["a list", "an object with a list", "one object after another"]),
        STYLES,
        st.booleans(),
        CUTS,
    )
    def test_records_and_their_fields_are_found_in_every_shape(
        self,
        records: list[dict[str, Any]],
        shape: str,
        style: dict[str, Any],
        bom: bool,
        places: list[float],
    ) -> None:
        shapes: dict[str, list[Any]] = {
            "a list": [records],
            "an object with a list": [{"size": 2, "entries": records, "next": {"page": 2}}],
            "one object after another": [*records],
        }
        text = "\n".join(json.dumps(document, **style) for document in shapes[shape])

        counter = counter_of("json", cut((BOM if bom else b"") + text.encode(), places))

        assert counter.finish() == len(records)
        assert list(counter.columns) == list(dict.fromkeys(chain.from_iterable(records)))

    @pytest.mark.parametrize(
        ("data", "records", "columns"),
        [
            (b"", 0, ()),
            (BOM, 0, ()),
            (b" \n", 0, ()),
            (b" [ ] \n", 0, ()),
            (b'{"entries": [], "size": 0}', 0, ()),
            (b'{"_embedded": {"devices": []}}', 0, ()),
            (b'{"_embedded": {"devices": [{"a": 1}, {"b": [{}, {}, {}]}]}}', 2, ("a", "b")),
            (b"[{}]", 1, ()),
            (b'{"code": "INTERNAL_ERROR"}\n', 1, ("code",)),
            (b'{"a": "1"}\r\n{"b": "2", "a": ["a"]}\r\n', 2, ("a", "b")),
            (b'[{"a": [1, {}]}]', 1, ("a",)),
        ],
    )
    def test_a_record_is_an_object_of_the_outermost_list_or_of_none(
        self, data: bytes, records: int, columns: tuple[str, ...]
    ) -> None:
        counter = counter_of("json", one_by_one(data))
        assert (counter.finish(), counter.columns) == (records, columns)

    @given(JSON_PIECES | JSON_PIECES.map(lambda text: f'[{{"a":{text}}}]'), CUTS)
    def test_json_is_taken_exactly_if_it_is_json(self, text: str, places: list[float]) -> None:
        values = values_of(text)
        assume(not any(map(mixes, values or ())))
        is_taken = True
        try:
            counter_of("json", cut(text.encode(), places)).finish()
        except InvalidReport:
            is_taken = False
        assert is_taken == (values is not None)

    def test_a_thousand_lists_in_each_other_are_still_counted(self) -> None:
        assert counter_of("json", [b"[" * 999 + b"{}" + b"]" * 999]).finish() == 1

    def test_endless_brackets_take_no_memory(self) -> None:
        brackets = b"[" * 100_000
        counter = counter_of("json", [brackets])
        tracemalloc.start()
        for _ in range(100):
            counter.update(brackets)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1_000_000
        with pytest.raises(InvalidReport, match="more than 1000"):
            counter.finish()


def values_of(text: str) -> list[object] | None:
    """Nothing, one list or object, or objects one after another; None if it is something else."""
    decoder, values = json.JSONDecoder(parse_constant=nan), list[object]()
    rest = text.strip(" \n\r\t")
    try:
        while rest:
            value, end = decoder.raw_decode(rest)
            values.append(value)
            rest = rest[end:].lstrip(" \n\r\t")
    except ValueError:
        return None
    kinds = dict if len(values) > 1 else dict | list
    return values if all(isinstance(value, kinds) for value in values) else None


def nan(constant: str) -> float:
    if constant != "NaN":
        raise ValueError(constant)
    return math.nan


def mixes(value: object) -> bool:
    """Whether objects and others are in one list."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    kinds = {isinstance(each, dict) for each in inner}
    return (isinstance(value, list) and len(kinds) > 1) or any(map(mixes, inner))


@pytest.mark.parametrize(
    ("format_name", "data"),
    [
        ("csv", b""),
        ("csv", b'a,b\n"1'),
        ("csv", b'a,b\n"1,2\n3,4\n'),
        ("csv", b'a\n"x""'),
        ("csv", b"," * 1_000),
        ("json", b'[{"a": 1},'),
        ("json", b'{"entries": [{"a": "\\"}]}'),
        ("json", b'[{"a": 1}, 2]'),
        ("json", b'{"b": [2, {"a": 1}]}'),
        ("json", b"userId,username\n1,2\n"),
        ("json", b"<html></html>"),
        ("json", BOM[:2]),
        ("json", BOM[::-1] + b'[{"a": 1}]'),
        ("json", b" " + BOM + b'[{"a": 1}]'),
    ],
)
def test_a_file_that_is_not_whole_or_of_another_kind_is_invalid(
    format_name: str, data: bytes
) -> None:
    with pytest.raises(InvalidReport, match=format_name.upper()):
        counter_of(format_name, one_by_one(data)).finish()
