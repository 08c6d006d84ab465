"""Times as texts: ISO 8601 in UTC."""

from datetime import UTC, datetime


def utc(time: datetime) -> str:
    """The text of a time, with milliseconds: such texts sort by time."""
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_of(text: str) -> datetime:
    """The time of a text; one without a zone is in UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
