"""Encrypted zips of every kind that PingOne might send, made without the reader's code.

Layout and field names: PKWARE's APPNOTE.TXT (4.3 and 6.1), and WinZip's "AE-1 and AE-2" paper.
"""

import hashlib
import hmac
import os
import struct
import zlib
from typing import Literal

from Crypto.Cipher import AES
from Crypto.Util import Counter

Encryption = Literal["zipcrypto", "aes128", "aes192", "aes256"]
Compression = Literal["deflated", "stored"]

_ENCRYPTED, _DATA_DESCRIPTOR, _UTF8_NAME = 1 << 0, 1 << 3, 1 << 11
_METHODS = {"stored": 0, "deflated": 8}
_AES_METHOD = 99
_AES_STRENGTHS = {"aes128": 1, "aes192": 2, "aes256": 3}
_DOS_TIME, _DOS_DATE = 0x6B5C, 0x5C6E
_TOO_LARGE_FOR_32_BITS = 0xFFFF_FFFF


def make_zip(
    name: str,
    data: bytes,
    password: str,
    encryption: Encryption | None = "aes256",
    *,
    compression: Compression = "deflated",
    data_descriptor: bool = False,
    zip64: bool = False,
    ae_version: Literal[1, 2] = 2,
) -> bytes:
    """A zip with one member. Without `encryption`, the password is unused.

    `data_descriptor` writes the sizes and the CRC after the data, like a streaming producer;
    `zip64` uses 64-bit fields wherever there is a choice. ZipCrypto takes about a second for 1 MB
    of compressed data (for large zips use `zip -P`); everything else is as fast as zlib.
    """
    raw_name = name.encode()
    body = _packed(data, password, encryption, compression, data_descriptor)
    strength, method = _AES_STRENGTHS.get(encryption or "", 0), _METHODS[compression]
    crc = 0 if strength and ae_version == 2 else zlib.crc32(data)
    sizes = len(body), len(data)
    aes_field = struct.pack("<HHH2sBH", 0x9901, 7, ae_version, b"AE", strength, method)

    def shared(crc: int, sizes: tuple[int, int], extra: bytes) -> bytes:
        """The fields that the local header and the directory entry share."""
        return struct.pack(
            "<HHHHHLLLHH",
            51 if strength else 45 if zip64 else 20,
            (_ENCRYPTED if encryption else 0)
            | (_DATA_DESCRIPTOR if data_descriptor else 0)
            | (0 if name.isascii() else _UTF8_NAME),
            _AES_METHOD if strength else method,
            _DOS_TIME,
            _DOS_DATE,
            crc,
            *((_TOO_LARGE_FOR_32_BITS, _TOO_LARGE_FOR_32_BITS) if zip64 else sizes),
            len(raw_name),
            len(extra),
        )

    first_crc, first_sizes = (0, (0, 0)) if data_descriptor else (crc, sizes)
    local_extra = directory_extra = aes_field if strength else b""
    if zip64:
        local_extra += struct.pack("<HHQQ", 1, 16, *reversed(first_sizes))
        directory_extra += struct.pack("<HHQQQ", 1, 24, *reversed(sizes), 0)
    local = b"PK\3\4" + shared(first_crc, first_sizes, local_extra) + raw_name + local_extra + body
    if data_descriptor:
        local += struct.pack("<4sLQQ" if zip64 else "<4sLLL", b"PK\7\x08", crc, *sizes)
    offset = _TOO_LARGE_FOR_32_BITS if zip64 else 0
    directory = (
        struct.pack("<4sH", b"PK\1\2", 3 << 8 | 63)
        + shared(crc, sizes, directory_extra)
        + struct.pack("<HHHLL", 0, 0, 0, 0o100644 << 16, offset)
        + raw_name
        + directory_extra
    )
    return local + directory + _end_of_directory(len(local), len(directory), zip64)


def _packed(
    data: bytes,
    password: str,
    encryption: Encryption | None,
    compression: Compression,
    data_descriptor: bool,
) -> bytes:
    """The member's data, compressed and encrypted."""
    body = data
    if compression == "deflated":
        deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
        body = deflate.compress(data) + deflate.flush()
    if encryption is None:
        return body
    if encryption == "zipcrypto":
        # With a data descriptor, the CRC comes too late to be the check byte.
        check = _DOS_TIME >> 8 if data_descriptor else zlib.crc32(data) >> 24
        return _zipcrypto(os.urandom(11) + bytes([check]) + body, password.encode())
    return _winzip_aes(body, password.encode(), _AES_STRENGTHS[encryption])


def _end_of_directory(start: int, size: int, zip64: bool) -> bytes:
    end64 = b""
    if zip64:
        end64 = struct.pack("<4sQHHLLQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, size, start)
        end64 += struct.pack("<4sLQL", b"PK\6\7", 0, start + size, 1)
        start = _TOO_LARGE_FOR_32_BITS
    return end64 + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, size, start, 0)


def _winzip_aes(body: bytes, password: bytes, strength: int) -> bytes:
    key_size = 8 + 8 * strength
    salt = os.urandom(key_size // 2)
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, 1000, 2 * key_size + 2)
    counter = Counter.new(128, little_endian=True)
    ciphertext = AES.new(keys[:key_size], AES.MODE_CTR, counter=counter).encrypt(body)
    code = hmac.digest(keys[key_size : 2 * key_size], ciphertext, "sha1")[:10]
    return salt + keys[-2:] + ciphertext + code


def _crc_table() -> list[int]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB8_8320 if crc & 1 else 0)
        table.append(crc)
    return table


def _zipcrypto(plaintext: bytes, password: bytes) -> bytes:
    """APPNOTE.TXT, 6.1. Each key depends on all plaintext before it: this cannot be vectorised."""
    crc = _crc_table()
    key0, key1, key2 = 0x1234_5678, 0x2345_6789, 0x3456_7890
    ciphertext = bytearray()
    append = ciphertext.append
    # The password updates the keys like plaintext; its ciphertext is dropped.
    for byte in password + plaintext:
        pad = (key2 | 2) & 0xFFFF
        append(byte ^ (pad * (pad ^ 1) >> 8) & 0xFF)
        key0 = crc[(key0 ^ byte) & 0xFF] ^ key0 >> 8
        key1 = ((key1 + (key0 & 0xFF)) * 134_775_813 + 1) & 0xFFFF_FFFF
        key2 = crc[(key2 ^ key1 >> 24) & 0xFF] ^ key2 >> 8
    return bytes(ciphertext[len(password) :])
