"""A report's zip: checked before its first byte is decrypted, and streamed in bounded memory.

pyzipper reads the format. What is slow in it is replaced through its own extension points, by
subclassing: the ciphers (zip_ciphers.py), the inflater, the CRC and the loop around them.
"""

import io
import stat
import struct
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn, Protocol

import pyzipper
from isal import igzip_lib, isal_zlib
from pyzipper.zipfile import _ECD_LOCATION, _EndRecData
from pyzipper.zipfile_aes import AESZipExtFile, AESZipInfo

from pingone_reports.errors import (
    CorruptZip,
    ReportTooLarge,
    TruncatedZip,
    UnexpectedMember,
    UnsupportedCompression,
    UnsupportedEncryption,
    WrongPassword,
)
from pingone_reports.zips.ciphers import (
    AES_KEY_BITS,
    MAX_BYTES,
    WRONG_PASSWORD,
    AesDecrypter,
    Decrypter,
    ZipCryptoDecrypter,
    encryption_overhead,
)

# Measured with AES-256: reads of 4 KiB run at half this speed, of 32 KiB at 93%. Bigger plaintext
# gains nothing, and at times costs a third: the allocator hands it back to the system each time.
_READ_BYTES = MAX_BYTES
_PLAIN_BYTES = 256 * 1024
# Random bytes are no deflate stream for longer than this: see EncryptedZip.
_FIRST_READ_BYTES = 1024
# More than the directory of any zip with one member, and all that a hostile one can make us hold.
_MAX_DIRECTORY_BYTES = 1024 * 1024

# APPNOTE.TXT, 4.3.7, 4.3.14, 4.3.15 and 4.4.
_LOCAL_HEADER_START = b"PK\3\4"
# Its start, flags, method, CRC, both sizes and the lengths of name and extra field.
_LOCAL_HEADER = struct.Struct("<4s2xHH4xLLLHH")
_LOCATOR_START, _LOCATOR = b"PK\6\7", struct.Struct("<4s4xQ4x")
# The record's start and the bytes that follow; and how long it is at least.
_ZIP64_END_START, _ZIP64_END, _ZIP64_END_BYTES = b"PK\6\6", struct.Struct("<4sQ"), 56
_ENCRYPTED, _PATCHED_DATA, _STRONG_ENCRYPTION, _MASKED_HEADERS = 1 << 0, 1 << 5, 1 << 6, 1 << 13
_STORED, _DEFLATED, _AES_METHOD = 0, 8, 99
_UNIX = 3

# What pyzipper raises on bytes that are no zip.
_PARSER_ERRORS = (
    pyzipper.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
    struct.error,
)
_START_AGAIN = "run the export again"


class Piece(NamedTuple):
    """A stretch of the member, in two forms. Neither is whole: join the pieces of a form."""

    deflated: bytes | memoryview
    """Of the member's deflate stream, decrypted; a stored member gets one of stored blocks.

    Copy what is to be kept: the buffer of a view takes the next piece.
    """
    plain: bytes


class SeekableFile(Protocol):
    """What is read of a binary file, or of a download that looks like one."""

    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def tell(self) -> int: ...
    def seekable(self) -> bool: ...
    def read(self, size: int = ..., /) -> bytes: ...


