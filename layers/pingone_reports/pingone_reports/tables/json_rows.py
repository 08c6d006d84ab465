"""A JSON report as rows of text: every value as it was written, in bounded memory.

A JSON parser would change numbers: 1.10 to 1.1, and 1e999 to infinity.
"""

import csv
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Never, TextIO

from pingone_reports.errors import InvalidReport
from pingone_reports.tables.report_text import open_bytes, open_text, repair
from pingone_reports.transfer.records import JsonRecordCounter

# The limit for one record, and for all text around the records.
_MOST_CHARACTERS = 16_000_000
_MOST_COLUMNS = 1_000
_CHUNK = 1 << 20

_WORDS = {True: "true", False: "false", None: ""}
_TEXT = {str, type(None)}

_SPACE = re.compile(r"[ \t\n\r]*+")
_NEXT_LINE = re.compile(r"[ \t\n\r]*+(?=\{)")
_NEXT_ITEM = re.compile(r"[ \t\n\r]*+,[ \t\n\r]*+(?=\{)")
_GAP = re.compile(r"[ \t\n\r]*+,?[ \t\n\r]*+")
_PART = re.compile(r'[^"{}\[\]]++|[{}\[\]]|"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.DOTALL)


@dataclass(frozen=True)
class JsonShape:
    """Where the records of a JSON file are.

    `depth` is the number of brackets and braces that are open around each record, or None without
    records. A `plain` file is a list, or one object a line, and holds only strings, true, false and
    null: a JSON parser changes nothing in it.
    """

    depth: int | None
    plain: bool


def json_shape(report: Path) -> JsonShape:
    """The shape of a JSON report, which is read once; raises InvalidReport if it is not whole."""
    counter, beginning = JsonRecordCounter(), b""
    with open_bytes(report) as file:
        while chunk := file.read(_CHUNK):
            beginning = beginning or chunk[:100]
            counter.update(chunk)
    counter.finish()
    depth = counter.record_depth
    begins = {0: b"{", 1: b"["}.get(-1 if depth is None else depth, b"\0")
    # DuckDB would read a byte order mark as a value.
    plain = counter.has_only_texts and beginning.lstrip(b" \t\r\n").startswith(begins)
    return JsonShape(depth, plain)


def json_to_rows(report: Path, depth: int | None, rows: TextIO) -> tuple[list[str], int]:
    """Write a CSV row for each record; returns the names of the columns after the first.

    And in how many cells, or names, there was what is no character, and is U+FFFD now.

    The first column is empty. A row has only the columns that are known so far, so earlier rows may
    be shorter. A string becomes its text; null or a missing value becomes ''; any other value keeps
    its JSON text. The file is JSON, as `json_shape` has found. Raises InvalidReport for a repeated
    name in an object, for a record of more than 16 million characters, and for more than 1,000
    columns.
    """
    columns: dict[str, None] = {}
    repaired = 0
    writerow = csv.writer(rows, lineterminator="\n").writerow
    with open_text(report) as text:
        for record in _Records(text, depth).read():
            if not record.keys() <= columns.keys():
                columns.update(dict.fromkeys(record))
                if len(columns) > _MOST_COLUMNS:
                    _refuse(f"It has more than {_MOST_COLUMNS:,} columns")
            row = ["", *map(record.get, columns)]
            repaired += repair(row)
            writerow(row)
    names = [*columns]
    repaired += repair(names)
    return names, repaired


class _Records:
    """The records of a file; `depth` as in JsonShape."""

    def __init__(self, text: TextIO, depth: int | None) -> None:
        self._file = text
        self._depth = depth
        self._text = ""
        self._at = 0

    def read(self) -> Iterator[dict[str, str | None]]:
        """Each record's values, by name."""
        if self._depth != 0:
            yield from self._records_of_lists()
        elif self._next_mark():
            yield from self._run(_NEXT_LINE)

    def _records_of_lists(self) -> Iterator[dict[str, str | None]]:
        around, length, opened = [""], 0, ""
        if not self._next_mark():
            return
        while part := self._part():
            length += len(part)
            if length > _MOST_CHARACTERS:
                _refuse("It has too much text around its records")
            around.append(part)
            if part in ("}", "]"):
                opened = opened[:-1]
            elif part in ("{", "["):
                opened += part
                if part == "[" and len(opened) == self._depth and self._next_mark() == "{":
                    yield from self._run(_NEXT_ITEM)
        # Without the records, the rest must still be JSON.
        whole = json.loads("".join(around), parse_int=str)
        if self._depth is None and isinstance(whole, list) and whole:
            _refuse("Its list has no records")

    def _run(self, separator: re.Pattern[str]) -> Iterator[dict[str, str | None]]:
        """The objects from here on, one after another."""
        while True:
            yield self._object()
            while not (gap := separator.match(self._text, self._at)):
                if not _GAP.fullmatch(self._text, self._at) or not self._more():
                    return
            self._at = gap.end()

    def _object(self) -> dict[str, str | None]:
        while True:
            try:
                values: dict[str, Any]
                values, end = _decode(self._text, self._at)
                break
            except json.JSONDecodeError:
                if not self._more():
                    raise
        if not {*map(type, values.values())} <= _TEXT:
            for name, start, behind in _places(self._text, self._at):
                value = values[name]
                if isinstance(value, dict | list):
                    values[name] = self._text[start:behind]
                elif not isinstance(value, str):
                    values[name] = _WORDS[value]
        self._at = end
        return values

    def _part(self) -> str:
        """The next string, bracket or brace, or the text between; '' at the end of the file."""
        while not (part := _PART.match(self._text, self._at)):
            if not self._more():
                return ""
        self._at = part.end()
        return part[0]

    def _next_mark(self) -> str:
        """The next character that is not a space, without reading past it; '' at the end."""
        while True:
            space = _SPACE.match(self._text, self._at)
            assert space
            self._at = space.end()
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read more text, and drop the text that was used; False at the end of the file."""
        rest = self._text[self._at :]
        if len(rest) > _MOST_CHARACTERS:
            _refuse("A record is too long")
        # Twice as much each time, because an incomplete object is parsed from its start again.
        chunk = self._file.read(max(_CHUNK, len(rest)))
        self._text, self._at = rest + chunk, 0
        return bool(chunk)


def _places(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """The name, the start and the end of each value of the object that begins here."""
    at = _end_of_space(text, at + 1)
    while text[at] != "}":
        name, at = _decode(text, _end_of_space(text, at))
        start = _end_of_space(text, _end_of_space(text, at) + 1)
        _, at = _decode(text, start)
        yield name, start, at
        at = _end_of_space(text, at)
        at += text[at] == ","


def _end_of_space(text: str, at: int) -> int:
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        _refuse("An object has a name twice")
    return values


def _refuse(reason: str) -> Never:
    raise InvalidReport(
        f"The JSON file cannot become a table: {reason[0].lower()}{reason[1:]}. Export CSV as well."
    )


_decode = json.JSONDecoder(
    object_pairs_hook=_once, parse_int=str, parse_float=str, parse_constant=str
).raw_decode
