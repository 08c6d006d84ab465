"""The columns of a CSV are what Python's own csv module reads in its header, however it is cut."""

import csv
import io
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingone_reports.errors import InvalidReport
from pingone_reports.transfer.records import CsvRecordCounter
from tests.support.chunks import CUTS, cut
from tests.support.csv_dialects import DIALECTS

_VALUES = st.text(st.sampled_from('a,"\r\n é\u2028'), max_size=4)


def columns_of(*chunks: bytes) -> tuple[str, ...]:
    columns = CsvRecordCounter()
    for chunk in chunks:
        columns.update(chunk)
    with suppress(InvalidReport):
        columns.finish()
    return columns.columns


@given(
    header=st.lists(_VALUES, max_size=3).map(lambda names: [*names, "deviceId"]),
    rows=st.lists(st.lists(_VALUES, min_size=1, max_size=4), max_size=8),
    dialect=st.sampled_from(DIALECTS),
    ends_with_newline=st.booleans(),
    cuts=CUTS,
)
def test_columns_are_those_that_the_csv_module_reads(
    header: list[str],
    rows: list[list[str]],
    dialect: tuple[str, Any],
    ends_with_newline: bool,
    cuts: list[float],
) -> None:
    line_end, quoting = dialect
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator=line_end, quoting=quoting).writerows([header, *rows])
    whole = text.getvalue() if ends_with_newline else text.getvalue().removesuffix(line_end)

    columns = columns_of(*cut(whole.encode(), cuts))

    assert list(columns) == next(csv.reader(io.StringIO(whole, newline=""))) == header


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert columns_of(b"\xef\xbb", b"\xbfdeviceId\na\na\n") == ("deviceId",)


def test_a_text_without_lines_has_no_header() -> None:
    assert columns_of(*[b"x" * 50_000] * 10) == ()


@pytest.mark.parametrize(
    "header",
    [
        b"x" * 70_000,
        b'"' + b"x" * 140_000 + b'"',
        b'"' + b"\n" * 300_000 + b'"',
        b"x," * 40_000,
        b"," * 60_000,
        b"\x01" * 60_000,
        "\u20ac".encode() * 20_000,
    ],
    ids=["long", "long field", "newlines", "names", "commas", "control characters", "euros"],
)
@pytest.mark.parametrize("size", [1_000, 1_000_000])
def test_a_first_row_that_no_manifest_can_hold_is_no_header(header: bytes, size: int) -> None:
    data = header + b"\r\n1,2\r\n"
    assert columns_of(*(data[at : at + size] for at in range(0, len(data), size))) == ()


def test_a_header_of_a_hundred_long_names_is_read() -> None:
    names = [f"{number:064}" for number in range(100)]
    assert columns_of(",".join(names).encode() + b"\n") == tuple(names)


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_any_bytes_have_columns_or_none(chunks: list[bytes]) -> None:
    assert len(columns_of(*chunks)) <= sum(map(len, chunks)) + 1
