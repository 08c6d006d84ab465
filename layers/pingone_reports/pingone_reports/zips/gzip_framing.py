"""gzip without compressing: a zip member already holds the deflate stream of a gzip file.

Text that is not the member's is compressed anew.
"""

import struct
from collections.abc import Iterable, Iterator

from isal import isal_zlib

from pingone_reports.zips.encrypted_zip import Piece

# RFC 1952, 2.3: deflate, no name, no time, unknown system. So equal members give equal files.
_HEADER = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
_GZIP = 31
# isal's levels are 0 to 3.
_LEVEL = 1


def gzipped(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same pieces, with the deflate stream in a gzip frame; raises what `pieces` raises."""
    crc = size = 0
    yield Piece(_HEADER, b"")
    for piece in pieces:
        crc = isal_zlib.crc32(piece.plain, crc)
        size += len(piece.plain)
        yield piece
    yield Piece(struct.pack("<II", crc, size & 0xFFFF_FFFF), b"")


def compressed(texts: Iterable[bytes]) -> Iterator[Piece]:
    """The texts as the pieces of a gzip file; raises what `texts` raises."""
    compressor = isal_zlib.compressobj(_LEVEL, wbits=_GZIP)
    for text in texts:
        yield Piece(compressor.compress(text), text)
    yield Piece(compressor.flush(), b"")
