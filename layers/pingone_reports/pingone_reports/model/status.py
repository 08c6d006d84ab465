"""The words by which a state machine chooses its next state."""

from enum import StrEnum


class Status(StrEnum):
    """What a function answers. A report's first two are PingOne's own words."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCESS = "SUCCESS"
    """The report is ready, and not yet published."""
    NOT_STARTED = "NOT_STARTED"
    """It is too early, or PingOne is too busy: StartReport runs again after the wait."""
    DUPLICATE = "DUPLICATE"
    """Another execution holds the request's idempotency key."""
    PUBLISHED = "PUBLISHED"
    """The report and its manifest are in the bucket."""
    LISTED = "LISTED"
    """The environments of a fleet are in the bucket."""
    WAITING = "WAITING"
    """Exports of a fleet are not in the tables yet."""
    SHOWN = "SHOWN"
