"""ZipCrypto, PKWARE's traditional encryption, decrypted in C.

Each byte's key depends on the byte before it, so no library can take many bytes at once, and Python
takes fifty times as long.
"""

import ctypes

from pingone_reports.native import library

# APPNOTE.TXT, 6.1.5: the keys before the password.
_KEYS = (0x12345678, 0x23456789, 0x34567890)


class ZipCrypto:
    """Decrypts the bytes of one member in order, up to `most` of them at once."""

    def __init__(self, password: bytes, most: int) -> None:
        self._native = library()
        self._keys = (ctypes.c_uint32 * 3)(*_KEYS)
        self._native.zipcrypto_advance(self._keys, password, len(password))
        self._plain = bytearray(most)
        self._output = (ctypes.c_char * most).from_buffer(self._plain)

    def decrypt(self, data: bytes) -> memoryview:
        """The plaintext of the next bytes: a view that the next call overwrites."""
        if len(data) > len(self._plain):
            raise ValueError(f"{len(data)} bytes at once, but {len(self._plain)} are the limit.")
        self._native.zipcrypto_decrypt(self._keys, data, self._output, len(data))
        return memoryview(self._plain)[: len(data)]
