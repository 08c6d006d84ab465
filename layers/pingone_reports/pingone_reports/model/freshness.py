"""How fresh a report's data is, according to PingOne's documentation.

Source: "MFA reports", developer.pingidentity.com: the source database is refreshed every 15
minutes, and a generated file is kept for two hours for explorations with the same settings.
"""

from datetime import datetime, timedelta

REFRESHED_EVERY = timedelta(minutes=15)
FILE_KEPT_FOR = timedelta(hours=2)

# Whether the data holds every change up to a given time: certainly, or possibly.
CERTAIN, POSSIBLE = "certain", "possible"


def data_not_before(created_at: datetime) -> datetime:
    """The oldest possible time of an exploration's data."""
    return created_at - FILE_KEPT_FOR - REFRESHED_EVERY


def includes_from(changes_until: datetime) -> datetime:
    """The earliest time to create an exploration that can include these changes."""
    return changes_until + REFRESHED_EVERY


def changes_included(changes_until: datetime | None, created_at: datetime) -> str | None:
    """CERTAIN or POSSIBLE; None if the request has no `changes_until`.

    Only an older file from PingOne's cache can lack the changes.
    """
    if changes_until is None:
        return None
    return CERTAIN if data_not_before(created_at) >= changes_until else POSSIBLE
