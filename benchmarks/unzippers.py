"""The contestants of `unzipping`: readers that turn an encrypted zip into verified plaintext."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyzipper
from stream_unzip import stream_unzip

from benchmarks import CHUNK_BYTES, PASSWORD, Cipher
from pingone_reports.zips.encrypted_zip import EncryptedZip

_NO_LIMIT = 1 << 40

_COMMANDS = {
    "7-Zip": ("7zz", "x", "-so", f"-p{PASSWORD}"),
    "Info-ZIP": ("unzip", "-p", "-P", PASSWORD),
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
