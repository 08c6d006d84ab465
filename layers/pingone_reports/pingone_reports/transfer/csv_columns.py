"""The columns of a CSV report, read while it streams."""

import csv
import io
import json

# A first row that is longer, as text or as JSON, is not read as a header. A header of this size
# fits into the manifest, its event (256 KB), the state (256 KiB) and the DynamoDB item (400 KB).
_MOST_HEADER_BYTES = 65_536


class CsvColumns:
    """Reads the header of an RFC 4180 CSV; the rows after it cost nothing."""

    def __init__(self) -> None:
        self._columns: tuple[str, ...] = ()
        self._head: bytes | None = b""
        self._scanned, self._quotes = 0, 0

    def update(self, chunk: bytes) -> None:
        """Take the next bytes of the file."""
        if self._head is not None:
            self._head += chunk
            end = self._end_of_row(self._head)
            if end or len(self._head) > _MOST_HEADER_BYTES:
                self._read(end)

    def finish(self) -> tuple[str, ...]:
        """The names in the header; empty if the first row is too long."""
        if self._head is not None:
            self._read(len(self._head))
        return self._columns

    def _end_of_row(self, head: bytes) -> int:
        """The index after the first row's newline; 0 if that has not come yet, or is too far."""
        while (at := head.find(b"\n", self._scanned, _MOST_HEADER_BYTES)) >= 0:
            self._quotes += head.count(b'"', self._scanned, at)
            self._scanned = at + 1
            if self._quotes % 2 == 0:
                return at + 1
        return 0

    def _read(self, end: int) -> None:
        text = (self._head or b"")[:end].decode("utf-8-sig", errors="replace")
        self._head = None
        columns = tuple(next(csv.reader(io.StringIO(text, newline="")), ()))
        if len(json.dumps(columns)) <= _MOST_HEADER_BYTES:
            self._columns = columns
