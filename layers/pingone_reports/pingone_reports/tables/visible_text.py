"""Text of others, made safe to look at: nothing in it is hidden, reordered or endless."""

import unicodedata

LONGEST = 300
"""Characters that are shown of one value."""

# Controls, formats (bidi overrides, zero width), surrogates, and separators of lines.
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


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
    hidden = unicodedata.category(character) in _HIDDEN
    return f"⟨U+{ord(character):04X}⟩" if hidden else character
