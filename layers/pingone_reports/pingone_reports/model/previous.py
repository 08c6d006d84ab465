"""What the export before this one landed: what the quality gate compares with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pingone_reports.model.report_file import Format, ReportFile


@dataclass(frozen=True, kw_only=True)
class Previous:
    """An export's records, its content's SHA-256 by format, and the columns of its CSV, if any."""

    records: int
    content_sha256: Mapping[Format, str]
    columns: Sequence[str]

    def has_content_of(self, files: Sequence[ReportFile]) -> bool:
        """Whether these are the same bytes, in every format that both exports have."""
        same = [
            self.content_sha256[file.format] == file.content_sha256
            for file in files
            if file.format in self.content_sha256
        ]
        return bool(same) and all(same)
