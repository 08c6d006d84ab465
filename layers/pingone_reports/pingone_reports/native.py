"""The layer's C library, built from ../native: work that Python does too slowly, and no wheel does.

ctypes releases the GIL during a call, so other threads can run.
"""

import ctypes
import platform
import sys
from functools import cache
from pathlib import Path


@cache
def library() -> ctypes.CDLL:
    """The library for this system and processor."""
    native = ctypes.CDLL(str(library_path(sys.platform, platform.machine())))
    buffer, text, size, flag = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int
    for name, result, *arguments in (
        ("zipcrypto_prepare", None),
        ("zipcrypto_advance", None, buffer, text, size),
        ("zipcrypto_decrypt", None, buffer, text, buffer, size),
        ("csv_rows", size, buffer, text, size, buffer),
        ("json_structure", size, buffer, text, size, buffer),
        ("csv_find", size, buffer, text, size, flag, buffer, buffer),
        ("json_find", size, buffer, text, size, flag, buffer, buffer),
        ("mac_start", None, buffer, text),
        ("put_tokens", size, buffer, text, size, buffer, size, buffer, text, buffer),
    ):
        function = getattr(native, name)
        function.restype, function.argtypes = result, arguments
    native.zipcrypto_prepare()
    return native


def library_path(system: str, processor: str) -> Path:
    """Where the layer's Makefile puts the library. A deployed layer holds only Linux libraries."""
    suffix = "dylib" if system == "darwin" else "so"
    return Path(__file__).with_name(f"native-{processor}.{suffix}")
