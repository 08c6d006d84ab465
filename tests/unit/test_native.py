"""The library in C does in blocks what a few lines of Python do byte by byte."""

import ast
import csv
import ctypes
import io
import json
import math
import re
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pingone_reports import native
from pingone_reports.errors import InvalidReport
from pingone_reports.native import library, library_path
from pingone_reports.transfer import token_stream
from pingone_reports.transfer.records import plain_csv, record_counter
from tests.support.chunks import CUTS, cut
from tests.support.csv_dialects import rows_of

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "pingone_reports"

# Long enough for several blocks of 64 bytes, with and without what a block is searched for.
_TEXTS = st.lists(st.sampled_from([*'"\\{}[]\n,', "é", "x" * 20, "y" * 63]), max_size=300).map(
    lambda pieces: "".join(pieces).encode()
)


@given(_TEXTS, CUTS)
def test_rows_are_written_as_they_are_counted(data: bytes, places: list[float]) -> None:
    rows = rows_of(data)
    if rows is not None:
        text = b"".join(plain_csv(filter(None, cut(data, places)))).decode()
        assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


_JSON_TEXTS = st.recursive(
    st.text('"\\{}[]\n,xé', max_size=200) | st.integers() | st.none(),
    lambda values: st.lists(values, max_size=5) | st.dictionaries(st.text(max_size=9), values),
    max_leaves=30,
).map(lambda value: json.dumps([value]).encode())


@given(_JSON_TEXTS, CUTS)
def test_brackets_and_braces_outside_strings_are_found(data: bytes, places: list[float]) -> None:
    state, structure, read = ctypes.create_string_buffer(2_000), b"", b""
    for chunk in cut(data, places):
        marks = ctypes.create_string_buffer(len(chunk))
        count = library().json_structure(state, chunk, len(chunk), marks)
        structure, read = structure + marks.raw[:count], read + chunk
        assert structure == structure_of(read)


def structure_of(data: bytes) -> bytes:
    """The marks outside strings."""
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
    return structure


_SEARCH = ("csv_values.c", "json_values.c", "spelling.c", "tokens.c")


def test_damaged_reports_make_the_search_for_values_neither_overrun_nor_overflow(
    tmp_path: Path,
) -> None:
    compiler = [str(ROOT / ".venv/tools/bin/python"), "-m", "ziglang", "cc"]
    sources = [str(LAYER / "native" / name) for name in _SEARCH]
    checks = ["-fsanitize=undefined", "-fsanitize-trap=undefined", "-O1", "-g"]
    checked = str(tmp_path / "checked.so")
    subprocess.run(
        [*compiler, *checks, "-shared", "-fPIC", "-nostdlib", "-o", checked, *sources],
        check=True,
    )
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.fuzz_pseudonyms", checked, "3000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ends = ast.literal_eval(done.stdout)
    assert min(ends["read"], ends["refused"]) > 300


# By `platform.machine()`: how Mach-O names the processor. Source: <mach/machine.h>.
_PROCESSORS = {"x86_64": 0x07, "arm64": 0x0C}
_MAGIC = struct.pack("<I", 0xFEEDFACF)
_SYMBOLS, _CODE_SIGNATURE = 0x2, 0x1D
_EXPORTED = 0x0F


def test_a_mac_loads_a_library_of_its_own_with_all_that_is_called(tmp_path: Path) -> None:
    """tests/end_to_end/test_build.py looks at those that the layer has for Linux."""
    shutil.copytree(LAYER / "native", tmp_path / "native")
    for file in ("Makefile", "requirements-compiler.txt"):
        shutil.copy(LAYER / file, tmp_path)
    names = {of: str(library_path("darwin", of).relative_to(LAYER)) for of in _PROCESSORS}
    (tmp_path / "pingone_reports").mkdir()
    tools = f"TOOLS={ROOT / '.venv' / 'tools'}"
    subprocess.run(["make", "--silent", tools, *names.values()], cwd=tmp_path, check=True)
    called = set(re.findall(r'^ +\("(\w+)",', Path(native.__file__).read_text(), re.M))
    assert called
    for processor, code in _PROCESSORS.items():
        image = (tmp_path / names[processor]).read_bytes()
        assert image.startswith(_MAGIC)
        assert image[4] == code
        assert called <= set(exported_by(image))
        # No unsigned library is loaded on ARM.
        assert processor == "x86_64" or _CODE_SIGNATURE in dict(load_commands(image))


