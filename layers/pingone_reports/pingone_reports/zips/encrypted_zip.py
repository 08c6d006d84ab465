"""A report's zip: checked before its first byte is decrypted, and streamed in bounded memory.

pyzipper reads the format. Subclasses replace its slow parts, through its own extension points: the
ciphers (ciphers.py), the inflater, the CRC and the loop around them.
"""

import io
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import pyzipper
from isal import igzip_lib, isal_zlib
from pyzipper.zipfile_aes import AESZipExtFile

from pingone_reports.errors import CorruptZip, WrongPassword
from pingone_reports.zips.ciphers import (
    MAX_BYTES,
    WRONG_PASSWORD,
    AesDecrypter,
    Decrypter,
    ZipCryptoDecrypter,
)
from pingone_reports.zips.directory import START_AGAIN, STORED, SeekableFile, only_member

# Measured with AES-256: reads of 4 KiB have half of this speed, reads of 32 KiB have 93%. Larger
# plaintext is no faster and at times a third slower: the allocator returns its memory each time.
_READ_BYTES = MAX_BYTES
_PLAIN_BYTES = 256 * 1024
# The inflater finds an error in random bytes within this many: see EncryptedZip.
_FIRST_READ_BYTES = 1024


class Piece(NamedTuple):
    """A piece of the member in two forms, which may not match: join each form's pieces."""

    deflated: bytes | memoryview
    """Of the decrypted deflate stream; a stored member gets one of stored blocks.

    Copy it to keep it: the next piece reuses a view's buffer.
    """
    plain: bytes


class EncryptedZip:
    """The one report in a zip, unencrypted or encrypted with ZipCrypto or WinZip AES.

    `file` can be a download: its tail is read first, then the member once, from its local header
    on, without a gap. `member_suffix` is ".csv" or ".json"; `max_size` limits the plaintext, in
    bytes.

    Raises TruncatedZip, CorruptZip, UnexpectedMember, UnsupportedEncryption,
    UnsupportedCompression, ReportTooLarge or WrongPassword; and lets the file's own ExportErrors
    pass.

    AES misses one wrong password in 65 536, ZipCrypto's check one in 256. A password that ZipCrypto
    misses gives random bytes, in which the inflater finds an error within the first KiB. So an
    error there is called a wrong password, although it may be damage; a later one is called damage.
    A stored member has only its CRC, so there a wrong password is called damage too.
    """

    def __init__(
        self, file: SeekableFile, password: str | bytes, member_suffix: str, max_size: int
    ) -> None:
        archive, info = only_member(file, member_suffix, max_size)
        self._crc = None if info.wz_aes_version == 2 else info.CRC
        self._member: _Member | None = _open_member(archive, info, password)

    def pieces(self) -> Iterator[Piece]:
        """The plaintext, once, in chunks of up to 256 KiB, and the deflate stream it came from.

        They are the report only if the iterator ends without an error: only then the size, the CRC,
        the AES authentication code and the end of the deflate stream are verified.
        """
        member, self._member = self._member, None
        if member is None:
            raise RuntimeError("An EncryptedZip can be read only once.")
        return member.pieces(self._crc)


