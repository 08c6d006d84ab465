"""Kinds of damage to a finished zip, before it is downloaded."""

import io
import struct
import zipfile
from collections.abc import Callable

Damage = Callable[[bytes], bytes]

HTML_PAGE = b"<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>\n"
_LOCAL_HEADER_SIZE = 30
_LENGTHS_OF_NAME_AND_EXTRA = 26


def truncated(archive: bytes) -> bytes:
    """The last third is missing, and the central directory with it."""
    return archive[: len(archive) * 2 // 3]


def flipped_bit(archive: bytes) -> bytes:
    """One bit in the middle of the member's data is wrong; all headers are right."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        member = opened.infolist()[0]
    lengths = struct.unpack_from("<HH", archive, member.header_offset + _LENGTHS_OF_NAME_AND_EXTRA)
    data_start = member.header_offset + _LOCAL_HEADER_SIZE + sum(lengths)
    damaged = bytearray(archive)
    damaged[data_start + member.compress_size // 2] ^= 0b0001_0000
    return bytes(damaged)


def empty_zip(_archive: bytes) -> bytes:
    """A valid zip without a member."""
    return b"PK\5\6" + bytes(18)


def html_page(_archive: bytes) -> bytes:
    """A proxy's error page instead of the zip."""
    return HTML_PAGE
