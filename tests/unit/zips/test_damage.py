"""One wrong bit of a download fails no export for good: its error is worth another try."""

import io
import random
from typing import Any

import pytest

from local.pingone_simulator.report_data import DevicesReport
from local.zip_maker import make_zip
from pingone_reports.errors import (
    CorruptZip,
    ExportError,
    TruncatedZip,
    UnexpectedMember,
    UnsupportedCompression,
    WrongPassword,
)
from pingone_reports.transfer.records import record_counter
from pingone_reports.zips.encrypted_zip import EncryptedZip
from tests.support.zips import compressed_size_of

PASSWORD = "qwertzuiop"
ROWS = 60
CONTENT = {
    "csv": "".join(DevicesReport(ROWS).csv_blocks()).encode(),
    "json": "".join(DevicesReport(ROWS).json_blocks()).encode(),
}
FLIPS = 150
# What is called a wrong password, by encryption: see EncryptedZip.
PASSWORD_BYTES = {None: 0, "aes256": 18, "zipcrypto": 12 + 1024}


def outcome(archive: bytes, name: str) -> str:
    """What FetchReport makes of the zip: the error's name, or none for the very report."""
    counter = record_counter(name)
    content = b""
    try:
        zipped = EncryptedZip(io.BytesIO(archive), PASSWORD, f".{name}", 1 << 30)
        for piece in zipped.pieces():
            counter.update(piece.plain)
            content += piece.plain
        assert (content, counter.finish()) == (CONTENT[name], ROWS)
    except ExportError as error:
        return type(error).__name__
    return ""


def zip_of(name: str, **variant: Any) -> bytes:
    return make_zip(f"devices.{name}", CONTENT[name], PASSWORD, **variant)


def flipped(archive: bytes, position: int, bit: int) -> bytes:
    damaged = bytearray(archive)
    damaged[position] ^= 1 << bit
    return bytes(damaged)


@pytest.mark.parametrize("name", CONTENT)
@pytest.mark.parametrize("encryption", PASSWORD_BYTES)
@pytest.mark.parametrize("compression", ["stored", "deflated"])
def test_a_wrong_bit_in_the_data_is_damage_of_the_zip_and_no_fault_of_the_report(
    name: str, encryption: Any, compression: Any
) -> None:
    archive = zip_of(name, encryption=encryption, compression=compression)
    dice = random.Random(20_260_101)
    end = archive.rindex(b"PK\1\2")
    start = end - compressed_size_of(archive)
    for _ in range(FLIPS):
        position = dice.randrange(start, end)
        retried = {"CorruptZip", "TruncatedZip"}
        if position < start + PASSWORD_BYTES[encryption]:
            retried.add("WrongPassword")
        # The last bits of a deflate stream, and ZipCrypto's first bytes, may mean nothing.
        retried.add("" if encryption != "aes256" else "CorruptZip")
        assert outcome(flipped(archive, position, dice.randrange(8)), name) in retried


@pytest.mark.parametrize("encryption", PASSWORD_BYTES)
def test_a_wrong_bit_in_a_header_is_damage_but_where_only_one_header_has_it(
    encryption: Any,
) -> None:
    archive = zip_of("json", encryption=encryption)
    entry = archive.rindex(b"PK\1\2")
    only_there = {
        UnsupportedCompression.__name__: {6},  # the version that is needed
        UnexpectedMember.__name__: {41},  # the attributes
        # Whether CRC or time checks the password; the length of the extra field before the data.
        WrongPassword.__name__: {8, 28} if encryption == "zipcrypto" else set(),
    }
    for start, end in ((0, 42), (entry, entry + 58)):
        for place in range(end - start):
            for bit in range(8):
                error = outcome(flipped(archive, start + place, bit), "json")
                allowed = place in only_there.get(error, set())
                assert allowed or error in ("", CorruptZip.__name__, TruncatedZip.__name__), place
