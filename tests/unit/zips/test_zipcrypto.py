"""The library in C decrypts as pyzipper's Python does, however the bytes are cut."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyzipper.zipfile import CRCZipDecrypter

from pingone_reports.zips.zipcrypto import ZipCrypto

_MOST = 50


@given(st.binary(max_size=40), st.binary(min_size=12, max_size=300), st.integers(1, _MOST))
def test_zipcrypto_is_decrypted_as_pyzipper_does(password: bytes, data: bytes, size: int) -> None:
    ours = ZipCrypto(password, _MOST)

    plain = [bytes(ours.decrypt(data[at : at + size])) for at in range(0, len(data), size)]

    assert b"".join(plain)[12:] == _by_pyzipper(password, data)


def test_two_members_do_not_share_their_keys() -> None:
    one, other = ZipCrypto(b"secret", _MOST), ZipCrypto(b"secret", _MOST)
    first = bytes(one.decrypt(b"ciphertext"))

    assert bytes(other.decrypt(b"ciphertext")) == first
    assert bytes(one.decrypt(b"ciphertext")) != first


def test_a_chunk_that_there_is_no_room_for_is_refused() -> None:
    with pytest.raises(ValueError, match="51 bytes at once"):
        ZipCrypto(b"secret", _MOST).decrypt(bytes(_MOST + 1))


def _by_pyzipper(password: bytes, data: bytes) -> bytes:
    """Of what follows a header of 12 bytes, the last of which is checked: one of 256 is right."""
    for check in range(256):
        info = SimpleNamespace(use_datadescripter=True, _raw_time=check << 8, filename="")
        try:
            return bytes(CRCZipDecrypter(info, password, data[:12]).decrypt(data[12:]))
        except RuntimeError:
            continue
    raise AssertionError("unreachable")
