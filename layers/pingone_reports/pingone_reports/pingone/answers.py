"""One call of PingOne: its answer as a whole, never a large one, and what may be told of it."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from pingone_reports.errors import InvalidResponse, PingOneUnavailable

# The documented ones have less than 10 KB.
_MOST_BYTES = 1024 * 1024

_LINK = re.compile(r"https?://\S*", re.IGNORECASE)
# A UUID has 36 characters. What is longer is a token, a signature, or a piece of one.
_OPAQUE = re.compile(r"[A-Za-z0-9+_~.-]{40,}")


@dataclass(frozen=True)
class Answer:
    """What PingOne answered. The body may hold secrets."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def document(self) -> dict[str, Any] | None:
        """The body's JSON object; None if it is anything else."""
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return document if isinstance(document, dict) else None


def ask(
    session: requests.Session,
    who: str,
    method: str,
    url: str,
    headers: Mapping[str, str] | None = None,
    **given: Any,
) -> Answer:
    """Send a request, of which `given` is the rest; redirects are not followed.

    Raises PingOneUnavailable, or InvalidResponse when the answer is too large; both name `who`.
    """
    # Packed, a small answer may be a very large one.
    headers = {"Accept-Encoding": "identity", **(headers or {})}
    body = b""
    try:
        with session.request(
            method, url, headers=headers, stream=True, allow_redirects=False, **given
        ) as response:
            # Once more at the end, which tells whether all of it came.
            while piece := response.raw.read(_MOST_BYTES + 1 - len(body), decode_content=False):
                body += piece
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        # No `from`: a message of requests quotes the URL and may quote more.
        raise PingOneUnavailable(f"{who} cannot be reached ({type(error).__name__}).") from None
    if len(body) > _MOST_BYTES:
        raise InvalidResponse(f"{who} answered with more than {_MOST_BYTES} bytes: check its URL.")
    return Answer(response.status_code, response.headers, body)


def tellable(text: str, secrets: Collection[str]) -> str:
    """A text of PingOne's on one line, without these secrets, links and what looks like a token."""
    # The longest first: one may be a piece of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "(secret)")
    text = _OPAQUE.sub("(secret)", _LINK.sub("(link)", text))
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
