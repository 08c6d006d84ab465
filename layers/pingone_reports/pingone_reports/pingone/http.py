"""One call of PingOne: a complete answer of limited size, and its text without secrets."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from pingone_reports.errors import InvalidResponse, PingOneUnavailable
from pingone_reports.model.text import printable

# The documented answers have less than 10 KB, but for lists.
MOST_BYTES = 1024 * 1024

_LINK = re.compile(r"https?://\S*", re.IGNORECASE)
# A UUID has 36 characters. Anything longer may be a token or a signature, or a piece of one.
_OPAQUE = re.compile(r"[A-Za-z0-9+_~.-]{40,}")


@dataclass(frozen=True)
class Answer:
    """What PingOne answered. The body may hold secrets."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def document(self) -> dict[str, Any] | None:
        """The body's JSON object; None if the body is not one."""
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
    most_bytes: int = MOST_BYTES,
    **given: Any,
) -> Answer:
    """Send a request, with `given` as more arguments of requests; redirects are not followed.

    Raises PingOneUnavailable, or InvalidResponse when the answer is too large; both name `who`.
    """
    # A small compressed answer could be a very large one.
    headers = {"Accept-Encoding": "identity", **(headers or {})}
    body = b""
    try:
        with session.request(
            method, url, headers=headers, stream=True, allow_redirects=False, **given
        ) as response:
            # The last read, which returns nothing, raises if the answer was cut off.
            while piece := response.raw.read(most_bytes + 1 - len(body), decode_content=False):
                body += piece
    except (requests.RequestException, HTTPError, OSError, ValueError) as error:
        # No cause: a message of requests quotes the URL, and may quote more.
        raise PingOneUnavailable(
            f"{who} cannot be reached ({type(error).__name__}): try again later."
        ) from None
    if len(body) > most_bytes:
        raise InvalidResponse(f"{who} answered with more than {most_bytes} bytes: check its URL.")
    return Answer(response.status_code, response.headers, body)


def tellable(text: str, secrets: Collection[str]) -> str:
    """PingOne's text on one line, without these secrets, links and anything like a token."""
    # The longest first, because one secret may be a piece of another.
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "(secret)")
    return printable(_OPAQUE.sub("(secret)", _LINK.sub("(link)", text)))
