"""Reads and checks the two headers of the one file in a zip.

pyzipper reads the format. This module checks what pyzipper trusts.
"""

import io
import stat
import struct
from typing import Any, NoReturn, Protocol

import pyzipper
from pyzipper.zipfile import _ECD_LOCATION, _EndRecData
from pyzipper.zipfile_aes import AESZipInfo

from pingone_reports.errors import (
    CorruptZip,
    ReportTooLarge,
    TruncatedZip,
    UnexpectedMember,
    UnsupportedCompression,
    UnsupportedEncryption,
)
from pingone_reports.zips.ciphers import AES_KEY_BITS, encryption_overhead

START_AGAIN = "run the export again"
"""What to do about a zip that was damaged on its way."""
STORED = 0
"""The compression method of a member that is not compressed."""

# No zip with one member has a larger directory. A hostile zip cannot make us hold more.
_MAX_DIRECTORY_BYTES = 1024 * 1024

# APPNOTE.TXT, 4.3.7, 4.3.14, 4.3.15 and 4.4.
_LOCAL_HEADER_START = b"PK\3\4"
# Signature, flags, method, CRC, both sizes and the lengths of name and extra field.
_LOCAL_HEADER = struct.Struct("<4s2xHH4xLLLHH")
_LOCATOR_START, _LOCATOR = b"PK\6\7", struct.Struct("<4s4xQ4x")
# The record's signature and the number of bytes that follow; and its least size.
_ZIP64_END_START, _ZIP64_END, _ZIP64_END_BYTES = b"PK\6\6", struct.Struct("<4sQ"), 56
_ENCRYPTED, _PATCHED_DATA, _STRONG_ENCRYPTION, _MASKED_HEADERS = 1 << 0, 1 << 5, 1 << 6, 1 << 13
_DEFLATED, _AES_METHOD = 8, 99
_UNIX = 3

# What pyzipper raises for bytes that are not a zip.
_PARSER_ERRORS = (
    pyzipper.BadZipFile,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    IndexError,
    struct.error,
)


class SeekableFile(Protocol):
    """What a binary file must be able to do, or a download that acts as one."""

    def seek(self, offset: int, whence: int = ..., /) -> int: ...
    def tell(self) -> int: ...
    def seekable(self) -> bool: ...
    def read(self, size: int = ..., /) -> bytes: ...


def only_member(file: SeekableFile, suffix: str, max_size: int) -> tuple[pyzipper.AESZipFile, Any]:
    """The archive and its one member, checked before its first byte is read.

    The file is then at the start of the member's data. Raises the errors of EncryptedZip except
    WrongPassword.
    """
    archive = _read_directory(_Source(file))
    info = _only_member(archive)
    _check_place(info, archive.start_dir)
    # This comes before the other checks: headers that differ are damage, and a retry may help.
    _compare(_read_local_header(archive, info), info)
    _check_name(info, suffix)
    _check_encryption(info)
    _check_compression(info)
    _check_sizes(info, max_size)
    return archive, info


class _Source:
    """The file for pyzipper: no read is short, and none is larger than a zip needs."""

    def __init__(self, file: SeekableFile) -> None:
        self._file = file
        self.seek, self.tell, self.seekable = file.seek, file.tell, file.seekable

    def read(self, size: int = -1) -> bytes:
        """Exactly `size` bytes; the whole rest if `size` is negative."""
        if size > _MAX_DIRECTORY_BYTES:
            raise CorruptZip(f"The zip's directory is impossibly large: {START_AGAIN}.")
        data = self._file.read(size)
        while 0 < len(data) < size and (more := self._file.read(size - len(data))):
            data += more
        if len(data) < size:
            raise TruncatedZip(f"The zip's data is cut off: {START_AGAIN}.")
        return data


class _Shortened:
    """A file without some of its bytes; no read is short here either."""

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


