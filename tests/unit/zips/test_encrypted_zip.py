"""A zip gives the very report as text and as gzip, or a typed error: whatever is wrong with it."""

import gzip
import io
import itertools
import random
import stat
import struct
import tracemalloc
import zlib
from collections.abc import Callable
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
from pingone_reports.zips.ciphers import MAX_BYTES
from pingone_reports.zips.encrypted_zip import EncryptedZip
from pingone_reports.zips.gzip_framing import gzipped
from pingone_reports.zips.zipcrypto import ZipCrypto
from tests.support.asking import told
from tests.support.zips import (
    VARIANTS,
    compressed_size_of,
    contradicting,
    declaring,
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
    """The plaintext, verified; the deflate stream, as a gzip file, holds the same."""
    plain = landed = b""
    for piece in gzipped(zipped.pieces()):
        plain += piece.plain
        landed += piece.deflated
    assert gzip.decompress(landed) == plain
    return plain


def opened(archive: bytes, password: str = PASSWORD, limit: int = NO_LIMIT) -> EncryptedZip:
    return EncryptedZip(io.BytesIO(archive), password, ".csv", limit)


def content(archive: bytes, password: str = PASSWORD) -> bytes:
    return whole(opened(archive, password))


def outcome(archive: bytes) -> str:
    """What comes of it: an error's name, or nothing if it is the very report."""
    try:
        assert content(archive) == CSV
    except ExportError as error:
        return type(error).__name__
    return ""


def csv_zip(data: bytes = CSV, **variant: Any) -> bytes:
    return make_zip("devices.csv", data, PASSWORD, **variant)


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


class Download(io.BytesIO):
    """A file that answers like a slow network, and remembers what was asked of it."""

    def __init__(self, archive: bytes, most: Callable[[], int] = lambda: 1 << 30) -> None:
        super().__init__(archive)
        self.most = most
        self.reads: list[tuple[int, int]] = []
        self.break_at: int | None = None

    def read(self, size: int | None = -1) -> bytes:
        if len(self.reads) == self.break_at:
            raise DownloadInterrupted("The download stopped.")
        start = self.tell()
        data = super().read(-1 if size is None or size < 0 else min(size, self.most()))
        self.reads.append((start, self.tell()))
        return data


# --- good zips ------------------------------------------------------------------------------------


@pytest.mark.parametrize("variant", VARIANTS, ids=variant_name)
def test_every_variant_comes_out_as_pyzipper_reads_it(variant: dict[str, Any]) -> None:
    archive = csv_zip(**variant)
    read = pyzipper.AESZipFile(io.BytesIO(archive)).read("devices.csv", PASSWORD.encode())
    assert content(archive) == read == CSV


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
    for said in (19, 21):
        with pytest.raises(CorruptZip):
            opened(with_extensible_data(csv_zip(zip64=True), noise(20), said))


ODD = {
    "a directory beside it": open_zip(("reports/", b""), ("reports/devices.csv", CSV)),
    "got through a pipe": declaring(csv_zip(), attributes=(stat.S_IFIFO | 0o600) << 16),
    "another version of AES in the local header": contradicting(
        csv_zip(ae_version=1), aes_version=2
    ),
}


@pytest.mark.parametrize("name", ODD)
def test_a_report_in_an_odd_zip_comes_out(name: str) -> None:
    assert content(ODD[name]) == CSV


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
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(forward))
    assert max(end - start for start, end in forward) <= 131_072
    assert forward[-1][1] == archive.rindex(b"PK\1\2")


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

