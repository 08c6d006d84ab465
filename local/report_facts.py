"""What a report's file is like, without what it says: for the fact sheet of an export.

A value is told only if it is on a list of ours. A name is told if a name of PingOne's stands where
it stands, and of an object in JSON that may be a map, only if most of its like have it: a key that
is somebody's name stands in few.
"""

import csv
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.observations import type_of
from pingone_reports.model.fields import KNOWN, spelled
from pingone_reports.model.strength import FACTORS
from pingone_reports.transfer.records import MOST_ROW_BYTES

WITHHELD = "(withheld)"

csv.field_size_limit(MOST_ROW_BYTES)

_HEAD_BYTES = 8 * 1024 * 1024
_MOST_RECORDS = 50_000
_MOST_PLACES = 2_000
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# Somebody's value may be one of the others, such as EMAIL or Phone.
_NO_VALUES = frozenset(KNOWN) - {"phone", "email", "username", "manufacturer"}
_COLUMN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_.]| (?! )){0,63}")
_KEY = re.compile(r"[a-z][A-Za-z0-9_]{0,63}")
_FEWEST_ALIKE = 20
_ENVELOPE = frozenset(
    (
        *("_embedded", "_links", "entries", "items", "data", "records", "results", "rows", "users"),
        *("user", "devices", "device", "report", "id", "name", "type", "status", "environment"),
        *("count", "size", "href", "self", "next"),
    )
)
_TRUTHS = ("true", "false", "True", "False", "TRUE", "FALSE", "yes", "no", "0", "1")
_STATUSES = (
    *("ACTIVE", "ACTIVATION_REQUIRED", "INACTIVE", "PENDING", "BLOCKED", "LOCKED", "EXPIRED"),
    *("ENABLED", "DISABLED", "SUSPENDED", "DELETED", "UNKNOWN"),
)
_CLOSED = {
    "devicestatus": _STATUSES,
    **dict.fromkeys(
        (
            *("mfaenabled", "deviceblocked", "devicelocked"),
            *("fidobackupeligibility", "fidobackupstate", "fidouserverification"),
        ),
        _TRUTHS,
    ),
}
_FORMS = {
    "UUID": r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "time with milliseconds and Z": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "time with Z": r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?Z",
    "time with an offset": r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?[+-]\d\d:?\d\d",
    "time without a zone": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?",
    "date": r"\d{4}-\d\d-\d\d",
    "true or false": r"(?i:true|false)",
    "number": r"-?\d+(\.\d+)?",
    "phone number": r"\+?[\d .()/-]{5,25}",
    "word in capitals": r"[A-Z][A-Z0-9_]*",
}
_FORM = re.compile("|".join(f"(?P<f{i}>{form})" for i, form in enumerate(_FORMS.values())))
_FORM_NAMES = {f"f{i}": name for i, name in enumerate(_FORMS)}
_LIST_OF_OBJECTS = re.compile(r"\s*[{\]]")
_BETWEEN = re.compile(r"[\s,]*")
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")\s*(:?)|[{}\[\]]')

Facts = dict[str, Any]


def rounded(number: int) -> str:
    """A count that names no small group."""
    if not number:
        return "none"
    if number < 10:
        return "fewer than 10"
    unit: int = 10 ** (len(str(number)) - 1)
    return f"about {round(number / unit) * unit:,}"


def magnitude(number: int) -> str:
    """A count's order of magnitude."""
    unit: int = 10 ** (len(str(number)) - 1)
    return f"{unit:,} to {10 * unit - 1:,}" if number else "none"


def csv_facts(path: Path, *, whole: bool) -> Facts:
    """What the CSV is like; `whole` is false if it is only the beginning of one."""
    with path.open("rb") as file:
        head = file.read(64 * 1024)
    facts, encoding = _encoding(head)
    header = head.decode(encoding, errors="replace").lstrip("\ufeff")
    ends = re.search(r"\r\n|\n|\r", header)
    first_line = header[: ends.start()] if ends else header
    separator = max(",;\t|", key=first_line.count)
    facts |= {
        "lineEnd": repr(ends[0]).strip("'") if ends else None,
        "separator": separator,
        "headerIsQuoted": first_line.startswith('"'),
    }
    with path.open(encoding=encoding, errors="surrogateescape", newline="") as text:
        rows: Iterator[list[str]] = csv.reader(text, delimiter=separator)
        try:
            names = [name.lstrip("\ufeff") for name in next(rows, [])]
            table = list(itertools.islice(filter(None, rows), _MOST_RECORDS))
        except csv.Error:
            return facts | {"columns": [], "readable": False}
    if not whole:
        table = table[:-1]
    escaped = any("\udc80" <= char <= "\udcff" for row in table for cell in row for char in cell)
    if escaped:
        facts["encoding"] = f"not {encoding}"
    is_header = any(spelled(name) in _NO_VALUES for name in names)
    facts |= {
        "readable": all(len(row) == len(names) for row in table),
        "hasHeader": is_header,
        "recordsLookedAt": magnitude(len(table)),
    }
    columns = zip(*(row for row in table if len(row) == len(names)), strict=True)
    values = list(columns) or [()] * len(names)
    facts["columns"] = [
        _column(name if is_header else "", cells) for name, cells in zip(names, values, strict=True)
    ]
    return facts


