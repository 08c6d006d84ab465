"""ZipCrypto, PKWARE's traditional encryption, decrypted by zipcrypto.c.

In C because each byte's key depends on the byte before it: nothing that takes many bytes at once
helps, and Python takes fifty times as long. Called by ctypes, it lets other threads run meanwhile.
"""

import ctypes
import platform
from functools import cache
from pathlib import Path

# APPNOTE.TXT, 6.1.5: what the keys are before the password.
_KEYS = (0x12345678, 0x23456789, 0x34567890)


class ZipCrypto:
    """Decrypts the bytes of one member in their order, up to `most` of them at once."""

    def __init__(self, password: bytes, most: int) -> None:
        self._native = _library()
        self._keys = (ctypes.c_uint32 * 3)(*_KEYS)
        self._native.zipcrypto_advance(self._keys, password, len(password))
        self._plain = bytearray(most)
        self._output = (ctypes.c_char * most).from_buffer(self._plain)

    def decrypt(self, data: bytes) -> memoryview:
        """The plaintext of the next bytes: a view of what the next call overwrites."""
        plain = memoryview(self._plain)[: len(data)]
        self._native.zipcrypto_decrypt(self._keys, data, self._output, len(plain))
        return plain


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(str(Path(__file__).with_name(f"zipcrypto-{platform.machine()}.so")))
    keys, size = ctypes.POINTER(ctypes.c_uint32), ctypes.c_size_t
    library.zipcrypto_advance.argtypes = [keys, ctypes.c_char_p, size]
    library.zipcrypto_decrypt.argtypes = [keys, ctypes.c_char_p, ctypes.c_void_p, size]
    for function in (
        library.zipcrypto_prepare,
        library.zipcrypto_advance,
        library.zipcrypto_decrypt,
    ):
        function.restype = None
    library.zipcrypto_prepare()
    return library
