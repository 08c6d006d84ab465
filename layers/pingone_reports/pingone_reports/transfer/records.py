"""Counts a report's records, and reads its columns' names, while it streams.

What a row of a CSV is, ../../native/records.c says: TabulateReport counts with it, too. The search
for personal data is stricter, and takes no line that ends with a return alone.
"""

import csv
import ctypes
import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Protocol

from pingone_reports.errors import InvalidReport
from pingone_reports.native import library

_FLAT_OBJECTS = re.compile(rb"(?:\{\})+")
# As in json_grammar.c. No report nests its values this deep.
_MOST_OPEN = 1000
# Names are looked for in the first bytes alone. As JSON, names of this size fit into the manifest,
# its event (256 KB), the state (256 KiB) and the DynamoDB item (400 KB).
_HEAD = 65_536
_NAME_OR_MARK = re.compile(rb'("(?:[^"\\]|\\.)*")\s*(:?)|[{}\[\]]', re.DOTALL)

# As in records.c.
MOST_ROW_BYTES = 4_000_000
_LINE_FEED, _RETURN_AND_FEED, _LONE_RETURN = 1, 2, 4
_CSV_FAULTS = {
    1: "a quote stands in a value without quotes, or text stands behind a quoted value",
    2: "a row has more or fewer values than the header",
    3: f"it has more than 1,000 columns, or a row of more than {MOST_ROW_BYTES:,} bytes",
    4: "it is empty, or its first row is",
    5: "it ends inside a quoted value",
    6: "some rows end with a return alone, and others do not",
}


class RecordCounter(Protocol):
    """Counts the records of a file that comes chunk by chunk, in order."""

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file. Raises nothing, because they may be unverified."""

    def finish(self) -> int:
        """The number of records; raises InvalidReport if the file is not in its format."""

    @property
    def records(self) -> int:
        """How many records there are so far, also in a file that is not in its format."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the header, or in the first records; empty if none can be read."""