class _Member(AESZipExtFile):  # type: ignore[misc]
    """pyzipper's member, read with `pieces` instead of `read`."""

    _decrypter: Decrypter | None
    _decompressor: igzip_lib.IgzipDecompressor | None

    def process_local_header(self) -> None:
        # The header has been read: the file is at the member's data.
        self._fileobj.seek(0, io.SEEK_CUR)

    def setup_aeszipdecrypter(self) -> type[AesDecrypter]:
        super().setup_aeszipdecrypter()
        return AesDecrypter

    def setup_crczipdecrypter(self) -> type[ZipCryptoDecrypter]:
        super().setup_crczipdecrypter()
        return ZipCryptoDecrypter

    def get_decompressor(self, compress_type: int) -> igzip_lib.IgzipDecompressor | None:
        return None if compress_type == STORED else igzip_lib.IgzipDecompressor()

    def pieces(self, expected_crc: int | None) -> Iterator[Piece]:
        """Read the whole member, then verify it. `_left` is the rest of the declared size."""
        crc, read_size = 0, _FIRST_READ_BYTES
        while self._compress_left:
            data = self._fileobj.read(min(read_size, self._compress_left))
            self._compress_left -= len(data)
            if self._decrypter:
                data = self._decrypter.decrypt(data)
            deflated = data if self._decompressor else _stored_blocks(data)
            for plain in self._inflate(data):
                self._left -= len(plain)
                if self._left < 0:
                    raise CorruptZip(f"The zip holds more bytes than it declares: {START_AGAIN}.")
                if expected_crc is not None:
                    crc = isal_zlib.crc32(plain, crc)
                yield Piece(deflated, plain)
                deflated = b""
            read_size = _READ_BYTES
        if not self._decompressor:
            yield Piece(_LAST_STORED_BLOCK, b"")
        self._verify(crc, expected_crc)

    def _inflate(self, data: bytes | memoryview) -> Iterator[bytes]:
        inflater = self._decompressor
        if inflater is None:
            yield bytes(data)
            return
        full = True
        while full:
            # One byte more than declared shows a zip bomb without unpacking it.
            limit = min(_PLAIN_BYTES, self._left + 1)
            try:
                plain = inflater.decompress(data, limit)
            except igzip_lib.IsalError:  # type: ignore[misc]  # its stub forgets type[]
                self._fail_inflating()
            if inflater.eof and (inflater.unused_data or self._compress_left):
                self._fail_inflating()
            yield plain
            # The inflater keeps unused input, and may have more output even without any.
            full = len(plain) == limit and not inflater.eof
            data = b""

    def _fail_inflating(self) -> NoReturn:
        in_first_read = self._orig_compress_left - self._compress_left <= _FIRST_READ_BYTES
        if isinstance(self._decrypter, ZipCryptoDecrypter) and in_first_read:
            raise WrongPassword(WRONG_PASSWORD) from None
        raise CorruptZip(f"The zip's compressed data is damaged: {START_AGAIN}.") from None

    def _verify(self, crc: int, expected_crc: int | None) -> None:
        if self._decrypter and not self._decrypter.authenticates(
            self._fileobj.read(self._decrypter.code_size)
        ):
            raise CorruptZip(f"The zip's authentication code is wrong: {START_AGAIN}.")
        if self._decompressor and not self._decompressor.eof:
            raise CorruptZip(f"The zip's compressed data is incomplete: {START_AGAIN}.")
        if self._left:
            raise CorruptZip(f"The zip holds fewer bytes than it declares: {START_AGAIN}.")
        if expected_crc not in (None, crc):
            raise CorruptZip(f"The report does not match its CRC: {START_AGAIN}.")


def _open_member(archive: pyzipper.AESZipFile, info: Any, password: str | bytes) -> _Member:
    # No zip has a password with a lone surrogate, but a UnicodeEncodeError would show it.
    key = password.encode(errors="surrogatepass") if isinstance(password, str) else password
    if info.is_encrypted and not key:
        raise WrongPassword("The zip is encrypted, but there is no password: report this.")
    archive.zipextfile_cls = _Member
    member: _Member = archive.open(info, pwd=key)
    return member


_LAST_STORED_BLOCK = b"\x01\x00\x00\xff\xff"


def _stored_blocks(data: bytes | memoryview) -> bytes:
    """The bytes as stored blocks of deflate: RFC 1951, 3.2.4."""
    blocks: list[bytes | memoryview] = []
    for start in range(0, len(data), 0xFFFF):
        block = data[start : start + 0xFFFF]
        blocks += struct.pack("<BHH", 0, len(block), 0xFFFF - len(block)), block
    return b"".join(blocks)
