"""A PingOne data exploration, as its API answers it.

Source: "Get report results - results in file - polling", developer.pingidentity.com.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from pingone_reports.errors import InvalidResponse, ReportFailed
from pingone_reports.link_hosts import LinkHosts

IN_PROGRESS = "IN_PROGRESS"
SUCCESS = "SUCCESS"


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Ids and times of a data exploration. Times are aware datetimes."""

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
            raise ReportFailed(
                f"PingOne ended the report with the status {status!r:.80}. Start a new export; "
                "if it fails again, ask Ping Identity support with the exploration's id."
            )
        return cls(
            id=_text(body, "id"),
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
    if isinstance(value, str) and value:
        return value
    # The value itself is not repeated: it may be a link.
    raise InvalidResponse(
        f"PingOne's answer has no text in {name!r}. If this lasts, its API has changed: "
        "look for a newer version of this application."
    )


def _time(body: Mapping[str, Any], name: str) -> datetime:
    try:
        time = datetime.fromisoformat(_text(body, name))
    except ValueError:
        time = None
    if time is None or time.tzinfo is None:
        raise InvalidResponse(f"PingOne's answer has no ISO 8601 time with a zone in {name!r}.")
    return time