class EncryptedZip:
    """The one report in a zip, open or encrypted with ZipCrypto or WinZip AES.

    `file` is read like this, so that it can be a download: its tail, then the member once, from
    its local header on, without a gap. `member_suffix` is ".csv" or ".json"; `max_size` is the
    limit for the plaintext, in bytes.

    Raises TruncatedZip, CorruptZip, UnexpectedMember, UnsupportedEncryption,
    UnsupportedCompression, ReportTooLarge or WrongPassword; and lets the file's own ExportErrors
    pass. AES tells a wrong password but for one in 65 536, ZipCrypto by itself only but for one
    in 256. What passes ZipCrypto's check is random bytes to the inflater, which finds fault with
    them within the first KiB: so that is called a wrong password, although it may be damage, and
    what comes later is called damage. A stored member has only its CRC, so there it is damage too.
    """

    encryption: str
    """"none", "ZipCrypto", "AES-128", "AES-192" or "AES-256"."""
    size: int
    """Of the plaintext, in bytes, as the zip declares it; `stream` holds it to that."""
    compressed_size: int
    """Of the member in the zip, in bytes, with what its encryption adds."""
    crc: int | None
    """CRC-32 of the plaintext; AE-2 leaves it out."""

    def __init__(
        self, file: SeekableFile, password: str | bytes, member_suffix: str, max_size: int
    ) -> None:
        archive = _read_directory(_Source(file))
        info = _only_member(archive)
        _check_place(info, archive.start_dir)
        # Before it is judged: what is in one header alone is damage, and worth another try.
        _compare(_read_local_header(archive, info), info)
        _check_name(info, member_suffix)
        self.encryption = _encryption_of(info)
        _check_compression(info)
        self.size = info.file_size
        self.compressed_size = info.compress_size
        self.crc = None if info.wz_aes_version == 2 else info.CRC
        _check_sizes(info, max_size)
        self._member: _Member | None = _open_member(archive, info, password)

    def stream(self) -> Iterator[bytes]:
        """The plaintext, once, in chunks of up to 256 KiB.

        It is the report only if the iterator ends without an error: then its size, its CRC, the
        AES authentication code and the end of the deflate stream have all been verified.
        """
        return (piece.plain for piece in self.pieces() if piece.plain)

    def pieces(self) -> Iterator[Piece]:
        """Like `stream`, and in place of it: the plaintext and the deflate stream it came from."""
        member, self._member = self._member, None
        if member is None:
            raise RuntimeError("An EncryptedZip can be streamed once.")
        return member.pieces(self.crc)


class _Source:
    """The file as pyzipper sees it: no read is short, and none is of a size that no zip needs."""

    def __init__(self, file: SeekableFile) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes; or, if that is negative, the rest."""
        if size > _MAX_DIRECTORY_BYTES:
            raise CorruptZip(f"The zip's directory is too large to be true: {_START_AGAIN}.")
        data = self._file.read(size)
        while 0 < len(data) < size and (more := self._file.read(size - len(data))):
            data += more
        if len(data) < size:
            raise TruncatedZip(f"The zip ends before its data does: {_START_AGAIN}.")
        return data


class _Shortened:
    """A file without some of its bytes. Like the file's, no read is short."""

    def __init__(self, file: _Source, left_out: range) -> None:
        self._file = file
        self._left_out = left_out
        self.seekable = file.seekable

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            base = self.tell() if whence == io.SEEK_CUR else self._file.seek(0, io.SEEK_END)
            offset += base - (len(self._left_out) if whence == io.SEEK_END else 0)
        behind = offset >= self._left_out.start
        self._file.seek(offset + len(self._left_out) if behind else offset)
        return offset

    def tell(self) -> int:
        position = self._file.tell()
        return position if position < self._left_out.stop else position - len(self._left_out)

    def read(self, size: int = -1) -> bytes:
        until = self._left_out.start - self._file.tell()
        if until <= 0 or 0 <= size < until:
            return self._file.read(size)
        data = self._file.read(until)
        self._file.seek(self._left_out.stop)
        return data + self._file.read(size - until if size > 0 else size)


class _Member(AESZipExtFile):  # type: ignore[misc]
    """pyzipper's member, read with `pieces` in place of `read`."""

    _decrypter: Decrypter | None
    _decompressor: igzip_lib.IgzipDecompressor | None

    def process_local_header(self) -> None:
        # That has been read: the member's data is where the file is now.
        self._fileobj.seek(0, io.SEEK_CUR)

    def setup_aeszipdecrypter(self) -> type[AesDecrypter]:
        super().setup_aeszipdecrypter()
        return AesDecrypter

    def setup_crczipdecrypter(self) -> type[ZipCryptoDecrypter]:
        super().setup_crczipdecrypter()
        return ZipCryptoDecrypter

    def get_decompressor(self, compress_type: int) -> igzip_lib.IgzipDecompressor | None:
        return None if compress_type == _STORED else igzip_lib.IgzipDecompressor()

    def pieces(self, expected_crc: int | None) -> Iterator[Piece]:
        """All of the member, then the checks. `_left` is what remains of the declared size."""
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
                    raise CorruptZip(f"The zip holds more bytes than it declares: {_START_AGAIN}.")
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
            # One byte more than may come shows a bomb, without unpacking it.
            limit = min(_PLAIN_BYTES, self._left + 1)
            try:
                plain = inflater.decompress(data, limit)
            except igzip_lib.IsalError:  # type: ignore[misc]  # its stub forgets type[]
                self._fail_inflating()
            if inflater.eof and (inflater.unused_data or self._compress_left):
                self._fail_inflating()
            yield plain
            # It keeps what input is left, and may hold on to output even when none is.
            full = len(plain) == limit and not inflater.eof
            data = b""

    def _fail_inflating(self) -> NoReturn:
        in_first_read = self._orig_compress_left - self._compress_left <= _FIRST_READ_BYTES
        if isinstance(self._decrypter, ZipCryptoDecrypter) and in_first_read:
            raise WrongPassword(WRONG_PASSWORD) from None
        raise CorruptZip(f"The zip's compressed data is damaged: {_START_AGAIN}.") from None

    def _verify(self, crc: int, expected_crc: int | None) -> None:
        if self._decrypter and not self._decrypter.authenticates(
            self._fileobj.read(self._decrypter.code_size)
        ):
            raise CorruptZip(f"The zip's authentication code does not hold: {_START_AGAIN}.")
        if self._decompressor and not self._decompressor.eof:
            raise CorruptZip(f"The zip's compressed data has no end: {_START_AGAIN}.")
        if self._left:
            raise CorruptZip(f"The zip holds fewer bytes than it declares: {_START_AGAIN}.")
        if expected_crc not in (None, crc):
            raise CorruptZip(f"The report does not match its CRC: {_START_AGAIN}.")


