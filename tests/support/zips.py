"""Zips as they should not be, and every variant as it should. `make_zip` makes the good ones."""

import io
import itertools
import struct
import zipfile
from collections.abc import Mapping
from typing import Any, get_args

from local.zip_maker import Encryption

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

_AES_FIELD = b"\x01\x99\x07\x00"
# Where they are in a local header, in an entry of the directory, and how they are written. Those of
# AES are in an extra field of both.
_FIELDS = {
    "version_needed": (4, 6, "<H"),
    "flags": (6, 8, "<H"),
    "method": (8, 10, "<H"),
    "crc": (14, 16, "<L"),
    "compressed_size": (18, 20, "<L"),
    "size": (22, 24, "<L"),
    "attributes": (None, 38, "<L"),
    "offset": (None, 42, "<L"),
    "aes_version": (4, 4, "<H"),
    "aes_vendor": (6, 6, "2s"),
    "aes_strength": (8, 8, "B"),
    "aes_method": (9, 9, "<H"),
}


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


def declaring(archive: bytes, **fields: int | bytes) -> bytes:
    """The zip with other values in its first member's directory entry and local header."""
    patched = bytearray(contradicting(archive, **fields))
    for name, value in fields.items():
        offset, _, code = _FIELDS[name]
        if offset is not None:
            start = archive.index(_AES_FIELD if name.startswith("aes_") else b"PK\3\4")
            struct.pack_into(code, patched, start + offset, value)
    return bytes(patched)


def contradicting(archive: bytes, **fields: int | bytes) -> bytes:
    """The zip with other values in its first directory entry alone."""
    patched = bytearray(archive)
    for name, value in fields.items():
        _, offset, code = _FIELDS[name]
        start = archive.rindex(_AES_FIELD if name.startswith("aes_") else b"PK\1\2")
        struct.pack_into(code, patched, start + offset, value)
    return bytes(patched)


def with_extensible_data(archive: bytes, data: bytes, size: int | None = None) -> bytes:
    """The zip64 zip with extensible data in its zip64 end record: APPNOTE.TXT, 4.3.14.2.

    `size` is what the record says of it.
    """
    record, locator = archive.rindex(b"PK\6\6"), archive.rindex(b"PK\6\7")
    said = struct.pack("<Q", 44 + (len(data) if size is None else size))
    return archive[: record + 4] + said + archive[record + 12 : locator] + data + archive[locator:]


def compressed_size_of(archive: bytes) -> int:
    """The bytes of a zip's one member, with what its encryption adds."""
    [member] = zipfile.ZipFile(io.BytesIO(archive)).infolist()
    return member.compress_size
