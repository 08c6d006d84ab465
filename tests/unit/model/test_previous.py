"""An export has the content of the one before if every format that both have has it."""

from collections.abc import Mapping

import pytest

from pingone_reports.aws.history import Previous
from pingone_reports.model.manifest import LandedFile


def landed(hashes: Mapping[str, str]) -> list[LandedFile]:
    return [
        LandedFile(
            format=name,
            key="",
            bytes=0,
            sha256="that of the gzip file",
            content_bytes=0,
            content_sha256=content_sha256,
            records=0,
        )
        for name, content_sha256 in hashes.items()
    ]


@pytest.mark.parametrize(
    ("before", "now", "same"),
    [
        ({"csv": "a"}, {"csv": "a"}, True),
        ({"csv": "a"}, {"csv": "b"}, False),
        ({"csv": "a", "json": "b"}, {"csv": "a", "json": "b"}, True),
        ({"csv": "a", "json": "b"}, {"csv": "a", "json": "c"}, False),
        ({"csv": "a", "json": "b"}, {"json": "b"}, True),
        ({"csv": "a"}, {"csv": "a", "json": "b"}, True),
        ({"csv": "a"}, {"json": "a"}, False),
    ],
)
def test_content_is_compared_by_format(
    before: Mapping[str, str], now: Mapping[str, str], same: bool
) -> None:
    previous = Previous(records=0, content_sha256=before, columns=[])
    assert previous.has_content_of(landed(now)) == same
