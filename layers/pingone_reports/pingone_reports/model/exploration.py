"""A PingOne data exploration, as its API answers it.

Source: "Get report results - results in file - polling", developer.pingidentity.com.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

from pingone_reports.errors import InvalidResponse, ReportFailed, ReportWithdrawn
from pingone_reports.model.report_file import Format

# "Devices report": "currently the only supported value".
DEVICES_REPORT_TEMPLATE_ID = "db632bfd-7054-4bde-b108-a384aac2d513"

# PingOne's is a UUID. It becomes part of a URL's path, of the state and of the events.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# Anything else is not repeated: whoever answers for PingOne may put a secret there.
_WORD = re.compile(r"[A-Za-z_ ]{1,40}")
_YEARS = range(2000, 3000)
_SURROGATE = re.compile(r"[\ud800-\udfff]")


class Status(StrEnum):
    """The documented ones. Any other is a failure whose name PingOne does not document."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """Ids and times of a data exploration. Times are in UTC, in the years 2000 to 2999."""

    id: str
    status: Status
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Raises ReportFailed on a status we do not know, InvalidResponse on any other shape."""
        told = _text(body, "status")
        try:
            status = Status(told)
        except ValueError:
            word = repr(told) if _WORD.fullmatch(told) else "that is no word"
            raise ReportFailed(
                f"PingOne ended the report with the status {word}. Start a new export; "
                "if it fails again, ask Ping Identity support with the exploration's id."
            ) from None
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
    """A finished report, and how to get its files. Secret: used where it is read, and forgotten.

    `links` are presigned URLs, valid five minutes from their request.
    """

    exploration: Exploration
    links: Mapping[Format, str] = field(repr=False)
    zip_password: str = field(repr=False)

    @classmethod
    def parse(cls, body: Mapping[str, Any], formats: Collection[Format]) -> Self:
        """Raises ReportWithdrawn, and what Exploration.parse does: a link may be missing, too."""
        exploration = Exploration.parse(body)
        if exploration.status is not Status.SUCCESS:
            raise ReportWithdrawn(
                "PingOne says that the report, which was ready, is in progress again."
            )
        return cls(
            exploration=exploration,
            links={name: _text(body, f"{name}PresignedUrl") for name in formats},
            zip_password=_text(body, "zipPassword"),
        )


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
