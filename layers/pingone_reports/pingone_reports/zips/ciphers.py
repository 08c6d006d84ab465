"""Decrypts and authenticates a zip member: WinZip AES and ZipCrypto, on native primitives.

pyzipper calls the constructors, so it decides their signature. They raise WrongPassword.
"""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Protocol

from Crypto.Cipher import AES
from Crypto.Util import Counter

from pingone_reports.errors import WrongPassword
from pingone_reports.zips.zipcrypto import ZipCrypto

WRONG_PASSWORD = "The zip's password does not open it: run the export again to get a fresh one."  # noqa: S105

AES_KEY_BITS = {1: 128, 2: 192, 3: 256}
"""The key sizes, by the strength in the AES extra field."""
MAX_BYTES = 128 * 1024
"""The most bytes that are decrypted at once."""
_AES_VERIFIER_BYTES = 2
_AES_CODE_BYTES = 10
_ZIPCRYPTO_HEADER_BYTES = 12


def encryption_overhead(info: Any) -> int:
    """How many bytes of a member's compressed size are salt, check and authentication code."""
    if not info.is_encrypted:
        return 0
    if info.wz_aes_version is None:
        return _ZIPCRYPTO_HEADER_BYTES
    return AES_KEY_BITS[info.wz_aes_strength] // 16 + _AES_VERIFIER_BYTES + _AES_CODE_BYTES


class Decrypter(Protocol):
    """Decrypts one member's bytes, in order."""

    decrypt: Callable[[bytes], memoryview]
    """The plaintext of the next bytes, up to MAX_BYTES: a view that the next call overwrites."""
    code_size: int
    """The size of the authentication code after the ciphertext, in bytes; 0 without one."""

    def authenticates(self, code: bytes) -> bool:
        """Whether the code is that of everything decrypted so far."""


class AesDecrypter:
    """AES in little-endian counter mode with HMAC-SHA1, as in WinZip's "AE-1 and AE-2" paper."""

    code_size = _AES_CODE_BYTES

    def __init__(self, info: Any, pwd: bytes, encryption_header: bytes) -> None:
        key_size = AES_KEY_BITS[info.wz_aes_strength] // 8
        salt, verifier = encryption_header[: key_size // 2], encryption_header[key_size // 2 :]
        keys = hashlib.pbkdf2_hmac("sha1", pwd, salt, 1000, 2 * key_size + _AES_VERIFIER_BYTES)
        if not hmac.compare_digest(keys[2 * key_size :], verifier):
            raise WrongPassword(WRONG_PASSWORD)
        self._cipher = AES.new(
            keys[:key_size], AES.MODE_CTR, counter=Counter.new(128, little_endian=True)
        )
        self._hmac = hmac.new(keys[key_size : 2 * key_size], digestmod="sha1")
        self._plain = memoryview(bytearray(MAX_BYTES))

    def decrypt(self, data: bytes) -> memoryview:
        """The plaintext of the next bytes, which the authentication code then covers."""
        self._hmac.update(data)
        plain = self._plain[: len(data)]
        self._cipher.decrypt(data, output=plain)
        return plain

    def authenticates(self, code: bytes) -> bool:
        """Whether the code is that of everything decrypted so far."""
        return hmac.compare_digest(self._hmac.digest()[:_AES_CODE_BYTES], code)


class ZipCryptoDecrypter:
    """PKWARE's traditional encryption."""

    code_size = 0

    def __init__(self, info: Any, pwd: bytes, encryption_header: bytes) -> None:
        self.decrypt = ZipCrypto(pwd, MAX_BYTES).decrypt
        # A streaming producer does not know the CRC yet, so its check byte is from the time.
        expected = info._raw_time >> 8 if info.use_datadescripter else info.CRC >> 24
        if self.decrypt(encryption_header)[-1] != expected:
            raise WrongPassword(WRONG_PASSWORD)

    def authenticates(self, code: bytes) -> bool:
        """True only for an empty code: the cipher has none."""
        return not code
