"""Feeds the C of pseudonyms with damaged reports, each buffer before a page that nobody may touch.

The library that is named is built with traps for undefined behaviour: whatever is wrong ends this
process. Prints how many files were read whole, and how many were refused.
"""

import ctypes
import mmap
import random
import sys
from collections import Counter
from typing import Any

from pingone_reports.transfer import pseudonyms

_PAGE, _NO_ACCESS = mmap.PAGESIZE, 0
_WORDS = [
    *[bytes([byte]) for byte in b'"",,\r\n{}[]:\\ 0a'],
    *(b"phone", b'"phone"', b'"phone":"', b'"phone":1,', b"\\u0070", b"\\ud83e\\udd8a", b"null"),
    *(b'""', b"\r\n", b'{"phone":"+49"}', b'"a ""b"""', b"+49,u\r\n", b"x" * 40, b"\xff", b"\xc3"),
]


class Guarded:
    """A buffer that ends where its mapping ends; behind it is a page without any access."""

    def __init__(self, size: int, content: bytes = b"") -> None:
        pages = -(-max(size, 1) // _PAGE)
        self._map = mmap.mmap(-1, (pages + 1) * _PAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        libc = ctypes.CDLL(None, use_errno=True)
        assert libc.mprotect(ctypes.c_void_p(start + pages * _PAGE), _PAGE, _NO_ACCESS) == 0
        self.address = start + pages * _PAGE - size
        ctypes.memmove(self.address, content, len(content))


def fuzz(native: ctypes.CDLL, files: int) -> Counter[str]:
    """Read random files."""
    dice, ends = random.Random(files), Counter[str]()
    for function in (native.csv_find, native.json_find, native.put_tokens):
        function.restype = ctypes.c_size_t
    spans = Guarded(pseudonyms._MOST_SPANS * pseudonyms._SPAN_BYTES)
    for number in range(files):
        length = dice.choice([3, 30, 3000])
        text = b"".join(dice.choices(_WORDS, k=dice.randrange(length)))
        state: Any
        is_csv = number % 2
        if is_csv:
            find, state = native.csv_find, pseudonyms._Csv(columns=dice.choice([0, 1, 2, 2, 1000]))
            state.named[:2] = [1, dice.randrange(2)]
        else:
            find, state = native.json_find, pseudonyms._Json(names_count=1)
            state.names[0][:] = b"\x05phone" + bytes(10)
            text = dice.choice([b"", b"[", b'[{"phone":']) + text
        while True:
            last, size = dice.random() < 0.5, len(text)
            source, values = Guarded(size, text), Guarded(2 * size + 1)
            read = find(
                ctypes.byref(state),
                ctypes.c_void_p(source.address),
                ctypes.c_size_t(size),
                last,
                ctypes.c_void_p(spans.address),
                ctypes.c_void_p(values.address),
            )
            found = state.found
            assert read <= size
            assert found.bytes <= 2 * size + 1
            places = (ctypes.c_uint32 * (3 * found.spans)).from_address(spans.address)
            edges = [place for at in range(found.spans) for place in places[3 * at : 3 * at + 2]]
            assert edges == sorted(edges)
            assert not edges or edges[-1] <= read
            digests = Guarded(16 * found.spans, bytes(16 * found.spans))
            written = read + sum(
                26 + 2 * places[3 * at + 2] - places[3 * at + 1] + places[3 * at]
                for at in range(found.spans)
            )
            out = Guarded(written)
            arguments = (source.address, read, spans.address, found.spans, digests.address)
            assert written == native.put_tokens(
                *map(ctypes.c_void_p, arguments), ctypes.c_void_p(out.address)
            )
            text = text[read:]
            if found.fault or last or not text:
                ends["refused" if found.fault else "read"] += 1
                break
            if not read:
                text += dice.choice(_WORDS)
    return ends


if __name__ == "__main__":
    print(dict(fuzz(ctypes.CDLL(sys.argv[1]), int(sys.argv[2]))))
