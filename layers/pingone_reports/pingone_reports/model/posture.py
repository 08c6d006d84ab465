"""How strong the users of an export are, and what changed since the export before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

NOT_ASKED = "not asked"
"""What stands where a number would, if the fields for it were not asked for."""

MOST_EVENTS, MOST_OTHERS = 1_000, 200
"""Rows that a page lists. The table `changes` has all of them."""


class Strength(StrEnum):
    """The strongest factor of a user, in the words of NIST SP 800-63B and CISA's SCuBA baseline."""

    PHISHING_RESISTANT = "phishing-resistant"
    STRONG = "strong"
    WEAK = "weak"
    NONE = "none"
    UNKNOWN = "unknown"
    """A device's type is unknown, and could be the strongest."""


class Kind(StrEnum):
    """What happened to a device. In a filtered report it only enters or leaves the report."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    ENTERED = "entered"
    LEFT = "left"


class Event(StrEnum):
    """A change that a security team looks for; the gravest first."""

    NO_STRONG_FACTOR = "no strong factor left"
    MFA_DISABLED = "MFA disabled"
    FIDO2_REMOVED = "FIDO2 removed"
    SMS_ADDED = "SMS added"
    VOICE_ADDED = "voice added"
    DEVICE_BLOCKED = "device blocked"
    DEVICE_LOCKED = "device locked"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One row of the table `changes`; empty texts where the report has no such field.

    A row about a user has no `device_id`. `event` is None for a change of no concern.
    """

    user_id: str
    username: str
    device_id: str
    device_type: str
    kind: Kind
    field: str
    old_value: str
    new_value: str
    event: Event | None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What an export changed against the one before it, in numbers; and its first rows.

    `events` has a number for each event that the two exports can show. The others are in
    `not_asked`, because a field is missing, or in `filtered`, because the filter could cause them.
    `users_left` is the number of users of whom the report has no row any more; None if the user ids
    were not asked for. `others` counts the rows that are no security event. `rows` holds at most
    MOST_EVENTS security events, and then at most MOST_OTHERS other rows.
    """

    previous_export_id: str
    previous_exported_at: str
    kinds: Mapping[Kind, int]
    events: Mapping[Event, int]
    not_asked: Sequence[Event]
    filtered: Sequence[Event]
    users_left: int | None
    others: int
    rows: Sequence[Change]

    @property
    def number(self) -> int:
        """All devices that came, went or changed."""
        return sum(self.kinds.values())


@dataclass(frozen=True, kw_only=True)
class Factor:
    """How often a device type is in use."""

    device_type: str
    strength: Strength
    devices: int
    users: int


@dataclass(frozen=True, kw_only=True)
class Day:
    """An export of the same series in the past: how many users were how strong."""

    exported_at: str
    users: Mapping[Strength, int]


@dataclass(frozen=True, kw_only=True)
class Posture:
    """All that the page about an export says. Times are UTC in ISO 8601.

    `environment` is an id; `environment_name` is empty if nobody told it.
    `users` and `factors` are None if the fields for them were not asked for. `past` has at most the
    30 days before, the oldest first, and this export last. `changes` is None if the export
    was compared with none; `not_compared` says why. `doubts` are whole sentences.
    """

    report: str
    environment: str
    environment_name: str
    filter: str
    fields: Sequence[str]
    export_id: str
    exported_at: str
    data_not_before: str
    data_not_after: str
    devices: int
    users: Mapping[Strength, int] | None
    factors: Sequence[Factor] | None
    past: Sequence[Day]
    changes: Changes | None
    not_compared: str
    doubts: Sequence[str]
