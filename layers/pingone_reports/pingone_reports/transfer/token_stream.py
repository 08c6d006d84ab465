"""Puts keyed tokens in the places of personal data while a report streams.

C finds the values and makes the tokens. It fails closed: a value stays only if its field is known
to hold no person.
"""

import codecs
import ctypes
import json
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pingone_reports.errors import ExportError, FieldMissing, InvalidReport
from pingone_reports.model.fields import spelled
from pingone_reports.native import library
from pingone_reports.transfer.personal_data import TEXT, PersonalFields, one_spelling
from pingone_reports.zips.encrypted_zip import Piece

# As in ../native/values.h.
_QUOTED_TOKEN_BYTES = 28
_MOST_SPANS, _MOST_COLUMNS, _MOST_OPEN, _MOST_NAME_BYTES = 8192, 1000, 1000, 32_768
# Of a CSV row, or of a value or name in JSON: what is not whole yet waits in memory.
_MOST_BYTES = 1 << 20
_BYTE_ORDER_MARK = codecs.BOM_UTF8
_AS_IT_IS = "utf-8", "surrogatepass"

_FAULTS = {
    1: "it is not whole, or not written as the format's standard says",
    2: "a row has more or fewer values than the header",
    3: f"it has more than {_MOST_COLUMNS} columns or names, names of more than {_MOST_NAME_BYTES:,}"
    f" bytes, or more than {_MOST_OPEN} open brackets",
}
_TOO_LONG = f"a row or a value is longer than {_MOST_BYTES:,} bytes"
_NOT_UTF_8 = "it is not UTF-8"
# Perhaps the file has no header, or a person's data are names.
_VALUE_AS_NAME = "a value stands where the name of a field should"
_LIKE_A_VALUE = re.compile(r"\s*[0-9]|.*[@+]", re.DOTALL)


def _struct(**fields: Any) -> Any:
    """A structure of values.h."""
    return type("Struct", (ctypes.Structure,), {"_fields_": list(fields.items())})


_U8, _U32, _U64 = ctypes.c_uint8, ctypes.c_uint32, ctypes.c_uint64
# `struct span`: at, size, odd_before, kind, bare, odd, start and end.
_SPAN = struct.Struct("3I3Bx2I")
_Found = _struct(spans=_U64, bytes=_U64, fault=_U32, full=_U32, unknown=_U32, odd=_U32)
_Csv = _struct(found=_Found, columns=_U32, kinds=_U8 * _MOST_COLUMNS)
_Name = _struct(at=_U32, size=_U32, kind=_U8, has_values=_U8)
_Json = _struct(
    **{"found": _Found, "depth": _U32, "names_count": _U32, "named": _U32, "expected": _U8},
    is_object=_U8 * _MOST_OPEN,
    lists=ctypes.c_uint16 * _MOST_OPEN,
    names=_Name * _MOST_COLUMNS,
    letters=_U8 * _MOST_NAME_BYTES,
)


