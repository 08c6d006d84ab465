"""Puts keyed tokens in the places of personal data while a report streams.

A token is a MAC: the same value has the same token in CSV and JSON, in every field and in every
export, and nobody without the key can try values. C finds the values, hashlib makes the tokens.
"""

import codecs
import ctypes
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pingone_reports.errors import ExportError, FieldMissing, InvalidPseudonymKey, InvalidReport
from pingone_reports.model.report_file import Format
from pingone_reports.native import library
from pingone_reports.zips.encrypted_zip import Piece

_DIGEST_BYTES = 16
# As in ../native/pseudonyms.c.
_MOST_SPANS, _MOST_COLUMNS, _MOST_OPEN, _MOST_NAMES, _NAME_BYTES = 8192, 1000, 1000, 8, 16
_SPAN_BYTES, _QUOTED_TOKEN_BYTES, _BETWEEN_VALUES = 12, 28, b"\xff"
# Of a CSV row, or of a value or name in JSON: what is not whole yet waits in memory.
_MOST_BYTES = 1 << 20
_BYTE_ORDER_MARK = codecs.BOM_UTF8

# A key of Secrets Manager's making is as long as BLAKE2b's longest.
_KEY = re.compile(r"[!-~]{32,64}")

_FAULTS = {
    1: "it is not whole, or not written as the format's standard says",
    2: "a row has more or fewer values than the header",
    3: "a value to pseudonymize is a list or an object",
    4: f"it has more than {_MOST_COLUMNS} columns or {_MOST_OPEN} open brackets",
}
_TOO_LONG = f"a row or a value is longer than {_MOST_BYTES:,} bytes"
_NOT_UTF_8 = "it is not UTF-8"


class Pseudonyms:
    """The fields whose values become tokens, and the key. Raises InvalidPseudonymKey."""

    def __init__(self, fields: Sequence[str], key: str) -> None:
        if not _KEY.fullmatch(key):
            raise InvalidPseudonymKey(
                "The secret with the key of the pseudonyms must hold 32 to 64 ASCII characters "
                "without a space: give it back the key that it had."
            )
        self.fields = tuple(sorted(set(fields)))
        self._mac = hashlib.blake2b(key=key.encode(), digest_size=_DIGEST_BYTES)
        self._key_id = hashlib.blake2b(key=key.encode(), digest_size=8, person=b"key id")

    def to_document(self) -> dict[str, Any]:
        """What the manifest says of it. The key's id tells keys apart, and nothing of the key."""
        return {"fields": list(self.fields), "keyId": self._key_id.hexdigest()}

    def in_file(self, file_format: Format) -> "TokenStream":
        """What puts the tokens into one file."""
        return _CsvTokens(self) if file_format is Format.CSV else _JsonTokens(self)

    def digests(self, values: Iterable[bytes]) -> bytes:
        """The values' MACs, one after another."""
        digests = []
        for value in values:
            mac = self._mac.copy()  # a third faster than to give it the key anew
            mac.update(value)
            digests.append(mac.digest())
        return b"".join(digests)


class TokenStream:
    """One file with tokens in the places of values; everything else keeps its bytes.

    A file that could be read in another way than here might hide a value. So it must be UTF-8 and
    in its format, down to the last byte. After the first byte that is not, nothing is written.
    """

    _format: str
    _state: Any

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._native = library()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._spans = ctypes.create_string_buffer(_MOST_SPANS * _SPAN_BYTES)
        self._values = self._written = ctypes.create_string_buffer(0)
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
        if self._fault:
            raise self._fault
        yield rest

    def require_fields(self, records: int) -> None:
        """Raises FieldMissing for a field that none of the records has."""

    def _find(self, text: bytes, *, last: bool) -> int:
        """Find the values in `text`; returns how much of it was read."""
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
        full = True
        while full and not self._fault:
            self._make_room_for(text)
            read = self._find(text, last=last)
            found = self._state.found
            if found.fault:
                self._refuse(_FAULTS[found.fault])
            done.append(self._with_tokens(text, read))
            text, full = text[read:], found.full
        self._rest = text
        if len(text) > _MOST_BYTES:
            self._refuse(_TOO_LONG)
        if self._fault:
            self._rest = b""
            return b""
        return b"".join(done)

    def _make_room_for(self, text: bytes) -> None:
        if len(self._values) < len(text) + _MOST_SPANS:
            self._values = ctypes.create_string_buffer(len(text) + _MOST_SPANS)
            self._written = ctypes.create_string_buffer(
                len(text) + _MOST_SPANS * _QUOTED_TOKEN_BYTES
            )

    def _found_values(self) -> list[bytes]:
        found = ctypes.string_at(self._values, self._state.found.bytes)
        return found.split(_BETWEEN_VALUES)[:-1]

    def _with_tokens(self, text: bytes, size: int) -> bytes:
        """The first `size` bytes of the text, with a token for each value that was found."""
        count = self._state.found.spans
        if not count:
            return text[:size]
        digests = self._pseudonyms.digests(self._found_values())
        written = self._native.put_tokens(text, size, self._spans, count, digests, self._written)
        return ctypes.string_at(self._written, written)

    def _refuse(self, reason: str) -> None:
        self._fault = self._fault or InvalidReport(
            f"The {self._format} file cannot be pseudonymized, because {reason}: run the export "
            "again. If that does not help, export the other format alone."
        )


