"""The library in C does in blocks what a few lines of Python do byte by byte."""

import ctypes

from hypothesis import given
from hypothesis import strategies as st

from pingone_reports.native import library
from tests.support.chunks import CUTS, cut

# Long enough for several blocks of 64 bytes, with and without what a block is searched for.
_TEXTS = st.lists(st.sampled_from([*'"\\{}[]\n,', "é", "x" * 20, "y" * 63]), max_size=300).map(
    lambda pieces: "".join(pieces).encode()
)


@given(_TEXTS, CUTS)
def test_line_feeds_outside_quotes_are_counted(data: bytes, places: list[float]) -> None:
    quoted = ctypes.c_uint8()
    count = sum(
        library().csv_line_feeds(ctypes.byref(quoted), chunk, len(chunk))
        for chunk in cut(data, places)
    )

    assert count == sum(part.count(b"\n") for part in data.split(b'"')[::2])
    assert quoted.value == data.count(b'"') % 2


@given(_TEXTS, CUTS)
def test_brackets_and_braces_outside_strings_are_found(data: bytes, places: list[float]) -> None:
    state, structure = (ctypes.c_uint8 * 2)(), b""
    for chunk in cut(data, places):
        marks = ctypes.create_string_buffer(len(chunk))
        count = library().json_structure(state, chunk, len(chunk), marks)
        structure += marks.raw[:count]

    assert (structure, *state) == structure_of(data)


def structure_of(data: bytes) -> tuple[bytes, bool, bool]:
    """The marks outside strings, and whether the end is in a string and in an escape."""
    structure, in_string, escaped = b"", False, False
    for byte in data:
        if escaped:
            escaped = False
        elif byte == ord('"'):
            in_string = not in_string
        elif in_string:
            escaped = byte == ord("\\")
        elif byte in b"{}[]":
            structure += bytes([byte])
    return structure, in_string, escaped
