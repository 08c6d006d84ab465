"""Zips as they should not be, and every variant as it should. `make_zip` makes the good ones."""

import io
import itertools
import struct
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from local.zip_maker import Encryption
from pingone_reports.zips.encrypted_zip import Piece

ENCRYPTIONS: tuple[Encryption | None, ...] = (None, *get_args(Encryption))

VARIANTS: list[dict[str, Any]] = [
    {
        "encryption": encryption,
        "compression": compression,
        "data_descriptor": data_descriptor,
        "zip64": zip64,
        "ae_version": ae_version,
    }
    for encryption, compression, data_descriptor, zip64 in itertools.product(
        ENCRYPTIONS, ("deflated", "stored"), (False, True), (False, True)
    )
    for ae_version in ((1, 2) if encryption and encryption != "zipcrypto" else (2,))
]
"""The keyword arguments of `make_zip` in all their combinations."""

_DIRECTORY_FIELDS = {
    "version_needed": (6, "<H"),
    "flags": (8, "<H"),
    "method": (10, "<H"),
    "crc": (16, "<L"),
    "compressed_size": (20, "<L"),
    "size": (24, "<L"),
    "attributes": (38, "<L"),
    "offset": (42, "<L"),
}
_LOCAL_FIELDS = {
    "version_needed": (4, "<H"),
    "flags": (6, "<H"),
    "method": (8, "<H"),
    "crc": (14, "<L"),
    "compressed_size": (18, "<L"),
    "size": (22, "<L"),
}
_AES_FIELD = b"\x01\x99\x07\x00"
_AES_FIELDS = {"version": (4, "<H"), "vendor": (6, "2s"), "strength": (8, "B"), "method": (9, "<H")}


def variant_name(variant: Mapping[str, Any]) -> str:
    """A variant as a test id."""
    parts = [variant["encryption"] or "open", variant["compression"]]
    parts += [name for name in ("data_descriptor", "zip64") if variant[name]]
    if "aes" in parts[0]:
        parts.append(f"ae{variant['ae_version']}")
    return "-".join(parts)


def open_zip(*members: tuple[str, bytes]) -> bytes:
    """An unencrypted zip of any number of members, written by the standard library."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


def declaring(archive: bytes, **fields: int) -> bytes:
    """The zip with other values in its first member's directory entry and local header."""
    shared = {name: value for name, value in fields.items() if name in _LOCAL_FIELDS}
    archive = _patched(archive, archive.index(b"PK\3\4"), _LOCAL_FIELDS, shared)
    return contradicting(archive, **fields)


def declaring_aes(archive: bytes, **fields: int | bytes) -> bytes:
    """The zip with other values in the AES extra field of both headers."""
    archive = _patched(archive, archive.index(_AES_FIELD), _AES_FIELDS, fields)
    return contradicting_aes(archive, **fields)


def contradicting(archive: bytes, **fields: int) -> bytes:
    """The zip with other values in its first directory entry alone."""
    return _patched(archive, archive.rindex(b"PK\1\2"), _DIRECTORY_FIELDS, fields)


def contradicting_aes(archive: bytes, **fields: int | bytes) -> bytes:
    """The zip with other values in the AES extra field of its directory entry alone."""
    return _patched(archive, archive.rindex(_AES_FIELD), _AES_FIELDS, fields)


def with_extensible_data(archive: bytes, data: bytes) -> bytes:
    """The zip64 zip with extensible data in its zip64 end record: APPNOTE.TXT, 4.3.14.2."""
    record, locator = archive.rindex(b"PK\6\6"), archive.rindex(b"PK\6\7")
    archive = _patched(archive, record, {"size": (4, "<Q")}, {"size": 44 + len(data)})
    return archive[:locator] + data + archive[locator:]


def _patched(
    archive: bytes,
    start: int,
    layout: Mapping[str, tuple[int, str]],
    fields: Mapping[str, int | bytes],
) -> bytes:
    patched = bytearray(archive)
    for name, value in fields.items():
        offset, code = layout[name]
        struct.pack_into(code, patched, start + offset, value)
    return bytes(patched)


def kept(pieces: Iterable[Piece]) -> list[Piece]:
    """All of them, copied: the buffer of one takes the next."""
    return [Piece(bytes(piece.deflated), piece.plain) for piece in pieces]


def compressed_size_of(archive: bytes) -> int:
    """The bytes of a zip's one member, with what its encryption adds."""
    [member] = zipfile.ZipFile(io.BytesIO(archive)).infolist()
    return member.compress_size
