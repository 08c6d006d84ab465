"""Counts a report's records while it streams, without parsing it."""

import ctypes
import re
from typing import Protocol

from pingone_reports.errors import InvalidReport
from pingone_reports.native import library

_FLAT_OBJECTS = re.compile(rb"(?:\{\})+")
_OPENING = {ord("}"): ord("{"), ord("]"): ord("[")}
# No report nests its values this deep. It is a limit because each open bracket takes a byte.
_MOST_OPEN = 1000


class RecordCounter(Protocol):
    """Counts the records of a file that comes chunk by chunk, in order."""

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file. Raises nothing, because they may be unverified."""

    def finish(self) -> int:
        """The number of records; raises InvalidReport if the file is not in its format."""


class CsvRecordCounter:
    """Counts the rows below the header of an RFC 4180 CSV; quoted newlines do not end a row."""

    def __init__(self) -> None:
        self._native = library()
        self._line_feeds = 0
        self._quoted = ctypes.c_uint8()
        self._last_byte = b""

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if chunk:
            state = ctypes.byref(self._quoted)
            self._line_feeds += self._native.csv_line_feeds(state, chunk, len(chunk))
            self._last_byte = chunk[-1:]

    def finish(self) -> int:
        """The number of rows; raises InvalidReport for a missing header or an open quote."""
        if self._quoted.value or not self._last_byte:
            raise InvalidReport(
                "The CSV file is empty or ends inside a quoted value: run the export again."
            )
        return self._line_feeds - (self._last_byte == b"\n")


class _JsonStrings(ctypes.Structure):
    """`struct json` of records.c."""

    _fields_ = (
        ("in_string", ctypes.c_uint8),
        ("escaped", ctypes.c_uint8),
        ("numbers", ctypes.c_uint8),
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
        self._strings = _JsonStrings()
        self._marks = ctypes.create_string_buffer(0)
        self._open = bytearray()
        self._fault = ""
        self._first_byte = b""
        self._top_level_objects = 0
        self._has_list = False
        self._list_depth = -1
        self._listed_objects = 0
        self._deepest = 0

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if not chunk or self._fault:
            return
        self._first_byte = self._first_byte or chunk.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        self._count(self._structure(chunk))

    def finish(self) -> int:
        """The number of records; raises InvalidReport unless the file is whole JSON."""
        if self._fault:
            raise InvalidReport(self._fault)
        if self._open or self._strings.in_string or self._first_byte not in (b"", b"[", b"{"):
            raise InvalidReport(
                "The JSON file is not JSON or ends inside a value: run the export again."
            )
        return self._top_level_objects if self.record_depth == 0 else self._listed_objects

    @property
    def record_depth(self) -> int | None:
        """How many brackets and braces are open around each record; None without records."""
        if self._top_level_objects > 1 or (self._top_level_objects and not self._has_list):
            return 0
        return None if self._list_depth < 0 else self._list_depth

    @property
    def has_only_texts(self) -> bool:
        """Whether the records hold only strings, true, false and null."""
        return not self._strings.numbers and self._deepest == (self.record_depth or 0) + 1

    def _structure(self, chunk: bytes) -> bytes:
        """The brackets and braces of a chunk, without those in strings."""
        if len(chunk) > len(self._marks):
            self._marks = ctypes.create_string_buffer(len(chunk))
        state = ctypes.byref(self._strings)
        count = self._native.json_structure(state, chunk, len(chunk), self._marks)
        return ctypes.string_at(self._marks, count)

    def _count(self, run: bytes) -> None:
        at = 0
        while at < len(run) and not self._fault:
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
            elif not self._open or self._open.pop() != _OPENING[mark]:
                self._fault = (
                    "The JSON file closes a bracket that it did not open: run the export again."
                )

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
        if self._deepest > _MOST_OPEN:
            self._fault = (
                f"The JSON file nests more than {_MOST_OPEN} lists and objects: run the export "
                "again."
            )


def record_counter(format_name: str) -> RecordCounter:
    """The counter for `csv` or `json`."""
    return CsvRecordCounter() if format_name == "csv" else JsonRecordCounter()