def load_commands(image: bytes) -> Iterator[tuple[int, int]]:
    """The kind of each load command of a Mach-O file, and where it is."""
    count, at = struct.unpack_from("<I", image, 16)[0], 32
    for _ in range(count):
        kind, size = struct.unpack_from("<2I", image, at)
        yield kind, at
        at += size


def exported_by(image: bytes) -> Iterator[str]:
    """The names that a Mach-O file exports, in C's spelling."""
    at = dict(load_commands(image))[_SYMBOLS]
    symbols, count, names, _ = struct.unpack_from("<4I", image, at + 8)
    for number in range(count):
        name, kind = struct.unpack_from("<IB", image, symbols + 16 * number)
        if kind == _EXPORTED:
            yield image[names + name + 1 :].split(b"\0")[0].decode()


_JSON = st.lists(
    st.sampled_from([*'{}[],:"\\ \n-+.019eEu', '"a"', '{"a":', "true", "nul", "null", "é", "\t"]),
    max_size=30,
).map("".join)


@given(_JSON | st.lists(_JSON, max_size=2).map(lambda parts: f'[{{"a":{"".join(parts)}}}]'), CUTS)
def test_json_is_taken_exactly_if_it_is_json(text: str, places: list[float]) -> None:
    counter = record_counter("json")
    for chunk in cut(text.encode(), places):
        counter.update(chunk)
    taken = True
    try:
        counter.finish()
    except InvalidReport:
        taken = False
    assert taken == _is_json(text)


def _is_json(text: str) -> bool:
    """Whether it is nothing, one list or object, or objects one after another."""
    decoder, values = json.JSONDecoder(parse_constant=_refuse), []
    rest = text.strip(" \n\r\t")
    try:
        while rest:
            value, end = decoder.raw_decode(rest)
            values.append(value)
            rest = rest[end:].lstrip(" \n\r\t")
    except ValueError:
        return False
    if len(values) == 1 and isinstance(values[0], dict | list):
        return not _is_mixed(values[0])
    return all(isinstance(each, dict) for each in values)


def _refuse(constant: str) -> float:
    if constant != "NaN":
        raise ValueError(constant)
    return math.nan


def _is_mixed(value: object) -> bool:
    """Whether objects and others stand in one list, not below the outermost list of objects."""
    lists = list(_lists(value, 1, outermost=True))
    depths = [depth for depth, _, kinds in lists if True in kinds]
    return any(
        outermost and len(kinds) > 1 and depth <= min(depths) for depth, outermost, kinds in lists
    )


def _lists(value: object, depth: int, *, outermost: bool) -> Iterator[tuple[int, bool, set[bool]]]:
    """The depth of each list, whether it is in no other, and whether objects are among it."""
    if isinstance(value, list):
        yield depth, outermost, {isinstance(each, dict) for each in value}
    if isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            within = outermost and isinstance(value, dict)
            yield from _lists(each, depth + 1, outermost=within)


def test_python_and_c_agree_on_structures_and_limits() -> None:
    layout = (ctypes.c_uint32 * 10).in_dll(library(), "token_layout")
    structures = [token_stream._Found, token_stream._Csv, token_stream._Json, token_stream._Name]
    assert list(layout) == [
        token_stream._SPAN.size,
        *map(ctypes.sizeof, structures),
        token_stream._MOST_SPANS,
        token_stream._MOST_COLUMNS,
        token_stream._MOST_OPEN,
        token_stream._MOST_NAME_BYTES,
        token_stream._QUOTED_TOKEN_BYTES,
    ]