class _Found(ctypes.Structure):
    """`struct found` of pseudonyms.c."""

    _fields_ = (
        ("spans", ctypes.c_uint64),
        ("bytes", ctypes.c_uint64),
        ("fault", ctypes.c_uint32),
        ("full", ctypes.c_uint32),
    )


class _Csv(ctypes.Structure):
    """`struct csv` of pseudonyms.c."""

    _fields_ = (
        ("found", _Found),
        ("columns", ctypes.c_uint32),
        ("named", ctypes.c_uint8 * _MOST_COLUMNS),
    )


class _Json(ctypes.Structure):
    """`struct json` of pseudonyms.c."""

    _fields_ = (
        ("found", _Found),
        ("names_count", ctypes.c_uint32),
        ("seen", ctypes.c_uint32),
        ("depth", ctypes.c_uint32),
        ("expected", ctypes.c_uint8),
        ("named", ctypes.c_uint8),
        ("bare_items", ctypes.c_uint8),
        ("is_object", ctypes.c_uint8 * _MOST_OPEN),
        ("names", ctypes.c_uint8 * _NAME_BYTES * _MOST_NAMES),
    )


class _CsvTokens(TokenStream):
    """RFC 4180, with any line feeds, and with spaces around quotes."""

    _format = "CSV"

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        super().__init__(pseudonyms)
        self._state = _Csv()

    def _find(self, text: bytes, *, last: bool) -> int:
        state = self._state
        has_header = bool(state.columns)
        read = int(
            self._native.csv_find(
                ctypes.byref(state), text, len(text), last, self._spans, self._values
            )
        )
        if read and not has_header:
            self._read_header([name.decode() for name in self._found_values()])
            # The header itself keeps its names, and the rows are behind it.
            state.found.spans, state.found.full = 0, 1
        return read

    def _read_header(self, names: Sequence[str]) -> None:
        columns = list(map(_letters, names))
        wanted = {_letters(field): field for field in self._pseudonyms.fields}
        if missing := [field for name, field in wanted.items() if name not in columns]:
            self._fault = _missing(missing)
        self._state.columns = len(columns)
        for number, name in enumerate(columns):
            self._state.named[number] = name in wanted


class _JsonTokens(TokenStream):
    """A list, an object, or one object after another: a field is found wherever an object has it.

    PingOne documents neither the shape nor whether records have objects in them.
    """

    _format = "JSON"

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        super().__init__(pseudonyms)
        self._state = _Json(names_count=len(pseudonyms.fields))
        for place, field in zip(self._state.names, pseudonyms.fields, strict=False):
            name = _letters(field).encode()
            place[:] = bytes([len(name)]) + name.ljust(_NAME_BYTES - 1, b"\0")

    def _find(self, text: bytes, *, last: bool) -> int:
        return int(
            self._native.json_find(
                ctypes.byref(self._state), text, len(text), last, self._spans, self._values
            )
        )

    def require_fields(self, records: int) -> None:
        """Raises FieldMissing for a field that none of the records has.

        Values in lists, without names, may be records of another kind.
        """
        seen, fields = self._state.seen, enumerate(self._pseudonyms.fields)
        missing = [name for bit, name in fields if not seen >> bit & 1]
        if missing and (records or self._state.bare_items):
            raise _missing(missing)


def _letters(name: str) -> str:
    """What counts of a name: PingOne does not document how a report spells its fields."""
    return "".join(
        character for character in name.lower() if character.isascii() and character.isalnum()
    )


def _missing(fields: Sequence[str]) -> FieldMissing:
    return FieldMissing(
        f"The report lacks what is to be pseudonymized, {', '.join(fields)}: ask for it among the "
        "report's fields, or take it out of the stack's parameter Pseudonymize."
    )