def _read_directory(source: _Source) -> pyzipper.AESZipFile:
    try:
        end = _EndRecData(source)
        if not end:
            _fail_without_directory(source)
        return pyzipper.AESZipFile(_without_extensible_data(source, end[_ECD_LOCATION]))
    except NotImplementedError:
        raise UnsupportedCompression(
            "The zip needs a newer version of the zip format than 6.3: report this."
        ) from None
    except _PARSER_ERRORS:
        raise CorruptZip(f"The zip's directory is damaged: {START_AGAIN}.") from None


def _without_extensible_data(source: _Source, end: int) -> _Source | _Shortened:
    """The zip without the extensible data of its zip64 end record, which pyzipper cannot read.

    `end` is where the end record begins, after the zip64 end record and its locator.
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
    """Tell a zip whose end is missing from bytes that are not a zip."""
    source.seek(0)
    if source.read(len(_LOCAL_HEADER_START)) == _LOCAL_HEADER_START:
        raise TruncatedZip(f"The zip ends before its directory: {START_AGAIN}.")
    raise CorruptZip(f"The download is not a zip: {START_AGAIN}.")


def _only_member(archive: pyzipper.AESZipFile) -> Any:
    members = [info for info in archive.infolist() if not info.filename.endswith("/")]
    if len(members) != 1:
        raise UnexpectedMember(
            f"The zip holds {len(members)} files instead of one report: report this."
        )
    return members[0]


def _check_place(info: Any, directory_start: int) -> None:
    data_end = info.header_offset + _LOCAL_HEADER.size + info.compress_size
    if info.header_offset < 0 or data_end > directory_start:
        raise CorruptZip(f"The sizes in the zip's directory cannot be: {START_AGAIN}.")


def _read_local_header(archive: pyzipper.AESZipFile, info: Any) -> Any:
    """The header before the member's data, in the form of a directory entry."""
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
        raise CorruptZip(f"The header of the zip's file is damaged: {START_AGAIN}.") from None
    return local


def _compare(local: Any, info: Any) -> None:
    """Check the headers against each other: AES authenticates neither, and AE-2 has no CRC."""
    same = _identity(local) == _identity(info)
    # A streaming producer writes the sizes and the CRC after the data.
    if same and not local.use_datadescripter:
        sizes = local.compress_size, local.file_size
        same = sizes == (info.compress_size, info.file_size)
        # AE-2 has no CRC.
        same &= info.wz_aes_version is not None or local.CRC == info.CRC
    if not same:
        raise CorruptZip(f"The zip's directory contradicts its file's header: {START_AGAIN}.")


def _identity(header: Any) -> tuple[object, ...]:
    """The values that both headers of a member must share.

    The AES field's version is not one: libarchive writes the local header before it knows it.
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
        raise UnexpectedMember(f"The zip's one file is not a {suffix} file: report this.")
    # Other types are allowed: Info-ZIP marks a file that it read from a pipe as a pipe.
    file_type = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    if file_type in (stat.S_IFLNK, stat.S_IFDIR):
        raise UnexpectedMember("The zip's one member is a link or a directory: report this.")


def _check_encryption(info: Any) -> None:
    is_aes = info.wz_aes_version is not None
    if (
        info.flag_bits & (_STRONG_ENCRYPTION | _MASKED_HEADERS)
        # pyzipper replaces this method with the real one if it finds the AES field.
        or info.compress_type == _AES_METHOD
        or (is_aes and not (info.is_encrypted and _is_known_aes(info)))
    ):
        raise UnsupportedEncryption(
            "The zip's encryption is neither ZipCrypto nor WinZip AES: report this."
        )


def _is_known_aes(info: Any) -> bool:
    return (
        info.wz_aes_vendor_id == b"AE"
        and info.wz_aes_version in (1, 2)
        and info.wz_aes_strength in AES_KEY_BITS
    )


def _check_compression(info: Any) -> None:
    if info.compress_type not in (STORED, _DEFLATED) or info.flag_bits & _PATCHED_DATA:
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
    if data_size < 0 or (info.compress_type == STORED and data_size != info.file_size):
        raise CorruptZip(f"The sizes in the zip's directory cannot be: {START_AGAIN}.")
