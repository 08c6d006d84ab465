"""An export has the content of the one before if every format that both have has it."""

from collections.abc import Mapping

import pytest

from pingone_reports.model.previous import Previous
from pingone_reports.model.report_file import Format, ReportFile

_CSV, _JSON = Format.CSV, Format.JSON


def landed(hashes: Mapping[Format, str]) -> list[ReportFile]:
    return [
        ReportFile(
            format=file_format,
            key="",
            bytes=0,
            sha256="that of the gzip file",
            content_bytes=0,
            content_sha256=content_sha256,
            records=0,
        )
        for file_format, content_sha256 in hashes.items()
    ]


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ({_CSV: "a"}, {_CSV: "a"}, True),
        ({_CSV: "a"}, {_CSV: "b"}, False),
        ({_CSV: "a", _JSON: "b"}, {_CSV: "a", _JSON: "b"}, True),
        ({_CSV: "a", _JSON: "b"}, {_CSV: "a", _JSON: "c"}, False),
        ({_CSV: "a", _JSON: "b"}, {_JSON: "b"}, True),
        ({_CSV: "a"}, {_CSV: "a", _JSON: "b"}, True),
        ({_CSV: "a"}, {_JSON: "a"}, False),
    ],
)
def test_content_is_compared_by_format(
    before: Mapping[Format, str], now: Mapping[Format, str], same: bool
) -> None:
    previous = Previous(records=0, content_sha256=before, columns=[])
    assert previous.has_content_of(landed(now)) == same
