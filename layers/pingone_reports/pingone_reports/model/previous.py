"""The previous export of the same report, with which the quality gate compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pingone_reports.model.report_file import Format, ReportFile


@dataclass(frozen=True, kw_only=True)
class Previous:
    """Number of records, SHA-256 in hex of each format's content, and the CSV's columns, if any."""

    records: int
    content_sha256: Mapping[Format, str]
    columns: Sequence[str]

    def has_content_of(self, files: Sequence[ReportFile]) -> bool:
        """Whether these files have the same content, in every format that both exports have."""
        same = [
            self.content_sha256[file.format] == file.content_sha256
            for file in files
            if file.format in self.content_sha256
        ]
        return bool(same) and all(same)
