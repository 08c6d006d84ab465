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

from pingone_reports.transfer import token_stream

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
    span = token_stream._SPAN
    spans = Guarded(token_stream._MOST_SPANS * span.size)
    start = Guarded(64)
    native.mac_start(ctypes.c_void_p(start.address), bytes(64))
    for number in range(files):
        length = dice.choice([3, 30, 3000])
        text = b"".join(dice.choices(_WORDS, k=dice.randrange(length)))
        state: Any
        is_csv = number % 2
        if is_csv:
            find, state = (
                native.csv_find,
                token_stream._Csv(columns=dice.choice([0, 1, 2, 2, 1000])),
            )
            state.kinds[:2] = [dice.randrange(1, 4), dice.randrange(4)]
        else:
            find, state = native.json_find, token_stream._Json(names_count=2)
            state.names[0].kind = 1
            state.names[1] = (0, 5, dice.randrange(4))
            state.letters[:5] = list(b"phone")
            text = dice.choice([b"", b"[", b'[{"phone":']) + text
        while True:
            last, size = dice.random() < 0.5, len(text)
            source, values = Guarded(size, text), Guarded(size)
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
            assert found.bytes <= size
            places = [
                span.unpack(ctypes.string_at(spans.address + at * span.size, span.size))
                for at in range(found.spans)
            ]
            edges = [edge for *_, begin, end in places for edge in (begin, end)]
            assert edges == sorted(edges)
            assert not edges or edges[-1] <= read
            # What C leaves to Python is spelled as it is.
            odd = Guarded(found.bytes, ctypes.string_at(values.address, found.bytes))
            written = read + sum(
                26 + 2 * bare - end + begin for *_, bare, _odd, begin, end in places
            )
            out = Guarded(written)
            arguments = (
                *(start.address, source.address, read, spans.address, found.spans),
                *(values.address, odd.address),
            )
            assert written == native.put_tokens(
                *map(ctypes.c_void_p, arguments), ctypes.c_void_p(out.address)
            )
            text = text[read:]
            if not is_csv and found.unknown:
                name, count = text[1 : found.unknown], state.names_count
                begin = state.names[count - 1].at + state.names[count - 1].size
                state.names[count] = (begin, len(name), dice.randrange(4))
                state.letters[begin : begin + len(name)] = list(name)
                state.names_count += 1
                continue
            if found.fault or last or not text:
                ends["refused" if found.fault else "read"] += 1
                break
            if not read:
                text += dice.choice(_WORDS)
    return ends


if __name__ == "__main__":
    print(dict(fuzz(ctypes.CDLL(sys.argv[1]), int(sys.argv[2]))))