REFUSED: dict[type[ExportError], dict[str, bytes]] = {
    UnexpectedMember: {
        "no member": open_zip(),
        "only a directory": open_zip(("devices.csv/", b"")),
        "two members": open_zip(("a.csv", CSV), ("b.csv", CSV)),
        "the same member twice": open_zip(("a.csv", CSV), ("b.csv", CSV)).replace(
            b"b.csv", b"a.csv"
        ),
        "another format": open_zip(("devices.json", CSV)),
        "a name that ends before its suffix": open_zip(("devices.exe_.csv", CSV)).replace(
            b"_", b"\0"
        ),
        "no name": make_zip("", CSV, PASSWORD),
        "a symbolic link": declaring(csv_zip(), attributes=(stat.S_IFLNK | 0o777) << 16),
    },
    UnsupportedEncryption: {
        "strong encryption": declaring(csv_zip(), flags=0x41),
        "encrypted directory": declaring(csv_zip(), flags=0x2001),
        "AE-3": declaring(csv_zip(), aes_version=3),
        "AES of another vendor": declaring(csv_zip(), aes_vendor=b"XX"),
        "AES-64": declaring(csv_zip(), aes_strength=0),
        "AES-512": declaring(csv_zip(), aes_strength=4),
        "AES, but open": declaring(csv_zip(), flags=0),
        "AES without its field": csv_zip().replace(b"\x01\x99", b"\x02\x99"),
    },
    UnsupportedCompression: {
        "deflate64": declaring(csv_zip(), aes_method=9),
        "bzip2": declaring(csv_zip(encryption=None), method=12),
        "lzma": declaring(csv_zip(encryption="zipcrypto"), method=14),
        "patched data": declaring(csv_zip(encryption=None), flags=0x20),
        "a future version": declaring(csv_zip(), version_needed=64),
    },
    CorruptZip: {
        "a member behind the directory": declaring(csv_zip(), offset=1 << 30),
        "a member into the directory": declaring(csv_zip(), compressed_size=9000),
        "no room for salt and code": declaring(csv_zip(), compressed_size=27),
        "no room for the check": declaring(csv_zip(encryption="zipcrypto"), compressed_size=11),
        "stored in another size": declaring(csv_zip(compression="stored"), size=9),
        "another local name": csv_zip().replace(b"devices", b"secrets", 1),
        "no local header": csv_zip().replace(b"PK\3\4", b"PK\3\5", 1),
        "a damaged directory": csv_zip().replace(b"PK\1\2", b"PK\1\3"),
        "a directory without end": csv_zip()[:-10] + b"\xff\xff\xff\xff" + csv_zip()[-6:],
        "a directory of 2 MiB": bytes(2 << 20)
        + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, 2 << 20, 0, 0),
        "several disks": csv_zip(zip64=True).replace(b"PK\6\7\0", b"PK\6\7\1"),
        "a web page": b"<!DOCTYPE html><html><body>Something went wrong</body></html>",
    },
    TruncatedZip: {
        "nothing": b"",
    },
}


