"""The contestants of `unzipping`: what gets the plaintext out of an encrypted zip, verified."""

import hashlib
import hmac
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyzipper
from Crypto.Cipher import AES
from Crypto.Util import Counter
from isal import isal_zlib
from stream_unzip import stream_unzip, zipcrypto_decryptor  # type: ignore[attr-defined]

from benchmarks import CHUNK_BYTES, PASSWORD, Cipher
from pingone_reports.encrypted_zip import EncryptedZip
from pingone_reports.records import record_counter

_NO_LIMIT = 1 << 40
_PIECE_BYTES = 512 * 1024

_COMMANDS = {
    "7-Zip": ("7zz", "x", "-so", f"-p{PASSWORD}"),
    "Info-ZIP": ("unzip", "-p", "-P", PASSWORD),
    "bsdtar": ("bsdtar", "-xO", "--passphrase", PASSWORD, "-f"),
}


def _ours(archive: Path) -> Iterator[bytes]:
    with archive.open("rb") as file:
        suffix = ".csv" if ".csv." in archive.name else ".json"
        yield from EncryptedZip(file, PASSWORD, suffix, _NO_LIMIT).stream()


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
    """Who is on this machine and can read this cipher."""
    programs = [
        name
        for name, command in _COMMANDS.items()
        if shutil.which(command[0]) and (name != "Info-ZIP" or cipher == "ZipCrypto")
    ]
    return [*_LIBRARIES, *programs]


def missing_programs() -> list[str]:
    """Who could have taken part."""
    return [name for name, command in _COMMANDS.items() if not shutil.which(command[0])]


def sha256_by(contestant: str, archive: Path) -> str:
    """The hash of what a contestant reads."""
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
    """Ours, with what a fetch does beside: the record count and the SHA-256."""

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


def primitives(archive: str, cipher: Cipher) -> Callable[[], dict[str, float]]:
    """The CPU seconds of each primitive alone, over the zip's bytes in 128 KiB buffers."""
    with Path(archive).open("rb") as file:
        suffix = ".csv" if ".csv." in archive else ".json"
        pieces = list(EncryptedZip(file, PASSWORD, suffix, _NO_LIMIT).pieces())
    plain = [piece.plain for piece in pieces]
    stream = b"".join(piece.deflated for piece in pieces)
    # The keys are any: bytes cost the same under each.
    buffers = [stream[at : at + CHUNK_BYTES] for at in range(0, len(stream), CHUNK_BYTES)]
    seconds: dict[str, float] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        started = time.process_time()
        yield
        seconds[name] = time.process_time() - started

    def run() -> dict[str, float]:
        if cipher == "AES-256":
            counter = Counter.new(128, little_endian=True)
            aes = AES.new(os.urandom(32), AES.MODE_CTR, counter=counter)
            with timed("AES-CTR"):
                for buffer in buffers:
                    aes.decrypt(buffer)
            code = hmac.new(os.urandom(32), digestmod="sha1")
            with timed("HMAC-SHA1"):
                for buffer in buffers:
                    code.update(buffer)
        else:
            decrypt = zipcrypto_decryptor(PASSWORD.encode())
            with timed("ZipCrypto"):
                for buffer in buffers:
                    decrypt(buffer)
        inflater = isal_zlib.decompressobj(-isal_zlib.MAX_WBITS)
        with timed("inflate"):
            for buffer in buffers:
                rest = buffer
                while len(inflater.decompress(rest, _PIECE_BYTES)) == _PIECE_BYTES:
                    rest = inflater.unconsumed_tail
        crc = 0
        with timed("CRC-32"):
            for piece in plain:
                crc = isal_zlib.crc32(piece, crc)
        return seconds

    return run
