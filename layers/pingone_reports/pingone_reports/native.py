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
    state, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    native.zipcrypto_prepare.argtypes = []
    native.zipcrypto_advance.argtypes = [state, text, size]
    native.zipcrypto_decrypt.argtypes = [state, text, ctypes.c_void_p, size]
    native.csv_rows.argtypes = [state, text, size, ctypes.c_void_p]
    native.json_structure.argtypes = [state, text, size, ctypes.c_void_p]
    buffer, flag = ctypes.c_void_p, ctypes.c_int
    native.csv_find.argtypes = [state, text, size, flag, buffer, buffer]
    native.json_find.argtypes = [state, text, size, flag, buffer, buffer]
    native.put_tokens.argtypes = [text, size, buffer, size, text, buffer]
    for procedure in native.zipcrypto_prepare, native.zipcrypto_advance, native.zipcrypto_decrypt:
        procedure.restype = None
    for function in (
        native.csv_rows,
        native.json_structure,
        native.csv_find,
        native.json_find,
        native.put_tokens,
    ):
        function.restype = size
    native.zipcrypto_prepare()
    return native


def library_path(system: str, processor: str) -> Path:
    """Where the layer's Makefile puts the library. A deployed layer holds only Linux libraries."""
    suffix = "dylib" if system == "darwin" else "so"
    return Path(__file__).with_name(f"native-{processor}.{suffix}")
