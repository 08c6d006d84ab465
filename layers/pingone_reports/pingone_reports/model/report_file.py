"""A report's files: format, compression, and the facts about a file that landed."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Format(StrEnum):
    """The formats in which PingOne delivers a report."""

    CSV = "csv"
    JSON = "json"


class Compression(StrEnum):
    """How files are compressed in the bucket."""

    NONE = "none"
    GZIP = "gzip"


def file_name(report_name: str, file_format: Format, compression: Compression) -> str:
    """The name of a report's file in its folder."""
    return f"{report_name}.{file_format}{'.gz' if compression is Compression.GZIP else ''}"


def content_type(file_format: Format, compression: Compression) -> str:
    """The media type of a report's file."""
    if compression is Compression.GZIP:
        return "application/gzip"
    # Without a charset: S3 fixes the type before a byte is known, and some may be no UTF-8.
    return "text/csv" if file_format is Format.CSV else "application/json"


@dataclass(frozen=True, kw_only=True)
class ReportFile:
    """A file in the bucket: its size in bytes, its SHA-256 in hex, and its number of records.

    `content_bytes` and `content_sha256` are of the uncompressed content. `columns` are the names in
    a CSV file's header, or in the first records of JSON. A text that is no report is not a table.
    """

    format: Format
    key: str
    bytes: int
    sha256: str
    content_bytes: int
    content_sha256: str
    records: int
    columns: tuple[str, ...] = ()
    is_table: bool = True

    def to_document(self) -> dict[str, Any]:
        """Its entry in the manifest."""
        return {
            "format": str(self.format),
            "key": self.key,
            "bytes": self.bytes,
            "sha256": self.sha256,
            "contentBytes": self.content_bytes,
            "contentSha256": self.content_sha256,
            "records": self.records,
        }
