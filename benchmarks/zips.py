"""A devices report on disk, and the real programs that make encrypted zips of it."""

import shutil
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import pyzipper

from benchmarks import CHUNK_BYTES, PASSWORD, Cipher
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport

CIPHERS: tuple[Cipher, ...] = ("AES-256", "ZipCrypto")
FORMATS = ("csv", "json")


def blocks(format_name: str, rows: int, fields: Sequence[str] = DEFAULT_FIELDS) -> Iterator[bytes]:
    """A report of `rows` devices; its fields are the documentation's five, if nothing is said."""
    report = DevicesReport(rows, fields)
    text = report.csv_blocks() if format_name == "csv" else report.json_blocks()
    return (block.encode() for block in text)


def write_report(
    folder: Path, format_name: str, rows: int, fields: Sequence[str] = DEFAULT_FIELDS
) -> Path:
    """The report as a file."""
    path = folder / f"devices-{rows}-{len(fields)}.{format_name}"
    with path.open("wb") as file:
        file.writelines(blocks(format_name, rows, fields))
    return path


def _seven_zip(file: Path, archive: Path, cipher: Cipher) -> None:
    method = {"AES-256": "AES256", "ZipCrypto": "ZipCrypto"}[cipher]
    _call("7zz", "a", "-tzip", f"-mem={method}", f"-p{PASSWORD}", "-bso0", archive, file)


def _info_zip(file: Path, archive: Path, _cipher: Cipher) -> None:
    _call("zip", "-q", "-j", "-P", PASSWORD, archive, file)


def _pyzipper(file: Path, archive: Path, _cipher: Cipher) -> None:
    with file.open("rb") as source:
        stream_into_zip(iter(lambda: source.read(CHUNK_BYTES), b""), file.name, archive, level=6)


def stream_into_zip(chunks: Iterable[bytes], name: str, archive: Path, *, level: int) -> None:
    """An AES-256 zip by pyzipper; the content need not fit into memory."""
    with pyzipper.AESZipFile(
        archive,
        "w",
        compression=pyzipper.ZIP_DEFLATED,
        compresslevel=level,
        encryption=pyzipper.WZ_AES,
    ) as zipped:
        zipped.setpassword(PASSWORD.encode())
        with zipped.open(name, "w", force_zip64=True) as member:
            for chunk in chunks:
                member.write(chunk)


_Producer = Callable[[Path, Path, Cipher], None]
_PRODUCERS: dict[str, tuple[str | None, tuple[Cipher, ...], _Producer]] = {
    "7-Zip": ("7zz", CIPHERS, _seven_zip),
    "Info-ZIP": ("zip", ("ZipCrypto",), _info_zip),
    "pyzipper": (None, ("AES-256",), _pyzipper),
}


def producers(cipher: Cipher) -> list[str]:
    """The producers on this machine that use this cipher; pyzipper is always there for AES-256."""
    return [
        name
        for name, (program, ciphers, _) in _PRODUCERS.items()
        if cipher in ciphers and (program is None or shutil.which(program))
    ]


def make_zip(producer: str, file: Path, cipher: Cipher) -> Path:
    """Make the zip of a file, beside the file."""
    archive = file.parent / f"{file.name}.{producer}.{cipher}.zip"
    _PRODUCERS[producer][2](file, archive, cipher)
    return archive


def _call(*command: str | Path) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
