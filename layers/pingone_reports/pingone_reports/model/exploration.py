"""A PingOne data exploration, as its API answers it.

Source: "Get report results - results in file - polling", developer.pingidentity.com.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from pingone_reports.errors import InvalidResponse, ReportFailed
from pingone_reports.pingone.link_hosts import LinkHosts

IN_PROGRESS = "IN_PROGRESS"
SUCCESS = "SUCCESS"

# PingOne's is a UUID. It becomes part of a URL's path, of the state and of the events.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Anything else is not repeated: whoever answers for PingOne may put a secret there.
_WORD = re.compile(r"[A-Za-z_ ]{1,40}")
_YEARS = range(2000, 3000)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Ids and times of a data exploration. Times are in UTC, in the years 2000 to 2999."""

    id: str
    status: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Raises ReportFailed on a status we do not know, InvalidResponse on any other shape."""
        status = _text(body, "status")
        if status not in (IN_PROGRESS, SUCCESS):
            word = repr(status) if _WORD.fullmatch(status) else "that is no word"
            raise ReportFailed(
                f"PingOne ended the report with the status {word}. Start a new export; "
                "if it fails again, ask Ping Identity support with the exploration's id."
            )
        if not _ID.fullmatch(id_ := _text(body, "id")):
            raise InvalidResponse(
                "PingOne's answer has an 'id' that is not 1 to 128 letters, digits or characters "
                "of . _ -. If this lasts, look for a newer version of this application."
            )
        return cls(
            id=id_,
            status=status,
            created_at=_time(body, "createdAt"),
            updated_at=_time(body, "updatedAt"),
            expires_at=_time(body, "expiresAt"),
        )


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """How to get a finished report's files. Secret: it is used where it is read, and forgotten.

    `links` are presigned URLs by format (`csv`, `json`), valid five minutes from their request.
    """

    links: Mapping[str, str] = field(repr=False)
    zip_password: str = field(repr=False)

    @classmethod
    def parse(cls, body: Mapping[str, Any], formats: tuple[str, ...], hosts: LinkHosts) -> Self:
        """Raises InvalidResponse when a wanted link or the password is missing, LinkNotAllowed."""
        links = {name: _text(body, f"{name}PresignedUrl") for name in formats}
        for link in links.values():
            hosts.check(link)
        return cls(links=links, zip_password=_text(body, "zipPassword"))


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    # Half of a surrogate pair is no text: it cannot be sent or written.
    if isinstance(value, str) and value and not _SURROGATE.search(value):
        return value
    # The value itself is not repeated: it may be a link.
    raise InvalidResponse(
        f"PingOne's answer has no text in {name!r}. If this lasts, its API has changed: "
        "look for a newer version of this application."
    )


def _time(body: Mapping[str, Any], name: str) -> datetime:
    # All that is derived from a time is possible in these years. After the files are committed it
    # would be too late to find that it is not.
    with suppress(ValueError, OverflowError):
        time = datetime.fromisoformat(_text(body, name))
        if time.tzinfo and (time := time.astimezone(UTC)).year in _YEARS:
            return time
    raise InvalidResponse(
        f"PingOne's answer has no ISO 8601 time with a zone in {name!r}, of the years 2000 to 2999."
    )
