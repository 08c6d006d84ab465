"""A PingOne data exploration, as its API answers it.

Source: "Get report results - results in file - polling", developer.pingidentity.com.
"""

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from pingone_reports.errors import InvalidResponse, ReportFailed, ReportWithdrawn
from pingone_reports.model.report_file import Format
from pingone_reports.model.status import Status
from pingone_reports.model.text import SURROGATE

# "Devices report": "currently the only supported value".
DEVICES_REPORT_TEMPLATE_ID = "db632bfd-7054-4bde-b108-a384aac2d513"

# PingOne's ids are UUIDs. They become part of a URL's path, of the state and of the events.
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
# An error shows only such a status: any other text could hold a secret.
_WORD = re.compile(r"[A-Za-z_ ]{1,40}")
_YEARS = range(2000, 3000)
# The documented statuses. Any other is a failure: PingOne does not document their names.
_DOCUMENTED = (Status.IN_PROGRESS, Status.SUCCESS)


@dataclass(frozen=True, kw_only=True)
class Exploration:
    """A data exploration without its secrets. Times are in UTC, in the years 2000 to 2999."""

    id: str
    status: Status
    created_at: datetime
    updated_at: datetime
    expires_at: datetime

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Raises ReportFailed for an unknown status, InvalidResponse for an undocumented shape."""
        told = _text(body, "status")
        if told not in _DOCUMENTED:
            word = repr(told) if _WORD.fullmatch(told) else "(not shown: it is not a word)"
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
            status=Status(told),
            created_at=_time(body, "createdAt"),
            updated_at=_time(body, "updatedAt"),
            expires_at=_time(body, "expiresAt"),
        )


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """A finished report, and how to get its files. Secret: only the code that downloads keeps it.

    `links` are presigned URLs, valid for five minutes after the request that returned them.
    """

    exploration: Exploration
    links: Mapping[Format, str] = field(repr=False)
    zip_password: str = field(repr=False)

    @classmethod
    def parse(cls, body: Mapping[str, Any], formats: Collection[Format]) -> Self:
        """Raises ReportWithdrawn, InvalidResponse also for a missing link, and ReportFailed."""
        exploration = Exploration.parse(body)
        if exploration.status is not Status.SUCCESS:
            raise ReportWithdrawn(
                "The report was ready, but PingOne now says that it is in progress: run the export "
                "again."
            )
        return cls(
            exploration=exploration,
            links={name: _text(body, _link_of(name)) for name in formats},
            zip_password=_text(body, "zipPassword"),
        )


def _link_of(file_format: Format) -> str:
    return f"{file_format}PresignedUrl"


SECRET_FIELDS = ("zipPassword", *map(_link_of, Format))
"""The fields of an answer whose values must appear nowhere else."""


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if isinstance(value, str) and value and not SURROGATE.search(value):
        return value
    # The message does not show the value, which may be a link.
    raise InvalidResponse(
        f"PingOne's answer has no text in {name!r}. If this lasts, its API has changed: "
        "look for a newer version of this application."
    )


def _time(body: Mapping[str, Any], name: str) -> datetime:
    # In these years, no later calculation with a time can fail. After the files are committed, a
    # failure would come too late.
    with suppress(ValueError, OverflowError):
        time = datetime.fromisoformat(_text(body, name))
        if time.tzinfo and (time := time.astimezone(UTC)).year in _YEARS:
            return time
    raise InvalidResponse(
        f"PingOne's answer has no ISO 8601 time with a zone in {name!r}, of the years 2000 to 2999"
        ". If this lasts, look for a newer version of this application."
    )
