"""What is no report at all is left to the quality gate; a report that is broken is refused."""

import io
from typing import Any

import pytest
import requests

from local.zip_maker import make_zip
from pingone_reports.errors import InvalidReport
from pingone_reports.model.report_file import Compression, Format, ReportFile
from pingone_reports.transfer.transfer import Transfer
from tests.support.file_store import FileStore, Links


class Upload(io.BytesIO):
    key = "devices"


def transferred(session: requests.Session, data: bytes) -> ReportFile:
    """The CSV file of this content."""
    with FileStore() as store:
        links, upload = Links(store.url), Upload()
        store.put(make_zip("devices.csv", data, links.zip_password))
        uploads: Any = {Format.CSV: upload}
        [file] = Transfer(
            session=session, compression=Compression.NONE, max_bytes=99, seconds_left=lambda: 9
        ).run(links, uploads)
    assert upload.getvalue() == data
    return file


@pytest.mark.parametrize(
    ("data", "is_table"),
    [
        (b'<html>\n<p class="a>, b\n</html>\n', False),
        (b"deviceId;userId\n1,5;2\n", False),
        ("deviceId,userId\n1,2\n".encode("utf-16"), False),
        (b'\xef\xbb\xbfDevice ID, "b,"\r1,2\r', True),
    ],
    ids=["a page", "semicolons", "UTF-16", "a table"],
)
def test_a_text_without_any_field_is_no_table_and_left_to_the_gate(
    session: requests.Session, data: bytes, is_table: bool
) -> None:
    assert transferred(session, data).is_table is is_table


@pytest.mark.parametrize("data", [b"", b"deviceId,userId\n1,2,3\n", b'Device ID\n"1'])
def test_a_csv_that_is_broken_is_refused(session: requests.Session, data: bytes) -> None:
    with pytest.raises(InvalidReport):
        transferred(session, data)
