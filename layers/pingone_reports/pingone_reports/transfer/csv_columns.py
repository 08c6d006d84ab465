"""Looking into a CSV report while it streams by: its columns, and device ids that come again."""

import csv
import io
import json
from array import array

# A first row that is longer, as it is or as the JSON of its names, is no header. With these, the
# manifest, its event (256 KB), the state (256 KiB) and the item of DynamoDB (400 KB) hold it.
_MOST_HEADER_BYTES = 65_536

_DEVICE_ID = "deviceid"
# What ends a value or a row, as bytes that are in no device id.
_HIDDEN = bytes.maketrans(b",\n\r", b"\0\1\2")


def loose(name: str) -> str:
    """A name without what is spelling only: PingOne does not document how its header spells."""
    return "".join(filter(str.isalnum, name)).casefold()


class CsvInspector:
    """Reads the header of an RFC 4180 CSV and, where wanted, counts the device ids that repeat.

    Where not, all that follows the header costs nothing.
    """

    def __init__(self, *, count_repeated_ids: bool) -> None:
        self.columns: tuple[str, ...] = ()
        self._count_repeated_ids = count_repeated_ids
        self._head: bytes | None = b""
        self._scanned, self._quotes = 0, 0
        self._ids: _RepeatedIds | None = None

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if self._head is not None:
            self._head += chunk
            end = self._end_of_row(self._head)
            if not end and len(self._head) <= _MOST_HEADER_BYTES:
                return
            chunk = self._head[end:]
            self._read_header(end)
        if self._ids:
            self._ids.update(chunk)

    def finish(self) -> int:
        """The number of device ids that repeat an earlier one, if they were counted."""
        if self._head is not None:
            self._read_header(len(self._head))
        return self._ids.finish() if self._ids else 0

    def _end_of_row(self, head: bytes) -> int:
        """Where the first row ends, behind its newline; 0 if it does not yet, or too late."""
        while (at := head.find(b"\n", self._scanned, _MOST_HEADER_BYTES)) >= 0:
            self._quotes += head.count(b'"', self._scanned, at)
            self._scanned = at + 1
            if self._quotes % 2 == 0:
                return at + 1
        return 0

    def _read_header(self, end: int) -> None:
        text = (self._head or b"")[:end].decode("utf-8-sig", errors="replace")
        self._head = None
        columns = tuple(next(csv.reader(io.StringIO(text, newline="")), ()))
        if len(json.dumps(columns)) <= _MOST_HEADER_BYTES:
            self.columns = columns
        names = [loose(name) for name in self.columns]
        if self._count_repeated_ids and _DEVICE_ID in names:
            self._ids = _RepeatedIds(names.index(_DEVICE_ID), len(names))


class _RepeatedIds:
    """Counts repeated values of one column: a hash of 8 bytes a record is kept, and no id.

    Two of ten million ids have the same hash once in 370,000 reports.
    """

    def __init__(self, column: int, columns: int) -> None:
        self._before, self._after = column, columns - 1 - column
        self._hashes = [array("q") for _ in range(256)]
        self._rest = b""
        self._quoted = False
        self._carriage = b""

    def update(self, chunk: bytes) -> None:
        if self._quoted or b'"' in chunk:
            chunk = self._without_quotes(chunk)
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if lines:
            self._keep(lines)
            self._carriage = b"\r" if lines[-1].endswith(b"\r") else b""

    def finish(self) -> int:
        self._keep([self._rest + self._carriage])
        repeated = sum(len(hashes) - len(set(hashes)) for hashes in self._hashes)
        # A user without a device has no id.
        for nothing in map(hash, (b"", b"\r")):
            repeated -= max(self._hashes[nothing & 255].count(nothing) - 1, 0)
        return repeated

    def _without_quotes(self, chunk: bytes) -> bytes:
        """The chunk with commas and newlines of its structure alone."""
        if self._quoted:
            chunk = b'"' + chunk
        runs = chunk.split(b'"')
        self._quoted = len(runs) % 2 == 0
        runs[1::2] = [run.translate(_HIDDEN) for run in runs[1::2]]
        return b"".join(runs)

    def _keep(self, lines: list[bytes]) -> None:
        # All but the last column's ids come without the carriage return that ends a row. From the
        # nearer end of a row, the fewest values are taken apart.
        before, after = self._before, self._after
        if before <= after:
            ids = [
                values[before]
                for line in lines
                if len(values := line.split(b",", before + 1)) > before
            ]
        else:
            ids = [
                values[1]
                for line in lines
                if len(values := line.rsplit(b",", after + 1)) > after + 1
            ]
        append = [hashes.append for hashes in self._hashes]
        for hashed in map(hash, ids):
            append[hashed & 255](hashed)
