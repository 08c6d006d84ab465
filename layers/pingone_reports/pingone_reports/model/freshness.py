"""How fresh a report is, from what PingOne documents about its data.

Source: "MFA reports", developer.pingidentity.com: the source database is refreshed every 15
minutes, and a generated file is kept for two hours for explorations with the same settings.
"""

from datetime import datetime, timedelta

_REFRESHED_EVERY = timedelta(minutes=15)
_FILE_KEPT_FOR = timedelta(hours=2)

# A change made by a certain time may or must be in the data.
CERTAIN, POSSIBLE = "certain", "possible"


def data_not_before(created_at: datetime) -> datetime:
    """The oldest that the data of an exploration can be that was created then."""
    return created_at - _FILE_KEPT_FOR - _REFRESHED_EVERY


def includes_from(changes_until: datetime) -> datetime:
    """When an exploration must be created, at the earliest, to have what changed until then."""
    return changes_until + _REFRESHED_EVERY


def changes_included(changes_until: datetime | None, created_at: datetime) -> str | None:
    """CERTAIN or POSSIBLE, for an exploration created then; None if no changes were asked for.

    Only a file of PingOne's cache that is older can lack them.
    """
    if changes_until is None:
        return None
    return CERTAIN if data_not_before(created_at) >= changes_until else POSSIBLE
