"""A CSV report as the rows that were counted when it landed."""

import codecs
import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TextIO

from pingone_reports.tables.report_text import NO_UTF_8, open_bytes, repair
from pingone_reports.transfer.records import MOST_ROW_BYTES, CsvRecordCounter, plain_csv

_CHUNK = 1 << 20
csv.field_size_limit(MOST_ROW_BYTES)


@dataclass(frozen=True)
class CsvShape:
    """A CSV's columns, and what ends each row; empty if its rows have to be written anew."""

    columns: tuple[str, ...]
    line_end: str

    @property
    def plain(self) -> bool:
        """Whether DuckDB reads the file as it is."""
        # DuckDB takes the first line end that it meets, even a quoted one, for that of all rows.
        quoted = any("\r" in name or "\n" in name for name in self.columns)
        return bool(self.line_end) and not (quoted and self.line_end == "\r\n")


def csv_shape(report: Path) -> CsvShape:
    """The shape of a CSV report, which is read once; raises InvalidReport if it is no table."""
    counter, decoder = CsvRecordCounter(), codecs.getincrementaldecoder("utf-8")()
    is_utf_8 = True
    for chunk in chain(_chunks(report), [b""]):
        counter.update(chunk)
        try:
            decoder.decode(chunk, not chunk)
        except UnicodeDecodeError:
            is_utf_8 = False
    counter.finish()
    return CsvShape(counter.columns, counter.line_end if is_utf_8 else "")


def csv_to_rows(report: Path, rows: TextIO) -> int:
    """Write the header and each row, with line feeds; returns how many cells had to be repaired."""
    writerow, repaired = csv.writer(rows, lineterminator="\n").writerow, 0
    for row in csv.reader(_lines(report), strict=True):
        repaired += repair(row)
        writerow(row)
    return repaired


def _lines(report: Path) -> Iterator[str]:
    decoder, rest = codecs.getincrementaldecoder("utf-8")(NO_UTF_8), ""
    for plain in plain_csv(_chunks(report)):
        *lines, rest = (rest + decoder.decode(plain)).split("\n")
        yield from (f"{line}\n" for line in lines)


def _chunks(report: Path) -> Iterator[bytes]:
    with open_bytes(report) as file:
        yield from iter(partial(file.read, _CHUNK), b"")
