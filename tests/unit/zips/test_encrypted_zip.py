import io
import os
import random
import stat
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import pyzipper
from hypothesis import given, settings
from hypothesis import strategies as st

from local.zip_maker import make_zip
from pingone_reports.errors import (
    CorruptZip,
    DownloadInterrupted,
    ExportError,
    ReportTooLarge,
    TruncatedZip,
    UnexpectedMember,
    UnsupportedCompression,
    UnsupportedEncryption,
    WrongPassword,
)
from pingone_reports.zips.encrypted_zip import EncryptedZip
from tests.support.zips import (
    VARIANTS,
    compressed_size_of,
    contradicting,
    contradicting_aes,
    declaring,
    declaring_aes,
    kept,
    open_zip,
    variant_name,
    with_extensible_data,
)

PASSWORD = "qwertzuiop"
NO_LIMIT = 1 << 60
CSV = b"userId,username,phone\r\n" + b"".join(
    b"%08x,user%d@example.com,+1.555%07d\r\n" % (i * 2654435761 % 2**32, i, i * 7919 % 10**7)
    for i in range(200)
)


def whole(zipped: EncryptedZip) -> bytes:
    """The plaintext, verified."""
    return b"".join(piece.plain for piece in zipped.pieces())


def opened(archive: bytes, password: str = PASSWORD, limit: int = NO_LIMIT) -> EncryptedZip:
    return EncryptedZip(io.BytesIO(archive), password, ".csv", limit)


def content(archive: bytes, password: str = PASSWORD) -> bytes:
    return whole(opened(archive, password))


def csv_zip(data: bytes = CSV, **variant: Any) -> bytes:
    return make_zip("devices.csv", data, PASSWORD, **variant)


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def body_start(archive: bytes) -> int:
    name_size, extra_size = struct.unpack_from("<HH", archive, 26)
    return 30 + int(name_size) + int(extra_size)


class Download(io.RawIOBase):
    """A file that answers like a slow network, and remembers what was asked of it."""

    def __init__(self, archive: bytes, most: Callable[[], int] = lambda: 1 << 30) -> None:
        self.file = io.BytesIO(archive)
        self.most = most
        self.reads: list[tuple[int, int]] = []
        self.break_at: int | None = None

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.file.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self.file.seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        if len(self.reads) == self.break_at:
            raise DownloadInterrupted("The download stopped.")
        start = self.tell()
        data = self.file.read(-1 if size is None or size < 0 else min(size, self.most()))
        self.reads.append((start, self.tell()))
        return data


# --- good zips ------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS, ids=variant_name)
def test_every_variant_comes_out_as_it_went_in(variant: dict[str, Any]) -> None:
    assert content(csv_zip(**variant)) == CSV


@pytest.mark.parametrize("variant", VARIANTS, ids=variant_name)
def test_pyzipper_agrees_that_the_test_zips_are_good(variant: dict[str, Any]) -> None:
    archive = pyzipper.AESZipFile(io.BytesIO(csv_zip(CSV[:500], **variant)))
    assert archive.read("devices.csv", PASSWORD.encode()) == CSV[:500]


@pytest.mark.parametrize("bits", [128, 192, 256])
def test_a_zip_that_pyzipper_made_comes_out(bits: int) -> None:
    buffer = io.BytesIO()
    with pyzipper.AESZipFile(buffer, "w", pyzipper.ZIP_DEFLATED) as archive:
        archive.setpassword(PASSWORD.encode())
        archive.setencryption(pyzipper.WZ_AES, nbits=bits)
        archive.writestr("devices.csv", CSV)
    assert content(buffer.getvalue()) == CSV


@pytest.mark.parametrize("compression", ["deflated", "stored"])
@pytest.mark.parametrize("encryption", [None, "aes256"])
@pytest.mark.parametrize("size", [0, 1, 65_535, 131_072, 524_287, 524_288, 524_289, 3 << 19])
def test_sizes_around_the_buffers_come_out(size: int, encryption: Any, compression: Any) -> None:
    for data in (noise(size), bytes(size)):
        assert content(csv_zip(data, encryption=encryption, compression=compression)) == data


