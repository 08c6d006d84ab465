"""Text of others: what of it is hidden or changes what others look like, and text without that."""

import re
import unicodedata

# As in the brackets of a regular expression.
CONTROLS = r"\x00-\x1f\x7f"
LATER_CONTROLS = r"\x80-\x9f"
# Without a width, or ending or reordering a line.
HIDDEN = r"\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff"
# A lone one cannot be encoded, so it could be neither written nor sent.
SURROGATES = r"\ud800-\udfff"

SURROGATE = re.compile(f"[{SURROGATES}]")
_NO_WIDTH = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
# Controls, formats (bidi overrides, zero width), surrogates, and separators of lines.
_NAMED = {"Cc", "Cf", "Cs", "Zl", "Zp"}
# Longer than any name that PingOne takes.
_LONGEST_NAME = 256

LONGEST = 300
"""Characters that are shown of one value."""


def printable(text: str) -> str:
    """The text on one line, with single spaces."""
    return " ".join(_with_spaces(text).split())


def one_line(name: str) -> str:
    """A name as it is shown: composed, on one line, and without characters that have no width."""
    whole = unicodedata.normalize("NFC", _NO_WIDTH.sub("", SURROGATE.sub("\ufffd", name)))
    return _with_spaces(whole)[:_LONGEST_NAME]


def visible(text: str) -> str:
    """The text with the names of its characters that are invisible or change what others look like.

    A lone surrogate is such a character, so the result can be encoded. What is too long is cut,
    and says so.
    """
    shown, room = [], LONGEST
    for character in text:
        shown.append(_named(character))
        room -= len(shown[-1])
        if room < 0:
            del shown[-1]
            return f"{''.join(shown)}… ({len(text) - len(shown):,} more characters)"
    return "".join(shown)


def _named(character: str) -> str:
    hidden = unicodedata.category(character) in _NAMED
    return f"⟨U+{ord(character):04X}⟩" if hidden else character


def _with_spaces(text: str) -> str:
    return "".join(sign if sign.isprintable() else " " for sign in text)
