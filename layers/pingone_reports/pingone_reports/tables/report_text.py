"""Opens a report's file, plain or `.gz`."""

import io
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from isal import igzip


def open_bytes(report: Path) -> BinaryIO:
    """The report's bytes, unpacked."""
    if report.suffix == ".gz":
        return cast("BinaryIO", igzip.IGzipFile(report))  # type: ignore[no-untyped-call]
    return report.open("rb")


def open_text(report: Path) -> TextIO:
    """The report's text, with its own line ends, without a byte order mark."""
    return io.TextIOWrapper(open_bytes(report), encoding="utf-8-sig", newline="")


def create_text(report: Path) -> TextIO:
    """A new file for text, whose line ends stay as they are."""
    if report.suffix == ".gz":
        packed = igzip.IGzipFile(report, "wb", compresslevel=1)  # type: ignore[no-untyped-call]
        return io.TextIOWrapper(cast("BinaryIO", packed), encoding="utf-8", newline="")
    return report.open("w", encoding="utf-8", newline="")