@settings(max_examples=60, deadline=None)
@given(
    data=st.binary(max_size=3000)
    | st.integers(0, 200_000).map(lambda size: CSV * (size // len(CSV))),
    variant=st.sampled_from(
        [v for v in VARIANTS if v["encryption"] != "zipcrypto"] + VARIANTS[16:24]
    ),
    password=st.text(min_size=1, max_size=20),
    prefix=st.binary(max_size=40),
    seed=st.integers(),
)
def test_no_content_password_prefix_or_network_changes_a_byte(
    data: bytes, variant: dict[str, Any], password: str, prefix: bytes, seed: int
) -> None:
    if variant["encryption"] == "zipcrypto":
        data = data[:5000]
    archive = prefix + make_zip("Geräte.CSV", data, password, **variant)
    dice = random.Random(seed)
    download = Download(archive, lambda: dice.choice((1, 15, 16, 17, 1000, 50_000)))
    zipped = EncryptedZip(download, password, ".csv", len(data))
    assert whole(zipped) == data


def test_a_large_stored_member_makes_a_deflate_stream_too() -> None:
    data = noise(300_000)
    pieces = kept(opened(csv_zip(data, compression="stored")).pieces())
    assert zlib.decompress(b"".join(piece.deflated for piece in pieces), -15) == data


@pytest.mark.parametrize("encryption", [None, "aes256"])
@pytest.mark.parametrize("comment", [b"", b"a comment"])
@pytest.mark.parametrize("size", [1, 20, 100, 70_000])
def test_a_zip64_end_record_with_extensible_data_is_passed_over(
    encryption: Any, comment: bytes, size: int
) -> None:
    archive = with_extensible_data(csv_zip(encryption=encryption, zip64=True), noise(size))
    archive = archive[:-2] + struct.pack("<H", len(comment)) + comment
    download = Download(archive, lambda: 50)
    assert whole(EncryptedZip(download, PASSWORD, ".csv", NO_LIMIT)) == CSV


def test_extensible_data_of_another_size_than_is_said_is_not_passed_over() -> None:
    archive = with_extensible_data(csv_zip(zip64=True), noise(20))
    record = archive.rindex(b"PK\6\6")
    for wrong in (63, 65):
        size = struct.pack("<Q", wrong)
        with pytest.raises(CorruptZip):
            opened(archive[: record + 4] + size + archive[record + 12 :])


def test_directories_beside_the_report_are_ignored() -> None:
    assert content(open_zip(("reports/", b""), ("reports/devices.csv", CSV))) == CSV


def test_a_report_that_its_producer_got_through_a_pipe_comes_out() -> None:
    assert content(declaring(csv_zip(), attributes=(stat.S_IFIFO | 0o600) << 16)) == CSV


def test_a_zip_is_streamed_once() -> None:
    zipped = opened(csv_zip())
    zipped.pieces()
    with pytest.raises(RuntimeError):
        zipped.pieces()


# --- how the file is read -------------------------------------------------------------------------


@pytest.mark.parametrize("encryption", [None, "aes256", "zipcrypto"])
def test_after_the_tail_the_file_is_read_once_and_forwards(encryption: Any) -> None:
    data = noise(600_000 if encryption != "zipcrypto" else 140_000)
    archive = csv_zip(data, encryption=encryption)
    download = Download(archive)
    zipped = EncryptedZip(download, PASSWORD, ".csv", NO_LIMIT)
    first = download.reads.index((0, 30))
    for _ in zipped.pieces():
        pass
    assert all(start >= len(archive) - 65_536 for start, _ in download.reads[:first])
    forward = download.reads[first:]
    assert all(end == start for (_, end), (start, _) in pairwise(forward))
    assert max(end - start for start, end in forward) <= 131_072
    assert forward[-1][1] == body_start(archive) + compressed_size_of(archive)


def test_errors_of_the_file_pass_unchanged() -> None:
    archive = csv_zip()
    download = Download(archive)
    whole(EncryptedZip(download, PASSWORD, ".csv", NO_LIMIT))
    for read in range(len(download.reads)):
        broken = Download(archive)
        broken.break_at = read
        with pytest.raises(DownloadInterrupted, match="The download stopped"):
            whole(EncryptedZip(broken, PASSWORD, ".csv", NO_LIMIT))


# --- zips that are refused before a byte is out ---------------------------------------------------

REFUSED: dict[str, tuple[type[ExportError], bytes]] = {
    "no member": (UnexpectedMember, open_zip()),
    "only a directory": (UnexpectedMember, open_zip(("devices.csv/", b""))),
    "two members": (UnexpectedMember, open_zip(("a.csv", CSV), ("b.csv", CSV))),
    "the same member twice": (
        UnexpectedMember,
        open_zip(("a.csv", CSV), ("b.csv", CSV)).replace(b"b.csv", b"a.csv"),
    ),
    "another format": (UnexpectedMember, open_zip(("devices.json", CSV))),
    "a name that ends before its suffix": (
        UnexpectedMember,
        open_zip(("devices.exe_.csv", CSV)).replace(b"_", b"\0"),
    ),
    "no name": (UnexpectedMember, make_zip("", CSV, PASSWORD)),
    "a symbolic link": (
        UnexpectedMember,
        declaring(csv_zip(), attributes=(stat.S_IFLNK | 0o777) << 16),
    ),
    "strong encryption": (UnsupportedEncryption, declaring(csv_zip(), flags=0x41)),
    "encrypted directory": (UnsupportedEncryption, declaring(csv_zip(), flags=0x2001)),
    "AE-3": (UnsupportedEncryption, declaring_aes(csv_zip(), version=3)),
    "AES of another vendor": (UnsupportedEncryption, declaring_aes(csv_zip(), vendor=b"XX")),
    "AES-64": (UnsupportedEncryption, declaring_aes(csv_zip(), strength=0)),
    "AES-512": (UnsupportedEncryption, declaring_aes(csv_zip(), strength=4)),
    "AES, but open": (UnsupportedEncryption, declaring(csv_zip(), flags=0)),
    "AES without its field": (UnsupportedEncryption, csv_zip().replace(b"\x01\x99", b"\x02\x99")),
    "deflate64": (UnsupportedCompression, declaring_aes(csv_zip(), method=9)),
    "bzip2": (UnsupportedCompression, declaring(csv_zip(encryption=None), method=12)),
    "lzma": (UnsupportedCompression, declaring(csv_zip(encryption="zipcrypto"), method=14)),
    "patched data": (UnsupportedCompression, declaring(csv_zip(encryption=None), flags=0x20)),
    "a future version": (UnsupportedCompression, declaring(csv_zip(), version_needed=64)),
    "a member behind the directory": (CorruptZip, declaring(csv_zip(), offset=1 << 30)),
    "a member into the directory": (CorruptZip, declaring(csv_zip(), compressed_size=9000)),
    "no room for salt and code": (CorruptZip, declaring(csv_zip(), compressed_size=27)),
    "no room for the check": (
        CorruptZip,
        declaring(csv_zip(encryption="zipcrypto"), compressed_size=11),
    ),
    "stored in another size": (CorruptZip, declaring(csv_zip(compression="stored"), size=9)),
    "another local name": (CorruptZip, csv_zip().replace(b"devices", b"secrets", 1)),
    "no local header": (CorruptZip, csv_zip().replace(b"PK\3\4", b"PK\3\5", 1)),
    "a damaged directory": (CorruptZip, csv_zip().replace(b"PK\1\2", b"PK\1\3")),
    "a directory without end": (CorruptZip, csv_zip()[:-10] + b"\xff\xff\xff\xff" + csv_zip()[-6:]),
    "a directory of 2 MiB": (
        CorruptZip,
        bytes(2 << 20) + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, 2 << 20, 0, 0),
    ),
    "several disks": (
        CorruptZip,
        csv_zip(zip64=True).replace(b"PK\6\7\0", b"PK\6\7\1"),
    ),
    "a web page": (CorruptZip, b"<!DOCTYPE html><html><body>Something went wrong</body></html>"),
    "nothing": (TruncatedZip, b""),
}


CONTRADICTIONS = {
    # The deflate stream itself would come out, with its authentication code intact.
    "stored, by a deflated member's directory": contradicting_aes(
        contradicting(csv_zip(), size=compressed_size_of(csv_zip()) - 28), method=0
    ),
    "deflated, by a stored member's directory": contradicting_aes(
        csv_zip(compression="stored"), method=8
    ),
    "the real method": contradicting_aes(csv_zip(data_descriptor=True), method=0),
    "no encryption": contradicting(csv_zip(encryption="zipcrypto"), flags=0, method=0),
    "strong encryption": contradicting(csv_zip(), flags=0x41),
    "a masked header": contradicting(csv_zip(), flags=0x2001),
    "patched data": contradicting(csv_zip(), flags=0x21),
    "another size": contradicting(csv_zip(), size=len(CSV) + 1),
    "another compressed size": contradicting(csv_zip(), compressed_size=100),
    "another CRC": contradicting(csv_zip(encryption="zipcrypto"), crc=1),
    "another method": contradicting(csv_zip(encryption=None), method=12),
    "AES-64": contradicting_aes(csv_zip(), strength=0),
    "AE-3": contradicting_aes(csv_zip(), version=3),
    "AES of another vendor": contradicting_aes(csv_zip(), vendor=b"XX"),
    "another suffix": csv_zip()[::-1].replace(b"vsc.", b"ssc.", 1)[::-1],
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_directory_that_contradicts_the_local_header_is_damage(name: str) -> None:
    with pytest.raises(CorruptZip, match="contradicts"):
        opened(CONTRADICTIONS[name], limit=len(CSV))


@pytest.mark.parametrize("encryption", [None, "zipcrypto", "aes256"])
def test_a_producer_that_streams_knows_sizes_and_crc_in_the_directory_alone(
    encryption: Any,
) -> None:
    archive = csv_zip(encryption=encryption, data_descriptor=True)
    assert archive[14:26] == bytes(12)
    assert content(archive) == CSV


def test_a_version_of_aes_that_only_the_directory_knows_comes_out() -> None:
    assert content(contradicting_aes(csv_zip(ae_version=1), version=2)) == CSV


@pytest.mark.parametrize("name", REFUSED)
def test_a_zip_that_is_no_good_is_refused_before_a_byte_is_out(name: str) -> None:
    error, archive = REFUSED[name]
    with pytest.raises(error) as raised:
        opened(archive)
    message = str(raised.value)
    assert PASSWORD not in message
    assert "devices" not in message
    assert message.endswith(".")
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_a_report_over_the_limit_is_refused_with_both_sizes() -> None:
    assert whole(opened(csv_zip(), limit=len(CSV))) == CSV
    with pytest.raises(ReportTooLarge, match=f"{len(CSV)} bytes where {len(CSV) - 1} are"):
        opened(csv_zip(), limit=len(CSV) - 1)


@pytest.mark.parametrize("variant", VARIANTS[::3], ids=variant_name)
def test_a_zip_cut_off_anywhere_is_truncated(variant: dict[str, Any]) -> None:
    archive = csv_zip(CSV[:300], **variant)
    for end in range(len(archive)):
        with pytest.raises(TruncatedZip):
            opened(archive[:end])


def test_a_file_that_ends_while_it_is_read_is_truncated() -> None:
    archive = csv_zip(noise(300_000))
    download = Download(archive)
    zipped = EncryptedZip(download, PASSWORD, ".csv", NO_LIMIT)
    download.file.truncate(200_000)
    with pytest.raises(TruncatedZip):
        whole(zipped)


# --- wrong passwords ------------------------------------------------------------------------------


@pytest.mark.parametrize("encryption", ["zipcrypto", "aes128", "aes192", "aes256"])
@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), "\ud800"])
def test_a_wrong_password_is_told_at_once(encryption: Any, password: str) -> None:
    archive = csv_zip(encryption=encryption)
    if encryption == "zipcrypto":
        with pytest.raises(WrongPassword):
            content(archive, password)
    else:
        with pytest.raises(WrongPassword):
            opened(archive, password)


