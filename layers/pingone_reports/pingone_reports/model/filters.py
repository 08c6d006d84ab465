"""What may be kept of a filter where personal data becomes tokens."""

import hashlib
import re

_STRING = re.compile(r"""(["'])(?:\\.|(?!\1).)*(?:\1|$)""")
# The operators of SCIM, RFC 7644, 3.4.2.2, which PingOne's filters have, and `in`.
_OPERATORS = "eq|ne|co|sw|ew|gt|ge|lt|le|pr|in"
_COMPARED = re.compile(rf"([A-Za-z][A-Za-z0-9_.]{{0,63}})\s+(?:{_OPERATORS})\b", re.IGNORECASE)
_SYNTAX = {*_OPERATORS.split("|"), "and", "or", "not", "true", "false"}
HASH = re.compile(r"\b[0-9a-f]{64}\b")
_HIDDEN = re.compile(r"filter on [A-Za-z0-9_., ]+: (?:[0-9a-f]{64}|[0-9a-f]{32})")


def without_values(filter_: str) -> str:
    """The names of a filter's fields and its SHA-256; of what this has returned, the same again."""
    if not filter_ or is_without_values(filter_):
        return filter_
    names = ", ".join(dict.fromkeys(_names_of(filter_))) or "unknown fields"
    return f"filter on {names}: {hashlib.sha256(filter_.encode()).hexdigest()}"


def is_without_values(filter_: str) -> bool:
    """Whether this is no filter any more, but what was kept of one."""
    return bool(_HIDDEN.fullmatch(filter_))


def values_of(filter_: str) -> list[str]:
    """What an answer about a filter must not repeat: the filter, and the values in it."""
    known = _SYNTAX | {name.lower() for name in _names_of(filter_)}
    words = re.findall(r"[^\s()\"']+", filter_)
    return [filter_, *(word for word in words if word.lower() not in known)]


def _names_of(filter_: str) -> list[str]:
    return _COMPARED.findall(_STRING.sub("''", filter_))
