"""The contestants of `unzipping`: readers that turn an encrypted zip into verified plaintext."""

import hashlib
import hmac
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyzipper
from Crypto.Cipher import AES
from Crypto.Util import Counter
from isal import igzip_lib, isal_zlib
from stream_unzip import stream_unzip

from benchmarks import CHUNK_BYTES, PASSWORD, Cipher
from pingone_reports.transfer.records import record_counter
from pingone_reports.zips.encrypted_zip import EncryptedZip, Piece
from pingone_reports.zips.zipcrypto import ZipCrypto

_NO_LIMIT = 1 << 40

_COMMANDS = {
    "7-Zip": ("7zz", "x", "-so", f"-p{PASSWORD}"),
    "Info-ZIP": ("unzip", "-p", "-P", PASSWORD),
    "bsdtar": ("bsdtar", "-xO", "--passphrase", PASSWORD, "-f"),
}


def _ours(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as file:
        suffix = ".csv" if ".csv." in archive.name else ".json"
        zipped = EncryptedZip(file, PASSWORD, suffix, _NO_LIMIT)
        yield from (piece.plain for piece in zipped.pieces())


def _pyzipper(archive: Path) -> Iterator[bytes]:
    with (
        pyzipper.AESZipFile(archive) as zipped,
        zipped.open(zipped.namelist()[0], pwd=PASSWORD.encode()) as member,
    ):
        while chunk := member.read(CHUNK_BYTES):
            yield chunk


def _stream_unzip(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as file:
        chunks = iter(lambda: file.read(CHUNK_BYTES), b"")
        for _name, _size, unzipped in stream_unzip(chunks, password=PASSWORD.encode()):
            yield from unzipped


_LIBRARIES = {"ours": _ours, "pyzipper": _pyzipper, "stream-unzip": _stream_unzip}


def contestants(cipher: Cipher) -> list[str]:
    """The readers that are on this machine and can read this cipher."""
    programs = [
        name
        for name, command in _COMMANDS.items()
        if shutil.which(command[0]) and (name != "Info-ZIP" or cipher == "ZipCrypto")
    ]
    return [*_LIBRARIES, *programs]


def missing_programs() -> list[str]:
    """The programs that are not on this machine."""
    return [name for name, command in _COMMANDS.items() if not shutil.which(command[0])]


def sha256_by(contestant: str, archive: Path) -> str:
    """The SHA-256 of the plaintext that a contestant reads."""
    digest = hashlib.sha256()
    if contestant in _LIBRARIES:
        for chunk in _LIBRARIES[contestant](archive):
            digest.update(chunk)
    else:
        command = [*_COMMANDS[contestant], str(archive)]
        digest.update(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return digest.hexdigest()


def unzip(contestant: str, archive: str) -> Callable[[], None]:
    """Read the zip and drop the plaintext."""

    def run() -> None:
        if contestant in _LIBRARIES:
            for _chunk in _LIBRARIES[contestant](Path(archive)):
                pass
        else:
            command = [*_COMMANDS[contestant], archive]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    return run


def unzip_count_and_hash(archive: str) -> Callable[[], int]:
    """Our reader, with the record count and the SHA-256 of a fetch."""

    def run() -> int:
        path = Path(archive)
        counter, digest = (
            record_counter("csv" if ".csv." in path.name else "json"),
            hashlib.sha256(),
        )
        for chunk in _ours(path):
            counter.update(chunk)
            digest.update(chunk)
        return counter.finish()

    return run


class Stopwatch:
    """This process's CPU seconds, by purpose."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timing(self, name: str) -> Iterator[None]:
        """Add the time of the context's body."""
        started = time.process_time()
        yield
        self.seconds[name] = self.seconds.get(name, 0) + time.process_time() - started


def primitives(archive: str, cipher: Cipher) -> Callable[[], dict[str, float]]:
    """The CPU seconds of each primitive alone, on the same pieces that our reader decrypts."""

    def run() -> dict[str, float]:
        watch = Stopwatch()
        for _piece in time_primitives(archive, cipher, watch):
            pass
        return watch.seconds

    return run


def time_primitives(archive: str, cipher: Cipher, watch: Stopwatch) -> Iterator[Piece]:
    """The pieces that our reader reads, each after the primitives were timed on it."""
    # Any keys will do: bytes cost the same under each.
    aes = AES.new(os.urandom(32), AES.MODE_CTR, counter=Counter.new(128, little_endian=True))
    code = hmac.new(os.urandom(32), digestmod="sha1")
    zipcrypto = ZipCrypto(PASSWORD.encode(), CHUNK_BYTES)
    inflater, output = igzip_lib.IgzipDecompressor(), memoryview(bytearray(CHUNK_BYTES))
    with zipfile.ZipFile(archive) as opened:
        # AE-2 has no CRC.
        has_crc = opened.infolist()[0].CRC != 0
    with Path(archive).open("rb") as file:
        suffix = ".csv" if ".csv." in archive else ".json"
        zipped = EncryptedZip(file, PASSWORD, suffix, _NO_LIMIT)
        # All primitives run on one piece before the next, so that all find it in the CPU's cache.
        for piece in zipped.pieces():
            buffer = bytes(piece.deflated)
            if cipher == "AES-256":
                with watch.timing("HMAC-SHA1"):
                    code.update(buffer)
                with watch.timing("AES-CTR"):
                    aes.decrypt(buffer, output=output[: len(buffer)])
            else:
                with watch.timing("ZipCrypto"):
                    zipcrypto.decrypt(buffer)
            with watch.timing("inflate"):
                inflater.decompress(buffer, len(piece.plain))
            if has_crc:
                with watch.timing("CRC-32"):
                    isal_zlib.crc32(piece.plain)
            yield piece