@pytest.mark.parametrize("data_descriptor", [False, True])
def test_a_wrong_password_that_passes_the_check_byte_is_told_before_any_output(
    data_descriptor: bool,
) -> None:
    archive = csv_zip(encryption="zipcrypto", data_descriptor=data_descriptor)
    passed = 0
    for number in range(3000):
        try:
            zipped = opened(archive, f"wrong{number}")
        except WrongPassword:
            continue
        passed += 1
        with pytest.raises(WrongPassword):
            next(zipped.pieces())
    assert passed


# --- damage ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS[::5], ids=variant_name)
def test_a_flipped_bit_in_the_data_never_ends_well(variant: dict[str, Any]) -> None:
    archive = bytearray(csv_zip(**variant))
    start, size = body_start(bytes(archive)), compressed_size_of(bytes(archive))
    expected = (CorruptZip, WrongPassword) if variant["encryption"] else CorruptZip
    for position in (*range(start, start + 40), *range(start + size - 12, start + size)):
        # ZipCrypto's first 11 bytes are noise, but each changes the keys for the bytes after it.
        archive[position] ^= 0x10
        with pytest.raises(expected):
            content(bytes(archive))
        archive[position] ^= 0x10


def test_damage_behind_the_first_kilobyte_is_not_called_a_wrong_password() -> None:
    archive = bytearray(csv_zip(noise(20_000) + CSV, encryption="zipcrypto"))
    archive[len(archive) - 2000] ^= 1
    with pytest.raises(CorruptZip):
        content(bytes(archive))


