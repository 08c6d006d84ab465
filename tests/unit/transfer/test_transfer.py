"""What is no report at all is left to the quality gate; a report that is broken is refused."""

from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from pingone_reports.errors import InvalidReport
from pingone_reports.model.report_file import Compression, Format, ReportFile
from pingone_reports.transfer import transfer
from pingone_reports.transfer.transfer import Transfer
from pingone_reports.zips.encrypted_zip import Piece

if TYPE_CHECKING:
    import requests


class _Upload:
    key = "devices"

    def write(self, _chunk: bytes) -> None: ...

    def flush(self) -> None: ...


class _Remote:
    def __init__(self, *_arguments: Any) -> None: ...

    def __enter__(self) -> "_Remote":
        return self

    def __exit__(self, *_error: object) -> None: ...


def transferred(monkeypatch: pytest.MonkeyPatch, name: Format, data: bytes) -> ReportFile:
    """The file of this content, without any download."""

    class Zip:
        def __init__(self, *_arguments: Any) -> None: ...

        def pieces(self) -> Iterator[Piece]:
            yield from (Piece(b"", data[at : at + 7]) for at in range(0, len(data), 7))

    monkeypatch.setattr(transfer, "RemoteFile", _Remote)
    monkeypatch.setattr(transfer, "EncryptedZip", Zip)
    moved = Transfer(
        session=cast("requests.Session", None),
        compression=Compression.NONE,
        max_bytes=1,
        seconds_left=lambda: 1,
    )
    uploads = cast("Mapping[Format, Any]", {name: _Upload()})
    [file] = moved.run(cast("Any", SimpleNamespace(zip_password="")), uploads)
    return file


@pytest.mark.parametrize(
    "data",
    [
        b'<html>\n<p class="a>, b\n</html>\n',
        b"deviceId;userId\n1,5;2\n",
        "deviceId,userId\n1,2\n".encode("utf-16"),
    ],
    ids=["a page", "semicolons", "UTF-16"],
)
def test_a_text_without_any_field_is_no_table_and_left_to_the_gate(
    monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    assert not transferred(monkeypatch, Format.CSV, data).is_table


@pytest.mark.parametrize("data", [b"", b"deviceId,userId\n1,2,3\n", b'Device ID\n"1'])
def test_a_csv_that_is_broken_is_refused(monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    with pytest.raises(InvalidReport):
        transferred(monkeypatch, Format.CSV, data)


@pytest.mark.parametrize(
    ("name", "data", "columns"),
    [
        (Format.CSV, b'\xef\xbb\xbfDevice ID, "b,"\r1,2\r', ("Device ID", "b,")),
        (Format.JSON, b'[{"a": {"x": ["1"]}, "\\u00e9": "}"}]', ("a", "\u00e9")),
        (Format.JSON, b'{"size": 1, "_embedded": {"devices": [{"a": "b"}]}}', ("a",)),
        (Format.JSON, b'{"code": "INTERNAL_ERROR"}', ("code",)),
        (Format.JSON, b'{"a": "1"}\n{"b": "2"}', ("a", "b")),
        (Format.JSON, b'{"entries": []}', ()),
    ],
)
def test_the_names_of_a_file_are_those_of_its_records(
    monkeypatch: pytest.MonkeyPatch, name: Format, data: bytes, columns: tuple[str, ...]
) -> None:
    file = transferred(monkeypatch, name, data)

    assert (file.columns, file.is_table) == (columns, True)
