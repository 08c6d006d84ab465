"""Counting records while a report streams by, without parsing it."""

import re
from typing import Protocol

from pingone_reports.errors import InvalidReport

_ALL_BUT_QUOTE_AND_NEWLINE = bytes(set(range(256)) - set(b'"\n'))
_ALL_BUT_STRUCTURE = bytes(set(range(256)) - set(b'"{}[]'))
_FLAT_OBJECTS = re.compile(rb"(?:\{\})+")
_OPENING = {ord("}"): ord("{"), ord("]"): ord("[")}


class RecordCounter(Protocol):
    """Is fed a file chunk by chunk, in order, and then knows its records."""

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""

    def finish(self) -> int:
        """The number of records; raises InvalidReport when the file is not of its format."""


class CsvRecordCounter:
    """Counts the rows below the header of an RFC 4180 CSV; quoted newlines do not end a row."""

    def __init__(self) -> None:
        self._rows = 0
        self._quoted = False
        self._last_byte = b""

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if not chunk:
            return
        # Two adjacent quotes enclose no newline and change nothing: what is left is short.
        marks = chunk.translate(None, _ALL_BUT_QUOTE_AND_NEWLINE)
        if self._quoted:
            marks = b'"' + marks
        runs = marks.replace(b'""', b"").split(b'"')
        self._rows += sum(run.count(b"\n") for run in runs[::2])
        self._quoted = len(runs) % 2 == 0
        self._last_byte = chunk[-1:]

    def finish(self) -> int:
        """The number of rows; raises InvalidReport for no header or an open quote."""
        if self._quoted or not self._last_byte:
            raise InvalidReport("The CSV file is empty or ends inside a quoted value.")
        return self._rows - (self._last_byte == b"\n")


class JsonRecordCounter:
    """Counts the records of a JSON file whose shape is not documented.

    Records are the items of the outermost list of objects, be it the file itself or a value in an
    enclosing object. In a file without such a list they are the top-level objects, one a line; but
    one object that has only other lists encloses an empty one.
    """

    def __init__(self) -> None:
        self._open = bytearray()
        self._in_string = False
        self._escaped = 0
        """How many of the next chunk's characters belong to an escape of this one."""
        self._first_byte = b""
        self._top_level_objects = 0
        self._has_list = False
        self._list_depth = -1
        self._listed_objects = 0

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if not chunk:
            return
        self._first_byte = self._first_byte or chunk.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        for run in self._structure(chunk):
            self._count(run)

    def finish(self) -> int:
        """The number of records; raises InvalidReport unless the file is whole JSON."""
        if self._open or self._in_string or self._first_byte not in (b"[", b"{"):
            raise InvalidReport("The JSON file is empty or ends inside a value.")
        if self._top_level_objects > 1 or not self._has_list:
            return self._top_level_objects
        return self._listed_objects

    def _structure(self, chunk: bytes) -> list[bytes]:
        """The brackets and braces of a chunk that stand outside strings."""
        # Few characters are escaped: finding each is faster than a pass over all for any pattern.
        pieces, start = [], self._escaped
        while (backslash := chunk.find(b"\\", start)) >= 0:
            pieces.append(chunk[start:backslash])
            start = backslash + 2
        pieces.append(chunk[start:])
        self._escaped = max(start - len(chunk), 0)
        marks = b"".join(pieces).translate(None, _ALL_BUT_STRUCTURE)
        if self._in_string:
            marks = b'"' + marks
        runs = marks.replace(b'""', b"").split(b'"')
        self._in_string = len(runs) % 2 == 0
        return runs[::2]

    def _count(self, run: bytes) -> None:
        at = 0
        while at < len(run):
            # Flat records in a list, by far the commonest run, are counted without a look at each.
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
                raise InvalidReport("The JSON file closes a bracket that it did not open.")

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


def record_counter(format_name: str) -> RecordCounter:
    """The counter for `csv` or `json`."""
    return CsvRecordCounter() if format_name == "csv" else JsonRecordCounter()