@pytest.mark.parametrize("junk", [b"\0", b"PK", noise(200_000)])
@pytest.mark.parametrize("encryption", [None, "aes256"])
def test_junk_behind_the_deflate_stream_is_corrupt(encryption: Any, junk: bytes) -> None:
    deflate = zlib.compressobj(wbits=-15)
    body = deflate.compress(CSV) + deflate.flush() + junk
    archive = csv_zip(body, encryption=encryption, compression="stored")
    archive = declaring(archive, size=len(CSV))
    archive = (
        declaring_aes(archive, method=8)
        if encryption
        else declaring(archive, method=8, crc=zlib.crc32(CSV))
    )
    with pytest.raises(CorruptZip):
        content(archive)


def test_a_deflate_stream_without_an_end_is_corrupt() -> None:
    deflate = zlib.compressobj(wbits=-15)
    body = deflate.compress(CSV) + deflate.flush(zlib.Z_SYNC_FLUSH)
    archive = csv_zip(body, encryption=None, compression="stored")
    with pytest.raises(CorruptZip):
        content(declaring(archive, size=len(CSV), method=8, crc=zlib.crc32(CSV)))


@pytest.mark.parametrize("size", [0, len(CSV) - 1, len(CSV) + 1])
def test_another_size_than_declared_is_corrupt(size: int) -> None:
    with pytest.raises(CorruptZip):
        content(declaring(csv_zip(), size=size))


