"""A zip member in a gzip frame is a gzip file of the same content."""

import gzip
import io
from collections.abc import Mapping
from typing import Any

import pytest

from local.zip_maker import make_zip
from pingone_reports.errors import CorruptZip
from pingone_reports.zips.encrypted_zip import EncryptedZip
from pingone_reports.zips.gzip_framing import gzipped
from tests.support.zips import VARIANTS, kept, variant_name

_LONG = b"userId,username\r\n" + b"1,Zo\xc3\xab\r\n" * 5_000


@pytest.mark.parametrize("variant", VARIANTS, ids=variant_name)
def test_every_kind_of_zip_becomes_a_gzip_file(variant: Mapping[str, Any]) -> None:
    assert_gzipped(_LONG, variant)


def test_an_empty_report_becomes_a_gzip_file() -> None:
    for compression in ("stored", "deflated"):
        assert_gzipped(b"", {"compression": compression})


def assert_gzipped(content: bytes, variant: Mapping[str, Any]) -> None:
    archive = make_zip("devices.csv", content, "secret", **variant)
    zipped = EncryptedZip(io.BytesIO(archive), "secret", ".csv", 10**6)

    pieces = kept(gzipped(zipped.pieces()))

    assert gzip.decompress(b"".join(piece.deflated for piece in pieces)) == content
    assert b"".join(piece.plain for piece in pieces) == content


def test_a_zip_that_does_not_verify_makes_a_gzip_file_without_an_end() -> None:
    archive = bytearray(make_zip("devices.csv", _LONG, "secret"))
    archive[len(archive) // 2] ^= 1
    zipped = EncryptedZip(io.BytesIO(bytes(archive)), "secret", ".csv", 10**6)
    written: list[bytes] = []

    with pytest.raises(CorruptZip):
        written.extend(bytes(piece.deflated) for piece in gzipped(zipped.pieces()))

    assert written
    with pytest.raises((EOFError, gzip.BadGzipFile)):
        gzip.decompress(b"".join(written))
