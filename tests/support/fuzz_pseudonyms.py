"""Feeds the C of pseudonyms with damaged reports, each buffer before a page that nobody may touch.

The library that is named is built with traps for undefined behaviour: whatever is wrong ends this
process. Prints how many files were read whole, and how many were refused.
"""

import ctypes
import mmap
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pingone_reports import native
from pingone_reports.errors import FieldMissing, InvalidReport
from pingone_reports.transfer import token_stream
from pingone_reports.transfer.personal_data import PersonalFields
from pingone_reports.transfer.token_stream import CsvTokens, JsonTokens
from pingone_reports.zips.encrypted_zip import Piece
from tests.support.chunks import cut

_NO_ACCESS = 0
_WORDS = [
    *[bytes([byte]) for byte in b'"",,\r\n{}[]:\\ 0a'],
    *(b"phone", b'"phone"', b'"phone":"', b'"phone":1,', b"\\u0070", b"\\ud83e\\udd8a", b"null"),
    *(b'""', b"\r\n", b'{"phone":"+49"}', b'"a ""b"""', b"+49,u\r\n", b"x" * 40, b"\xff", b"\xc3"),
]
_BEGINNINGS = {
    CsvTokens: [b"", b"phone\n", b"phone,x\n", b"," * 999 + b"\n"],
    JsonTokens: [b"", b"[", b'[{"phone":'],
}


def guarded(size: int, content: bytes = b"") -> Any:
    """A buffer that ends where its mapping ends; behind it is a page without any access."""
    whole = -(-max(size, 1) // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = mmap.mmap(-1, whole + mmap.PAGESIZE)
    end = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + whole
    libc = ctypes.CDLL(None)
    assert libc.mprotect(ctypes.c_void_p(end), mmap.PAGESIZE, _NO_ACCESS) == 0
    buffer: Any = (ctypes.c_char * size).from_buffer(memory, whole - size)
    buffer.raw = content
    return buffer


class Guarded:
    """The library, which gets guarded copies of texts."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library

    def __getattr__(self, name: str) -> Callable[..., Any]:
        function = getattr(self._library, name)
        return lambda *arguments: function(
            *(guarded(len(each), each) if isinstance(each, bytes) else each for each in arguments)
        )


def fuzz(files: int) -> Counter[str]:
    """Read random files."""
    dice, ends = random.Random(files), Counter[str]()
    for _ in range(files):
        kind = dice.choice(list(_BEGINNINGS))
        words = dice.choices(_WORDS, k=dice.randrange(dice.choice([3, 30, 3000])))
        stream: Any = kind(PersonalFields(["phone"], []), b"k" * 64)
        text = dice.choice(_BEGINNINGS[kind]) + b"".join(words)
        chunks = cut(text, [dice.random() for _ in range(dice.randrange(8))])
        try:
            list(stream.replaced(Piece(b"", chunk) for chunk in chunks))
            ends["read"] += 1
        except (InvalidReport, FieldMissing):
            ends["refused"] += 1
    return ends


if __name__ == "__main__":
    native.library_path = lambda *_: Path(sys.argv[1])
    buffers: Any = ctypes
    stream: Any = token_stream
    checked = Guarded(native.library())
    buffers.create_string_buffer = guarded
    stream.library = lambda: checked
    print(dict(fuzz(int(sys.argv[2]))))