def test_another_crc_than_declared_is_corrupt() -> None:
    with pytest.raises(CorruptZip):
        content(declaring(csv_zip(ae_version=1), crc=1))


@pytest.mark.parametrize("encryption", [None, "aes256"])
def test_a_bomb_stops_at_its_declared_size_in_little_memory(encryption: Any) -> None:
    archive = declaring(csv_zip(bytes(100_000_000), encryption=encryption), size=10_000_000)
    zipped = opened(archive, limit=10_000_000)
    size = 0
    tracemalloc.start()
    with pytest.raises(CorruptZip):  # noqa: PT012
        for chunk in (piece.plain for piece in zipped.pieces()):
            size += len(chunk)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size <= 10_000_000
    assert peak < 3_000_000


# --- hostile zips ---------------------------------------------------------------------------------

FUZZ_RUNS = int(os.environ.get("ZIP_FUZZ_RUNS", "4000"))


def test_no_mutation_yields_a_wrong_byte_or_an_untyped_error() -> None:
    dice = random.Random(20_260_101)
    data = CSV[:600]
    seeds = [(csv_zip(data, **variant), data) for variant in VARIANTS]
    seeds.append((open_zip(("reports/", b""), ("reports/devices.csv", data)), data))
    outcomes = set()
    for _ in range(FUZZ_RUNS):
        archive, data = dice.choice(seeds)
        mutant = mutated(archive, dice)
        try:
            assert content(mutant) == data
            outcomes.add("intact")
        except ExportError as error:
            outcomes.add(type(error).__name__)
    assert outcomes >= {"intact", "CorruptZip", "TruncatedZip", "WrongPassword", "UnexpectedMember"}


def mutated(archive: bytes, dice: random.Random) -> bytes:
    """One to three edits; most in the headers and the directory, where each byte has a meaning."""
    mutant = bytearray(archive)
    for _ in range(dice.randint(1, 3)):
        directory = max(mutant.rfind(b"PK\1\2"), 0)
        near = dice.choice(
            (0, directory, directory, max(len(mutant) - 98, 0), dice.randrange(2000))
        )
        position = min(near + dice.randrange(100), max(len(mutant) - 1, 0))
        edit = dice.randrange(6)
        if edit == 0 and mutant:
            mutant[position] ^= 1 << dice.randrange(8)
        elif edit == 1:
            value = dice.choice((b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x7f", noise(4)))
            mutant[position : position + len(value)] = value
        elif edit == 2:
            del mutant[position : position + dice.choice((1, 4, 30))]
        elif edit == 3:
            mutant[position:position] = noise(dice.choice((1, 4, 30)))
        elif edit == 4:
            source = dice.randrange(len(mutant) + 1)
            mutant[position:position] = mutant[source : source + dice.randrange(60)]
        elif mutant:
            mutant[position] = dice.choice((0, 1, 2, 3, 8, 9, 12, 14, 63, 64, 99))
    return bytes(mutant)
