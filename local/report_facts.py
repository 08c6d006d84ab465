"""What a report's file is like, without what it says: for the fact sheet of an export.

A value is told only if it is on a list of ours. The name of a column is told if it stands in a
header of PingOne's names. A name in JSON may be a key of a map, and so somebody's: it is told if it
is a column's, or on a list of ours.
"""

import csv
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
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
_MARKS = {b"\xef\xbb\xbf": "utf-8", b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
# Somebody's value may be one of the others, such as EMAIL or Phone.
_NO_VALUES = frozenset(KNOWN) - {"phone", "email", "username", "manufacturer"}
_COLUMN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_.]| (?! )){0,63}")
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
_LIST_OF_OBJECTS = re.compile(r"\s*[{\]]")
_BETWEEN = re.compile(r"[\s,]*")
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")\s*(:?)|[{}\[\]]')

Facts = dict[str, Any]


def magnitude(number: int) -> str:
    """A count's order of magnitude, which names no small group."""
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
    names, withheld = _names(records, columns)
    return facts | {
        "shape": shape,
        "listAt": [key if key in _ENVELOPE else WITHHELD for key in keys],
        "recordsLookedAt": magnitude(len(records)),
        "names": names,
        "withheldNames": magnitude(withheld),
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
        "forms": sorted({_form_of(cell) for cell in filled[:1_000]}),
    }
    if closed := _closed(spelled(name), filled):
        column["values"] = closed
    return column


def _form_of(cell: str) -> str:
    return next((name for name, form in _FORMS.items() if re.fullmatch(form, cell)), "text")


def _closed(name: str, cells: Sequence[str]) -> dict[str, str]:
    """How often each value of a list of ours occurs, and how often others do."""
    if name != "devicetype" and name not in _CLOSED:
        return {}
    counts: Counter[str] = Counter()
    for cell, number in Counter(cells).items():
        known = _is_factor(cell) if name == "devicetype" else cell in _CLOSED[name]
        counts[cell if known else "(others)"] += number
    return {value: magnitude(number) for value, number in sorted(counts.items())}


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


def _names(records: Sequence[Any], columns: Collection[str]) -> tuple[dict[str, list[str]], int]:
    """Each known name with its types, as a path with dots; and how many names are withheld."""
    types: dict[str, set[str]] = defaultdict(set)
    withheld = set()

    def look_at(value: Any, place: str) -> None:
        if isinstance(value, list):
            for each in value[:100]:
                look_at(each, place)
        elif isinstance(value, dict):
            for name, inner in value.items():
                is_known = spelled(name) in KNOWN or name in columns
                if name in _ENVELOPE or (is_known and _COLUMN.fullmatch(name)):
                    types[place + name].add(type_of(inner))
                    look_at(inner, f"{place}{name}.")
                else:
                    withheld.add(place + name)

    for record in records:
        look_at(record, "")
    return {path: sorted(each) for path, each in types.items()}, len(withheld)