class _Archive(pyzipper.AESZipFile):  # type: ignore[misc]
    zipextfile_cls = _Member


def _read_directory(source: _Source) -> _Archive:
    try:
        end = _EndRecData(source)
        if not end:
            _fail_without_directory(source)
        return _Archive(_without_extensible_data(source, end[_ECD_LOCATION]))
    except NotImplementedError:
        raise UnsupportedCompression(
            "The zip asks for a newer reader than version 6.3 of the format: report this."
        ) from None
    except _PARSER_ERRORS:
        raise CorruptZip(f"The zip's directory is damaged: {_START_AGAIN}.") from None


def _without_extensible_data(source: _Source, end: int) -> _Source | _Shortened:
    """The zip as pyzipper expects it: its zip64 end record may be longer.

    `end` is where the end record begins, behind the zip64 end record and its locator.
    """
    locator = end - _LOCATOR.size
    if locator < 0:
        return source
    source.seek(locator)
    start, record = _LOCATOR.unpack(source.read(_LOCATOR.size))
    extensible = range(record + _ZIP64_END_BYTES, locator)
    if start != _LOCATOR_START or not 0 < len(extensible) <= _MAX_DIRECTORY_BYTES:
        return source
    source.seek(record)
    start, size = _ZIP64_END.unpack(source.read(_ZIP64_END.size))
    if start != _ZIP64_END_START or record + _ZIP64_END.size + size != locator:
        return source
    return _Shortened(source, extensible)


def _fail_without_directory(source: _Source) -> NoReturn:
    """Tell a zip whose end is missing from what is no zip at all."""
    source.seek(0)
    if source.read(len(_LOCAL_HEADER_START)) == _LOCAL_HEADER_START:
        raise TruncatedZip(f"The zip ends before its directory: {_START_AGAIN}.")
    raise CorruptZip(f"What came in place of the zip is no zip: {_START_AGAIN}.")


def _only_member(archive: _Archive) -> Any:
    members = [info for info in archive.infolist() if not info.filename.endswith("/")]
    if len(members) != 1:
        raise UnexpectedMember(
            f"The zip holds {len(members)} files in place of one report: report this."
        )
    return members[0]


def _check_place(info: Any, directory_start: int) -> None:
    data_end = info.header_offset + _LOCAL_HEADER.size + info.compress_size
    if info.header_offset < 0 or data_end > directory_start:
        raise CorruptZip(f"The sizes in the zip's directory cannot be: {_START_AGAIN}.")


def _read_local_header(archive: _Archive, info: Any) -> Any:
    """The header in front of the member's data, like its entry in the directory."""
    source, local = archive.fp, AESZipInfo()
    try:
        source.seek(info.header_offset)
        (
            start,
            local.flag_bits,
            local.compress_type,
            local.CRC,
            local.compress_size,
            local.file_size,
            name_bytes,
            extra_bytes,
        ) = _LOCAL_HEADER.unpack(source.read(_LOCAL_HEADER.size))
        if start != _LOCAL_HEADER_START:
            raise pyzipper.BadZipFile
        name = source.read(name_bytes)
        local.orig_filename = name.decode("utf-8" if info.is_utf_filename else "cp437")
        local.header_offset = 0
        local.extra = source.read(extra_bytes)
        local._decodeExtra()
    except _PARSER_ERRORS:
        raise CorruptZip(f"The header of the zip's file is damaged: {_START_AGAIN}.") from None
    return local