class TokenStream:
    """One file with tokens in the places of values; everything else keeps its bytes.

    A file that could be read in another way than here might hide a value. So it must be UTF-8 and
    in its format, down to the last byte. After the first byte that is not, nothing is written.
    """

    _format: str

    def __init__(self, fields: PersonalFields, key: bytes, state: Any) -> None:
        self._fields, self._state = fields, state
        self._native = library()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._start = ctypes.create_string_buffer(64)
        self._native.mac_start(self._start, key)
        self._spans: Any = ctypes.create_string_buffer(_MOST_SPANS * _SPAN.size)
        self._values: Any = ctypes.create_string_buffer(0)
        self._written = ctypes.create_string_buffer(0)
        self._rest = b""
        self._begun = False
        self._fault: ExportError | None = None

    def replaced(self, pieces: Iterable[Piece]) -> Iterator[bytes]:
        """The text of a file with tokens.

        Raises what `pieces` raises; and, only when they have ended without an error, InvalidReport,
        and FieldMissing for a CSV.
        """
        for piece in pieces:
            yield self._text(piece.plain, last=False)
        rest = self._text(b"", last=True)
        self._note_fields()
        # The manifest names them, and is an event.
        if len(json.dumps(self._fields.names())) > _MOST_NAME_BYTES:
            self._refuse(_FAULTS[3])
        if self._fault:
            raise self._fault
        yield rest

    def _find(self, text: bytes, *, last: bool) -> int:
        """Find the values in `text`; returns how much of it was read."""
        find = getattr(self._native, f"{self._format.lower()}_find")
        state = ctypes.byref(self._state)
        return int(find(state, text, len(text), last, self._spans, self._values))

    def _note_fields(self) -> None:
        """Tell `fields` whose values became tokens."""
        raise NotImplementedError

    def _text(self, chunk: bytes, *, last: bool) -> bytes:
        try:
            self._decoder.decode(chunk, last)
        except UnicodeDecodeError:
            self._refuse(_NOT_UTF_8)
        text = self._rest + chunk
        done = []
        if not self._begun:
            if len(text) < len(_BYTE_ORDER_MARK) and not last:
                self._rest = text
                return b""
            self._begun = True
            if text.startswith(_BYTE_ORDER_MARK):
                done.append(_BYTE_ORDER_MARK)
                text = text.removeprefix(_BYTE_ORDER_MARK)
        go_on = True
        while go_on and not self._fault:
            self._make_room_for(text)
            read = self._find(text, last=last)
            found = self._state.found
            if found.fault:
                self._refuse(_FAULTS[found.fault])
            done.append(self._with_tokens(text, read))
            text, go_on = text[read:], self._learn(text, read) or found.full
        self._rest = text
        if len(text) > _MOST_BYTES:
            self._refuse(_TOO_LONG)
        if self._fault:
            self._rest = b""
            return b""
        return b"".join(done)

    def _make_room_for(self, text: bytes) -> None:
        if len(self._values) <= len(text):
            self._values = ctypes.create_string_buffer(len(text) + 1)
            self._written = ctypes.create_string_buffer(
                len(text) + _MOST_SPANS * _QUOTED_TOKEN_BYTES
            )

    def _learn(self, text: bytes, read: int) -> bool:
        """Learn the names that this end of a search is for; returns whether there were any."""
        raise NotImplementedError

    def _value(self, at: int, size: int) -> str:
        value: bytes = self._values[at : at + size]
        return value.decode(*_AS_IT_IS)

    def _kind_of(self, name: str) -> int:
        if _LIKE_A_VALUE.match(name):
            self._refuse(_VALUE_AS_NAME)
        return self._fields.kind_of(name)

    def _with_tokens(self, text: bytes, size: int) -> bytes:
        """The first `size` bytes of the text, with a token for each value that was found."""
        count = self._state.found.spans
        if not count:
            return text[:size]
        spelled, odd = b"", self._state.found.odd
        while odd:  # C leaves the spelling of this value to us
            place = _SPAN.size * (odd - 1)
            at, size_, odd, kind, bare, *_ = _SPAN.unpack_from(self._spans, place)
            value = one_spelling(self._value(at, size_), kind, bare=bare).encode(*_AS_IT_IS)
            struct.pack_into("2I", self._spans, place, len(spelled), len(value))
            spelled += value
        found = (text, size, self._spans, count, self._values, spelled)
        written = self._native.put_tokens(self._start, *found, self._written)
        return ctypes.string_at(self._written, written)

    def _refuse(self, reason: str) -> None:
        self._fault = self._fault or InvalidReport(
            f"The {self._format} file cannot be pseudonymized, because {reason}: run the export "
            "again. If that does not help, export the other format alone."
        )


class CsvTokens(TokenStream):
    """RFC 4180, with line feeds with or without returns, and with spaces around quotes."""

    _format = "CSV"

    def __init__(self, fields: PersonalFields, key: bytes) -> None:
        super().__init__(fields, key, _Csv())
        self._names: Sequence[str] = ()

    def _find(self, text: bytes, *, last: bool) -> int:
        read, found = super()._find(text, last=last), self._state.found
        if read and not self._names:
            spans = _SPAN.iter_unpack(self._spans[: found.spans * _SPAN.size])
            self._names = [self._value(at, size) for at, size, *_ in spans]
            found.spans = 0  # the header itself keeps its names
        return read

    def _learn(self, _text: bytes, _read: int) -> bool:
        state, names = self._state, self._names
        if not names or state.columns:
            return False
        state.columns = len(names)
        state.kinds[: len(names)] = list(map(self._kind_of, names))
        required, given = self._fields.required, set(map(spelled, names))
        if missing := [field for name, field in required.items() if name not in given]:
            self._fault = FieldMissing(
                "The report lacks what was asked for and is to be pseudonymized, "
                f"{', '.join(missing)}: correct the report's fields."
            )
        return True

    def _note_fields(self) -> None:
        for name, kind in zip(self._names, self._state.kinds, strict=False):
            self._fields.note(name, kind)


class JsonTokens(TokenStream):
    """A list, an object, or one object after another: a name counts wherever an object has it.

    PingOne documents neither the shape nor whether records have objects in them. The items of a
    list are of the field that has the list.
    """

    _format = "JSON"

    def __init__(self, fields: PersonalFields, key: bytes) -> None:
        super().__init__(fields, key, _Json(names_count=1))
        self._state.names[0].kind = TEXT
        self._names = [""]

    def _learn(self, text: bytes, read: int) -> bool:
        state = self._state
        if not state.found.unknown:
            return False
        last = state.names[state.names_count - 1]
        raw = text[read + 1 : read + state.found.unknown]
        start, end = last.at + last.size, last.at + last.size + len(raw)
        if state.names_count == _MOST_COLUMNS or end > _MOST_NAME_BYTES:
            self._refuse(_FAULTS[3])
            return False
        try:
            self._names.append(json.loads(b'"%b"' % raw))
        except ValueError:
            self._refuse(_FAULTS[1])
            return False
        state.names[state.names_count] = (start, len(raw), self._kind_of(self._names[-1]))
        state.letters[start:end] = list(raw)
        state.names_count += 1
        return True

    def _note_fields(self) -> None:
        for name, known in zip(self._names, self._state.names, strict=False):
            self._fields.note(name, known.has_values and known.kind)