CONTRADICTIONS = {
    # The deflate stream itself would come out, with its authentication code intact.
    "stored, by a deflated member's directory": contradicting(
        csv_zip(), size=compressed_size_of(csv_zip()) - 28, aes_method=0
    ),
    "deflated, by a stored member's directory": contradicting(
        csv_zip(compression="stored"), aes_method=8
    ),
    "the real method": contradicting(csv_zip(data_descriptor=True), aes_method=0),
    "no encryption": contradicting(csv_zip(encryption="zipcrypto"), flags=0, method=0),
    "strong encryption": contradicting(csv_zip(), flags=0x41),
    "a masked header": contradicting(csv_zip(), flags=0x2001),
    "patched data": contradicting(csv_zip(), flags=0x21),
    "another size": contradicting(csv_zip(), size=len(CSV) + 1),
    "another compressed size": contradicting(csv_zip(), compressed_size=100),
    "another CRC": contradicting(csv_zip(encryption="zipcrypto"), crc=1),
    "another method": contradicting(csv_zip(encryption=None), method=12),
    "AES-64": contradicting(csv_zip(), aes_strength=0),
    "AE-3": contradicting(csv_zip(), aes_version=3),
    "AES of another vendor": contradicting(csv_zip(), aes_vendor=b"XX"),
    "another suffix": csv_zip()[::-1].replace(b"vsc.", b"ssc.", 1)[::-1],
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_directory_that_contradicts_the_local_header_is_damage(name: str) -> None:
    with pytest.raises(CorruptZip, match="contradicts"):
        opened(CONTRADICTIONS[name], limit=len(CSV))


@pytest.mark.parametrize(
    ("error", "name"), [(error, name) for error, zips in REFUSED.items() for name in zips]
)
def test_a_zip_that_is_no_good_is_refused_before_a_byte_is_out(
    error: type[ExportError], name: str
) -> None:
    with pytest.raises(error) as raised:
        opened(REFUSED[error][name])
    assert PASSWORD not in told(raised.value)
    assert "devices" not in str(raised.value)


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
    download.truncate(200_000)
    with pytest.raises(TruncatedZip):
        whole(zipped)


# --- wrong passwords ------------------------------------------------------------------------------


@pytest.mark.parametrize("encryption", ["zipcrypto", "aes128", "aes192", "aes256"])
@pytest.mark.parametrize("password", ["", "wrong", PASSWORD.upper(), "\ud800"])
def test_a_wrong_password_is_told_before_any_output(encryption: Any, password: str) -> None:
    with pytest.raises(WrongPassword):
        next(opened(csv_zip(encryption=encryption), password).pieces())


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

# What is called a wrong password, by encryption: see EncryptedZip.
PASSWORD_BYTES: dict[Any, int] = {None: 0, "aes256": 18, "zipcrypto": 12 + 1024}


def flipped(archive: bytes, position: int, bit: int) -> bytes:
    damaged = bytearray(archive)
    damaged[position] ^= 1 << bit
    return bytes(damaged)


@pytest.mark.parametrize("encryption", PASSWORD_BYTES)
@pytest.mark.parametrize("compression", ["stored", "deflated"])
def test_a_wrong_bit_in_the_data_is_worth_another_download(
    encryption: Any, compression: Any
) -> None:
    archive = csv_zip(encryption=encryption, compression=compression)
    end = archive.rindex(b"PK\1\2")
    start = end - compressed_size_of(archive)
    dice = random.Random(20_260_101)
    for position in (*range(start, start + 40), *dice.choices(range(start, end), k=200), end - 1):
        retried = {"CorruptZip"}
        if position < start + PASSWORD_BYTES[encryption]:
            retried.add("WrongPassword")
        # The last bits of a deflate stream, and ZipCrypto's first bytes, may mean nothing.
        if encryption != "aes256":
            retried.add("")
        assert outcome(flipped(archive, position, dice.randrange(8))) in retried


@pytest.mark.parametrize("encryption", PASSWORD_BYTES)
def test_a_wrong_bit_in_a_header_is_damage_but_where_only_one_header_has_it(
    encryption: Any,
) -> None:
    archive = csv_zip(encryption=encryption)
    entry = archive.rindex(b"PK\1\2")
    only_there = {
        "UnsupportedCompression": {6},  # the version that is needed
        "UnexpectedMember": {41},  # the attributes
        # Whether CRC or time checks the password; the length of the extra field before the data.
        "WrongPassword": {8, 28} if encryption == "zipcrypto" else set(),
    }
    for start, end in ((0, 41), (entry, entry + 57)):
        for place, bit in itertools.product(range(end - start), range(8)):
            error = outcome(flipped(archive, start + place, bit))
            allowed = place in only_there.get(error, set())
            assert allowed or error in ("", "CorruptZip", "TruncatedZip"), place


def test_damage_leaves_a_gzip_file_without_an_end() -> None:
    archive = csv_zip(noise(300_000))
    landed: list[bytes] = []
    with pytest.raises(CorruptZip):
        landed.extend(
            bytes(piece.deflated)
            for piece in gzipped(opened(flipped(archive, len(archive) - 200, 0)).pieces())
        )
    assert sum(map(len, landed)) > 200_000
    with pytest.raises(EOFError):
        gzip.decompress(b"".join(landed))


@pytest.mark.parametrize("end", [zlib.Z_FINISH, zlib.Z_SYNC_FLUSH])
@pytest.mark.parametrize("junk", [b"", b"\0", b"PK", noise(200_000)])
@pytest.mark.parametrize("encryption", [None, "aes256"])
def test_a_deflate_stream_with_junk_behind_it_or_without_an_end_is_corrupt(
    encryption: Any, junk: bytes, end: int
) -> None:
    deflate = zlib.compressobj(wbits=-15)
    body = deflate.compress(CSV) + deflate.flush(end) + junk
    archive = csv_zip(body, encryption=encryption, compression="stored")
    fields = {"aes_method": 8} if encryption else {"method": 8, "crc": zlib.crc32(CSV)}
    archive = declaring(archive, size=len(CSV), **fields)
    assert outcome(archive) == ("" if end == zlib.Z_FINISH and not junk else "CorruptZip")


@pytest.mark.parametrize(
    "declared", [{"size": 0}, {"size": len(CSV) - 1}, {"size": len(CSV) + 1}, {"crc": 1}]
)
def test_another_size_or_crc_than_declared_is_corrupt(declared: dict[str, int]) -> None:
    assert outcome(declaring(csv_zip(ae_version=1), **declared)) == "CorruptZip"


def test_a_chunk_of_ciphertext_that_there_is_no_room_for_is_refused() -> None:
    with pytest.raises(ValueError, match="bytes at once"):
        ZipCrypto(b"secret", MAX_BYTES).decrypt(bytes(MAX_BYTES + 1))


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


def test_no_mutation_yields_a_wrong_byte_or_an_untyped_error() -> None:
    dice = random.Random(20_260_101)
    archives = [csv_zip(**variant) for variant in VARIANTS]
    archives.append(open_zip(("reports/", b""), ("reports/devices.csv", CSV)))
    outcomes = {outcome(mutated(dice.choice(archives), dice)) for _ in range(4000)}
    assert outcomes >= {"", "CorruptZip", "TruncatedZip", "WrongPassword", "UnexpectedMember"}


def mutated(archive: bytes, dice: random.Random) -> bytes:
    """One to three edits; most in the headers and the directory, where each byte has a meaning."""
    mutant = bytearray(archive)
    for _ in range(dice.randint(1, 3)):
        near = dice.choice((0, max(mutant.rfind(b"PK\1\2"), 0), max(len(mutant) - 98, 0)))
        position = near + dice.randrange(100)
        method, four = bytes([dice.choice((0, 1, 2, 3, 8, 9, 12, 14, 63, 64, 99))]), noise(4)
        new = dice.choice((b"", method, method, four, b"\xff" * 4, mutant[near:position]))
        mutant[position : position + dice.choice((0, 1, 4, 30, len(new), len(new)))] = new
    return bytes(mutant)
