"""Which fields may hold personal data, and which values are one value.

`../native/spelling.c` spells the values of most people as `one_spelling` does, only faster.
"""

import re
import unicodedata
from collections.abc import Iterable

from pingone_reports.model.fields import WITHOUT_PERSON, spelled

# A change of what is one value or of how it is hashed needs another version: it is in the key's id,
# so that tokens of different versions are not taken for the same.
VERSION = 2

# What becomes of a field's values. As in ../native/values.h.
CLEAR, TEXT, CASELESS, PHONE = range(4)
# By what is in a field's name.
_KINDS = {
    PHONE: re.compile("phone|mobile|sms|voice|whatsapp|fax"),
    CASELESS: re.compile("mail|username|login"),
}
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")


class PersonalFields:
    """Which fields become tokens: those that are `named`, and those that may hold a person.

    `asked` are the fields of the request, empty for all of them.
    """

    def __init__(self, named: Iterable[str], asked: Iterable[str]) -> None:
        self._named = {spelled(field): field for field in named}
        wanted = set(map(spelled, asked))
        # Of all fields, nobody knows which there are.
        self.required = {name: field for name, field in self._named.items() if name in wanted}
        self._asked = self.required if wanted else self._named
        self._found: set[tuple[str, str]] = set()

    def kind_of(self, name: str) -> int:
        """What becomes of a field's values."""
        spelling = spelled(name)
        if spelling in WITHOUT_PERSON and spelling not in self._named:
            return CLEAR
        kinds = (kind for kind, names in _KINDS.items() if names.search(spelling))
        return next(kinds, TEXT)

    def note(self, name: str, kind: int) -> None:
        """Take a field into `names`, if its values became tokens."""
        if kind:
            told = name.encode(errors="replace").decode()  # half a character cannot be written
            self._found.add((spelled(name), told))

    def names(self) -> list[str]:
        """The fields that became tokens, as they were asked for or else as a file spells them."""
        # Of several spellings the first in the alphabet, whichever file was read first.
        found = dict(sorted(self._found, reverse=True))
        return sorted({**found, **self._asked}.values())


def one_spelling(value: str, kind: int, *, bare: bool = False) -> str:
    """The same text for each spelling of a value; `bare` is a JSON number.

    A phone number is its digits and its plus, if it has no letter. A user name and an e-mail
    address have no case. 4.90 is 4.9. All are in NFC, without spaces around them. Source: RFC 8265,
    3.3, for user names.
    """
    text = unicodedata.normalize("NFC", value.strip() or " ")
    if (bare or kind != PHONE) and "." in text and _NUMBER.fullmatch(text):
        text = text.rstrip("0").rstrip(".")
    if kind == CASELESS:
        return unicodedata.normalize("NFC", text.lower())
    if kind == PHONE and not any(map(str.isalpha, text)):
        signs = (unicodedata.decimal(sign, sign) for sign in unicodedata.normalize("NFKC", text))
        number = "".join(str(sign) for sign in signs if isinstance(sign, int) or sign == "+")
        return number if number.strip("+") else text
    return text