def json_facts(path: Path, columns: Collection[str]) -> Facts:
    """What the beginning of the JSON is like; `columns` are the names that the CSV has."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    facts, encoding = _encoding(head)
    text = head.decode(encoding, errors="replace").lstrip("\ufeff")
    shape, keys, records = _records(text)
    found = _Found()
    for record in records:
        found.look_at(record, ())
    names, withheld = found.names(set(columns))
    return facts | {
        "shape": shape,
        "listAt": [key if key in _ENVELOPE else WITHHELD for key in keys],
        "recordsLookedAt": magnitude(len(records)),
        "names": names,
        "withheldNames": rounded(withheld),
    }


def _encoding(head: bytes) -> tuple[Facts, str]:
    mark = next((mark for mark in _MARKS if head.startswith(mark)), b"")
    encoding = _MARKS.get(mark, "utf-8")
    try:
        head[: len(head) - 4].decode(encoding)
        told = encoding
    except UnicodeDecodeError as error:
        # The head may end within a character.
        told = encoding if error.end >= len(head) - 8 else f"not {encoding}"
    return {"byteOrderMark": bool(mark), "encoding": told}, encoding


def _column(name: str, cells: Sequence[str]) -> Facts:
    filled = [cell for cell in cells if cell]
    column: Facts = {
        "name": name if _COLUMN.fullmatch(name) else WITHHELD,
        "known": spelled(name) in KNOWN,
        "empty": "never" if len(filled) == len(cells) else "some" if filled else "always",
        "forms": sorted({_form_of(cell) for cell in filled[:10_000]}),
    }
    if closed := _closed(spelled(name), filled):
        column["values"] = closed
    return column


def _form_of(cell: str) -> str:
    found = _FORM.fullmatch(cell)
    return _FORM_NAMES[str(found.lastgroup)] if found and found.lastgroup else "text"


def _closed(name: str, cells: Sequence[str]) -> dict[str, str]:
    """How often each value of a list of ours occurs, and how often others do."""
    if name != "devicetype" and name not in _CLOSED:
        return {}
    counts: Counter[str] = Counter()
    for cell, number in Counter(cells).items():
        known = _is_factor(cell) if name == "devicetype" else cell in _CLOSED[name]
        counts[cell if known else "(others)"] += number
    return {value: rounded(number) for value, number in sorted(counts.items())}


def _is_factor(cell: str) -> bool:
    return bool(re.fullmatch("[A-Za-z0-9_ -]{2,40}", cell)) and spelled(cell).upper() in FACTORS


def _records(text: str) -> tuple[str, list[str], list[Any]]:
    """The shape of a JSON text, the keys that lead to its list, and its first records."""
    decoder, start = json.JSONDecoder(), len(text) - len(text.lstrip())
    shape = {"[": "array", "{": "object"}.get(text[start : start + 1], "neither array nor object")
    if shape == "array":
        return shape, [], list(_decoded(decoder, text, start + 1))
    if shape != "object":
        return shape, [], []
    lines = list(itertools.islice(_decoded(decoder, text, start), 2))
    if len(lines) > 1:
        return "lines", [], list(_decoded(decoder, text, start))
    keys: list[str] = []
    for token in _TOKEN.finditer(text, start):
        if token[0].endswith(":"):
            keys[-1] = json.loads(token[1], strict=False)
        elif token[0] == "[" and _LIST_OF_OBJECTS.match(text, token.end()):
            return shape, keys, list(_decoded(decoder, text, token.end()))
        elif token[0] in "{[":
            keys.append("")
        elif token[0] in "}]":
            keys.pop()
    return "lines" if lines else shape, [], lines


def _decoded(decoder: json.JSONDecoder, text: str, start: int) -> Iterator[Any]:
    """The values from there on, up to the first that is not whole."""
    for _ in range(_MOST_RECORDS):
        between = _BETWEEN.match(text, start)
        try:
            value, start = decoder.raw_decode(text, between.end() if between else start)
        except (json.JSONDecodeError, RecursionError):
            return
        yield value


@dataclass
class _Found:
    """The names in objects, by the names that lead there."""

    objects: Counter[tuple[str, ...]] = field(default_factory=Counter)
    types: dict[tuple[str, ...], dict[str, Counter[str]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(Counter))
    )

    def look_at(self, value: Any, place: tuple[str, ...]) -> None:
        if isinstance(value, list):
            for each in value[:100]:
                self.look_at(each, place)
        elif isinstance(value, dict) and (place in self.types or len(self.types) < _MOST_PLACES):
            self.objects[place] += 1
            for name, inner in value.items():
                if name in self.types[place] or len(self.types[place]) < _MOST_PLACES:
                    self.types[place][name][type_of(inner)] += 1
                    self.look_at(inner, (*place, name))

    def names(self, columns: Collection[str]) -> tuple[dict[str, list[str]], int]:
        """Each name with its types, as a path with dots; and how many names are withheld."""
        told: dict[str, list[str]] = {}
        withheld, places = 0, list[tuple[str, ...]]([()])
        while places:
            place = places.pop()
            for name, types in self.types.get(place, {}).items():
                if self._is_told(place, name, types.total(), columns):
                    told[".".join((*place, name))] = sorted(types)
                    if (*place, name) in self.types:
                        places.append((*place, name))
                else:
                    withheld += 1
        return told, withheld

    def _is_told(
        self, place: tuple[str, ...], name: str, number: int, columns: Collection[str]
    ) -> bool:
        if spelled(name) in KNOWN or name in _ENVELOPE or name in columns:
            return bool(_COLUMN.fullmatch(name) or name in _ENVELOPE)
        alike = self.objects[place]
        return alike >= _FEWEST_ALIKE and 2 * number >= alike and bool(_KEY.fullmatch(name))
