"""Opens a report's file, plain or `.gz`, and repairs its text."""

import codecs
import io
from collections.abc import MutableSequence
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from isal import igzip

from pingone_reports.model.text import SURROGATE

# Stands for bytes that are no UTF-8, and is no character, as half of one in JSON is none.
_NO_CHARACTER = "\udfff"
NO_UTF_8 = "no UTF-8"


def _no_character(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return _NO_CHARACTER, error.end


codecs.register_error(NO_UTF_8, _no_character)


def repair(cells: MutableSequence[Any]) -> int:
    """Put U+FFFD in the place of what is no character; returns in how many cells."""
    broken = [at for at, cell in enumerate(cells) if cell and SURROGATE.search(cell)]
    for at in broken:
        cells[at] = SURROGATE.sub("\ufffd", cells[at] or "")
    return len(broken)


def open_bytes(report: Path) -> BinaryIO:
    """The report's bytes, unpacked."""
    if report.suffix == ".gz":
        return cast("BinaryIO", igzip.IGzipFile(report))  # type: ignore[no-untyped-call]
    return report.open("rb")


def open_text(report: Path) -> TextIO:
    """The report's text, with its own line ends, without a byte order mark. Then `repair` it."""
    return io.TextIOWrapper(open_bytes(report), encoding="utf-8-sig", errors=NO_UTF_8, newline="")


def create_text(report: Path) -> TextIO:
    """A new file for text, whose line ends stay as they are."""
    if report.suffix == ".gz":
        packed = igzip.IGzipFile(report, "wb", compresslevel=1)  # type: ignore[no-untyped-call]
        return io.TextIOWrapper(cast("BinaryIO", packed), encoding="utf-8", newline="")
    return report.open("w", encoding="utf-8", newline="")