def _compare(local: Any, info: Any) -> None:
    """One header checks the other: AES authenticates neither, and AE-2 has no CRC."""
    same = _identity(local) == _identity(info)
    # A producer that streams writes the sizes and the CRC behind the data.
    if same and not local.use_datadescripter:
        sizes = local.compress_size, local.file_size
        same = sizes == (info.compress_size, info.file_size)
        # AE-2 has none.
        same &= info.wz_aes_version is not None or local.CRC == info.CRC
    if not same:
        raise CorruptZip(f"The zip's directory contradicts its file's header: {_START_AGAIN}.")


def _identity(header: Any) -> tuple[object, ...]:
    """What both headers of a member say alike.

    Not the AES field's version: libarchive learns too late for the local header which it is.
    """
    return (
        header.orig_filename,
        header.flag_bits & (_ENCRYPTED | _PATCHED_DATA | _STRONG_ENCRYPTION | _MASKED_HEADERS),
        header.compress_type,
        header.wz_aes_vendor_id,
        header.wz_aes_strength,
        _is_known_aes(header),
    )


def _check_name(info: Any, suffix: str) -> None:
    if not info.filename.lower().endswith(suffix):
        raise UnexpectedMember(f"The zip's one file is no {suffix}: report this.")
    # Not everything but regular files: Info-ZIP calls what it got through a pipe a pipe.
    file_type = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    if file_type in (stat.S_IFLNK, stat.S_IFDIR):
        raise UnexpectedMember("The zip's one member is a link or a directory: report this.")


def _encryption_of(info: Any) -> str:
    is_aes = info.wz_aes_version is not None
    if (
        info.flag_bits & (_STRONG_ENCRYPTION | _MASKED_HEADERS)
        # pyzipper puts the compression in its place where it finds the AES field.
        or info.compress_type == _AES_METHOD
        or (is_aes and not (info.is_encrypted and _is_known_aes(info)))
    ):
        raise UnsupportedEncryption(
            "The zip's encryption is neither ZipCrypto nor WinZip AES: report this."
        )
    if is_aes:
        return f"AES-{AES_KEY_BITS[info.wz_aes_strength]}"
    return "ZipCrypto" if info.is_encrypted else "none"


def _is_known_aes(info: Any) -> bool:
    return (
        info.wz_aes_vendor_id == b"AE"
        and info.wz_aes_version in (1, 2)
        and info.wz_aes_strength in AES_KEY_BITS
    )


def _check_compression(info: Any) -> None:
    if info.compress_type not in (_STORED, _DEFLATED) or info.flag_bits & _PATCHED_DATA:
        raise UnsupportedCompression(
            f"The zip's compression (method {info.compress_type}) is neither deflate nor none: "
            "report this."
        )


def _check_sizes(info: Any, max_size: int) -> None:
    if info.file_size > max_size:
        raise ReportTooLarge(
            f"The report has {info.file_size} bytes where {max_size} are allowed: raise the limit "
            "or ask for fewer fields."
        )
    data_size = info.compress_size - encryption_overhead(info)
    if data_size < 0 or (info.compress_type == _STORED and data_size != info.file_size):
        raise CorruptZip(f"The sizes in the zip's directory cannot be: {_START_AGAIN}.")


def _open_member(archive: _Archive, info: Any, password: str | bytes) -> _Member:
    # A lone surrogate is no password of any zip, but its UnicodeEncodeError would show it.
    key = password.encode(errors="surrogatepass") if isinstance(password, str) else password
    if info.is_encrypted and not key:
        raise WrongPassword("The zip is encrypted, but there is no password: report this.")
    member: _Member = archive.open(info, pwd=key)
    return member


_LAST_STORED_BLOCK = b"\x01\x00\x00\xff\xff"


def _stored_blocks(data: bytes | memoryview) -> bytes:
    """Deflate's way to hold bytes as they are: RFC 1951, 3.2.4."""
    blocks: list[bytes | memoryview] = []
    for start in range(0, len(data), 0xFFFF):
        block = data[start : start + 0xFFFF]
        blocks += struct.pack("<BHH", 0, len(block), 0xFFFF - len(block)), block
    return b"".join(blocks)
