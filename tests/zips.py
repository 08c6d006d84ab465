"""Zips as they should not be, and every variant as it should. `make_zip` makes the good ones."""

import io
import itertools
import struct
import zipfile
from collections.abc import Iterable, Mapping
from typing import Any, get_args

from local.zip_maker import Encryption
from pingone_reports.encrypted_zip import Piece

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
    "made_by": (4, "<H"),
    "version_needed": (6, "<H"),
    "flags": (8, "<H"),
    "method": (10, "<H"),
    "crc": (16, "<L"),
    "compressed_size": (20, "<L"),
    "size": (24, "<L"),
    "attributes": (38, "<L"),
    "offset": (42, "<L"),
}
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
    """The zip with other values in its first directory entry."""
    return _patched(archive, archive.rindex(b"PK\1\2"), _DIRECTORY_FIELDS, fields)


def declaring_aes(archive: bytes, **fields: int | bytes) -> bytes:
    """The zip with other values in the AES extra field of its directory entry."""
    return _patched(archive, archive.rindex(b"\x01\x99\x07\x00"), _AES_FIELDS, fields)


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
