"""What a filter names, and what is kept of it where personal data becomes tokens."""

import hashlib
import re

from pingone_reports.model.fields import USER_FIELDS, spelled

_STRING = re.compile(r"""(["'])(?:\\.|(?!\1).)*(?:\1|$)""")
# The operators of SCIM, RFC 7644, 3.4.2.2, which PingOne's filters have, and `in`.
_OPERATORS = "eq|ne|co|sw|ew|gt|ge|lt|le|pr|in"
_COMPARED = re.compile(rf"([A-Za-z][A-Za-z0-9_.]{{0,63}})\s+(?:{_OPERATORS})\b", re.IGNORECASE)
_SYNTAX = {*_OPERATORS.split("|"), "and", "or", "not", "true", "false", "null"}
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_WORD = re.compile(r"[A-Za-z_$][\w.$:]*")
HASH = re.compile(r"\b[0-9a-f]{64}\b")
_HIDDEN = re.compile(r"filter on ([A-Za-z0-9_., ]+): (?:[0-9a-f]{64}|[0-9a-f]{32})")
_UNKNOWN = "unknown fields"


def fields_of_filter(filter_: str) -> frozenset[str]:
    """The fields that a filter names, as `spelled`. Quoted values name none."""
    return frozenset(name for names in _spellings(filter_) for name in names)


def hides_factors(filter_: str) -> bool:
    """Whether a filter may hide some factors of a user, or users because of their factors."""
    named = _spellings(filter_) or [set()]
    return bool(filter_) and not all(USER_FIELDS & names for names in named)


def without_values(filter_: str) -> str:
    """The names of a filter's fields and its SHA-256; of what this has returned, the same again.

    It names the same fields, or has the words "unknown fields" if it may be on others, too.
    """
    if not filter_ or is_without_values(filter_):
        return filter_
    names = list(dict.fromkeys(_compared(filter_)))
    if not names or not {*_words(filter_)} <= {*names}:
        names.append(_UNKNOWN)
    return f"filter on {', '.join(names)}: {hashlib.sha256(filter_.encode()).hexdigest()}"


def is_without_values(filter_: str) -> bool:
    """Whether this is no filter any more, but what was kept of one."""
    return bool(_HIDDEN.fullmatch(filter_))


def values_of(filter_: str) -> list[str]:
    """What an answer about a filter must not repeat: the filter, and the values in it."""
    known = _SYNTAX | {name.lower() for name in _compared(filter_)}
    words = re.findall(r"[^\s()\"']+", filter_)
    return [filter_, *(word for word in words if word.lower() not in known)]


def _spellings(filter_: str) -> list[set[str]]:
    """Each name as a whole and its last part, as `device.type` and `type`."""
    hidden = _HIDDEN.fullmatch(filter_)
    names = hidden[1].split(", ") if hidden else _words(filter_)
    return [{spelled(name), spelled(re.split(r"[.:]", name)[-1])} for name in names]


def _compared(filter_: str) -> list[str]:
    """The names in front of an operator: any other word may be a value."""
    return _COMPARED.findall(_STRING.sub("''", filter_))


def _words(filter_: str) -> list[str]:
    """All words that may be names."""
    words = _WORD.findall(_QUOTED.sub(" ", filter_))
    return [word for word in words if word.lower() not in _SYNTAX]