class _Csv(ctypes.Structure):
    """`struct csv` of records.c."""

    _fields_ = (
        ("rows", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("spaces", ctypes.c_uint64),
        ("header", ctypes.c_uint64),
        ("columns", ctypes.c_uint32),
        ("commas", ctypes.c_uint32),
        ("place", ctypes.c_uint8),
        ("seen", ctypes.c_uint8),
        ("fault", ctypes.c_uint8),
        ("mark", ctypes.c_uint8),
    )


class CsvRecordCounter:
    """Counts the rows below the header of an RFC 4180 CSV; quoted newlines do not end a row.

    Rows may end in any one way, with or without feeds and returns, and blank lines are none. Spaces
    around quotes belong to no value. A file with rows of different lengths is not a CSV.
    """

    def __init__(self) -> None:
        self._native = library()
        self._state = _Csv()
        self._head = b""

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if chunk:
            self._head += chunk[: _HEAD - len(self._head)]
            self._native.csv_rows(ctypes.byref(self._state), chunk, len(chunk), None)

    def finish(self) -> int:
        """The number of rows; raises InvalidReport for what may be read in two ways."""
        self._native.csv_rows(ctypes.byref(self._state), b"", 0, None)
        fault = self._state.fault if self._state.columns else self._state.fault or 4
        if self._state.seen & _LONE_RETURN and self._state.seen & (_LINE_FEED | _RETURN_AND_FEED):
            fault = fault or 6
        if fault:
            raise InvalidReport(
                f"The CSV file is not a table, because {_CSV_FAULTS[fault]}: run the export again. "
                "If that does not help, export JSON in its place."
            )
        return self.records

    @property
    def records(self) -> int:
        """How many rows there are so far."""
        return int(self._state.rows)

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the header; empty if it is too long."""
        if not self._state.columns or self._state.header > len(self._head):
            return ()
        text = b"".join(plain_csv([self._head])).decode(errors="replace")
        return _if_short(tuple(next(csv.reader(io.StringIO(text, newline="")))))

    @property
    def line_end(self) -> str:
        """What ends each row; empty for a return alone and for several ways.

        It is also empty with what readers disagree about: blank lines, spaces around quotes, and a
        byte order mark, which may stand before a quote.
        """
        return {0: "\n", _LINE_FEED: "\n", _RETURN_AND_FEED: "\r\n"}.get(self._state.seen, "")


def plain_csv(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The rows that are counted, in RFC 4180, but with line feeds; no chunk may be empty."""
    state = _Csv()
    for chunk in chain(chunks, [b""]):
        plain = ctypes.create_string_buffer(len(chunk) + state.spaces + 4)
        size = library().csv_rows(ctypes.byref(state), chunk, len(chunk), plain)
        yield ctypes.string_at(plain, size)


def _if_short(names: tuple[str, ...]) -> tuple[str, ...]:
    return names if len(json.dumps(names)) <= _HEAD else ()


class _JsonGrammar(ctypes.Structure):
    """`struct grammar` of json_grammar.c."""

    _fields_ = (
        ("expects", ctypes.c_uint8),
        ("within", ctypes.c_uint8),
        ("is_name", ctypes.c_uint8),
        ("word", ctypes.c_uint8),
        ("letter", ctypes.c_uint8),
        ("items", ctypes.c_uint8),
        ("numbers", ctypes.c_uint8),
        ("fault", ctypes.c_uint8),
        ("open", ctypes.c_uint16),
        ("list", ctypes.c_uint16),
        ("is_object", ctypes.c_uint8 * (_MOST_OPEN + 1)),
        ("mixed_at", ctypes.c_uint16),
    )


class JsonRecordCounter:
    """Counts the records of a JSON file; PingOne does not document its shape.

    Records are the items of the outermost list of objects: the file itself, or a value in an
    enclosing object. Without such a list, records are the top-level objects, one a line; but a
    single object that has a list is an enclosing object without records. An empty file has no
    records: with one object a line, it is what a filter without matches gives.
    """

    def __init__(self) -> None:
        self._native = library()
        self._grammar = _JsonGrammar()
        self._marks = ctypes.create_string_buffer(0)
        self._open = bytearray()
        self._head = b""
        self._top_level_objects = 0
        self._has_list = False
        self._list_depth = -1
        self._listed_objects = 0
        self._deepest = 0

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        structure = self._structure(chunk)
        if not self._grammar.fault:
            self._head += chunk[: _HEAD - len(self._head)]
            self._count(structure)

    def finish(self) -> int:
        """The number of records; raises InvalidReport unless the file is whole JSON."""
        mixed = 0 < self._grammar.mixed_at <= (self.record_depth or 0)
        if self._grammar.fault or mixed or self._grammar.open or self._grammar.within:
            raise InvalidReport(
                "The JSON file is not JSON, ends inside a value, has a list of objects and others, "
                f"or nests more than {_MOST_OPEN} values: run the export again. If that does not "
                "help, export CSV in its place."
            )
        return self.records

    @property
    def records(self) -> int:
        """How many records there are so far."""
        return self._top_level_objects if self.record_depth == 0 else self._listed_objects

    @property
    def columns(self) -> tuple[str, ...]:
        """The names in the first records; in later ones there may be more."""
        names: dict[str, None] = {}
        depth, of_names = 0, -1 if self.record_depth is None else self.record_depth + 1
        for part in _NAME_OR_MARK.finditer(self._head):
            if part[2] and depth == of_names:
                name = part[1].decode(errors="replace")
                with suppress(ValueError):
                    names[json.loads(name, strict=False)] = None
            elif not part[1]:
                depth += 1 if part[0] in b"{[" else -1
        return _if_short(tuple(names))

    @property
    def record_depth(self) -> int | None:
        """How many brackets and braces are open around each record; None without records."""
        if self._top_level_objects > 1 or (self._top_level_objects and not self._has_list):
            return 0
        return None if self._list_depth < 0 else self._list_depth

    @property
    def has_only_texts(self) -> bool:
        """Whether the records hold only strings, true, false and null."""
        return not self._grammar.numbers and self._deepest == (self.record_depth or 0) + 1

    def _structure(self, chunk: bytes) -> bytes:
        """The brackets and braces of a chunk, without those in strings."""
        if len(chunk) > len(self._marks):
            self._marks = ctypes.create_string_buffer(len(chunk))
        state = ctypes.byref(self._grammar)
        count = self._native.json_structure(state, chunk, len(chunk), self._marks)
        return ctypes.string_at(self._marks, count)

    def _count(self, run: bytes) -> None:
        at = 0
        while at < len(run):
            # By far the most records are flat objects in a list: they are counted all at once.
            if (
                len(self._open) == self._list_depth
                and self._open[-1] == ord("[")
                and (flat := _FLAT_OBJECTS.match(run, at))
            ):
                self._listed_objects += (flat.end() - at) // 2
                at = flat.end()
                continue
            mark = run[at]
            at += 1
            if mark in b"{[":
                self._enter(mark)
            else:
                self._open.pop()

    def _enter(self, mark: int) -> None:
        if mark == ord("{"):
            depth = len(self._open)
            if not depth:
                self._top_level_objects += 1
            elif self._open[-1] == ord("["):
                if self._list_depth < 0 or depth < self._list_depth:
                    self._list_depth, self._listed_objects = depth, 0
                self._listed_objects += depth == self._list_depth
        else:
            self._has_list = True
        self._open.append(mark)
        self._deepest = max(self._deepest, len(self._open))


def record_counter(format_name: str) -> RecordCounter:
    """The counter for `csv` or `json`."""
    return CsvRecordCounter() if format_name == "csv" else JsonRecordCounter()
