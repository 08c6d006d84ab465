"""Text of others, made safe to look at: nothing in it is hidden, reordered or endless."""

import unicodedata

LONGEST = 500
"""Characters of one value that are shown."""

# Controls, formats (bidi overrides, zero width), surrogates, and separators of lines.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def visible(text: str) -> str:
    """The text with the names of its characters that are invisible or change what others look like.

    A lone surrogate is such a character, so the result can be encoded. What is too long is cut,
    and says so.
    """
    shown = "".join(_named(character) for character in text[:LONGEST])
    left = len(text) - LONGEST
    return f"{shown}… ({left:,} more characters)" if left > 0 else shown


def _named(character: str) -> str:
    hidden = unicodedata.category(character) in _HIDDEN
    return f"⟨U+{ord(character):04X}⟩" if hidden else character
