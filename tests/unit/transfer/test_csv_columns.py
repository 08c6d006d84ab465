"""What the inspector sees of a CSV is what Python's own csv module reads, however it is cut."""

import csv
import io
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from local.pingone_simulator.report_data import DevicesReport
from pingone_reports.transfer.csv_columns import CsvInspector, loose
from tests.support.chunks import CUTS, cut
from tests.support.csv_dialects import DIALECTS

_VALUES = st.text(st.sampled_from('a,"\r\n é\u2028'), max_size=4)
_IDS = st.sampled_from(["", "a", "b", "c", "é", "00000000-fa02-48e0-8957-8d4b8d9f171f"])


def inspected(chunks: list[bytes], count: bool = True) -> tuple[tuple[str, ...], int]:
    inspector = CsvInspector(count_repeated_ids=count)
    for chunk in chunks:
        inspector.update(chunk)
    repeated = inspector.finish()
    return inspector.columns, repeated


@given(
    before=st.lists(_VALUES, max_size=2),
    after=st.lists(_VALUES, max_size=2),
    rows=st.lists(st.tuples(st.lists(_VALUES, min_size=4, max_size=4), _IDS), max_size=8),
    dialect=st.sampled_from(DIALECTS),
    ends_with_newline=st.booleans(),
    cuts=CUTS,
)
@example([], [], [([""] * 4, "a"), ([""] * 4, "a")], DIALECTS[0], False, [])
def test_it_reads_as_csv_does(
    before: list[str],
    after: list[str],
    rows: list[tuple[list[str], str]],
    dialect: tuple[str, Any],
    ends_with_newline: bool,
    cuts: list[float],
) -> None:
    line_end, quoting = dialect
    header = [*before, "deviceId", *after]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=line_end, quoting=quoting)
    writer.writerow(header)
    for values, device_id in rows:
        writer.writerow([*values[: len(before)], device_id, *values[: len(after)]])
    whole = text.getvalue() if ends_with_newline else text.getvalue().removesuffix(line_end)

    columns, repeated = inspected(cut(whole.encode(), cuts))

    read = list(csv.reader(io.StringIO(whole, newline="")))
    ids = [row[len(before)] for row in read[1:] if len(row) > len(before) and row[len(before)]]
    assert list(columns) == read[0] == header
    if "deviceid" not in map(loose, before):
        assert repeated == len(ids) - len(set(ids))


@pytest.mark.parametrize("rows", [0, 1, 10_000])
@pytest.mark.parametrize("size", [7, 1000, 262_144])
def test_a_report_repeats_no_id_and_every_id_when_it_comes_twice(rows: int, size: int) -> None:
    blocks = [block.encode() for block in DevicesReport(rows).csv_blocks()]
    header, body = blocks[0], b"".join(blocks[1:])

    def pieces(data: bytes) -> list[bytes]:
        return [data[at : at + size] for at in range(0, len(data), size)]

    assert inspected(pieces(header + body))[1] == 0
    assert inspected(pieces(header + body + body))[1] == rows


def test_a_row_that_is_too_short_has_no_id() -> None:
    assert inspected([b"userId,deviceId\n1,a\n\n2\n\n2\n3,a\n"]) == (("userId", "deviceId"), 1)


def test_ids_are_not_counted_where_nobody_wants_it() -> None:
    assert inspected([b"deviceId\na\na\n"], count=False) == (("deviceId",), 0)


def test_a_byte_order_mark_is_no_part_of_a_name() -> None:
    assert inspected([b"\xef\xbb", b"\xbfdeviceId\na\na\n"]) == (("deviceId",), 1)


def test_what_is_no_header_is_not_kept() -> None:
    columns, repeated = inspected([b"x" * 50_000] * 10)
    assert (columns, repeated) == ((), 0)


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
    columns, repeated = inspected([data[at : at + size] for at in range(0, len(data), size)])
    assert (columns, repeated) == ((), 0)


def test_a_header_of_a_hundred_long_names_is_read() -> None:
    names = [f"{number:064}" for number in range(100)]
    assert inspected([",".join(names).encode() + b"\n"])[0] == tuple(names)


@given(st.lists(st.binary(max_size=20), max_size=6))
def test_any_bytes_have_columns_or_none(chunks: list[bytes]) -> None:
    columns, _ = inspected(chunks)
    assert len(columns) <= sum(map(len, chunks)) + 1


def test_a_name_is_the_same_in_any_spelling() -> None:
    spellings = ["deviceId", "device_id", "Device ID", "DEVICE-ID", "deviceid"]
    assert Counter(map(loose, spellings)) == {"deviceid": 5}
