"""Kinds of damage to a finished zip, before it is downloaded."""

from collections.abc import Callable

Damage = Callable[[bytes], bytes]

HTML_PAGE = b"<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>\n"


def truncated(archive: bytes) -> bytes:
    """The last third is missing, and the central directory with it."""
    return archive[: len(archive) * 2 // 3]


def flipped_bit(archive: bytes) -> bytes:
    """One bit in the middle is wrong, which is in the member's data; all headers are right."""
    damaged = bytearray(archive)
    damaged[len(archive) // 2] ^= 0b0001_0000
    return bytes(damaged)


def empty_zip(_archive: bytes) -> bytes:
    """A valid zip without a member."""
    return b"PK\5\6" + bytes(18)


def html_page(_archive: bytes) -> bytes:
    """A proxy's error page instead of the zip."""
    return HTML_PAGE
