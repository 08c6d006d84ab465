"""How an export's users stand, and what changed since the export before it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pingone_reports.model.security_events import RULES, Event, above_info
from pingone_reports.model.strength import Strength

NOT_ASKED = "not asked"
"""What stands where a number would, if the fields for it were not asked for."""

HIDDEN = "hidden by the filter"
"""What stands where a number would, if the request's filter could be the reason for it."""

MOST_EVENTS, MOST_OTHERS = 1_000, 200
"""Rows that a page lists. The table `changes` has all of them."""

MOST_DEVICES = 20
"""Devices that a security event names."""


class Kind(StrEnum):
    """What happened to a device. In a filtered report it only enters or leaves the report."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    ENTERED = "entered"
    LEFT = "left"


class Result(StrEnum):
    """What came of an export's comparison."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One row of the table `changes` about a device; empty texts for fields that are not there."""

    user_id: str
    username: str
    device_id: str
    device_type: str
    kind: Kind
    field: str
    old_value: str
    new_value: str


@dataclass(frozen=True, kw_only=True)
class ConcernedDevice:
    """A device of a security event, and in words what happened to it."""

    id: str
    type: str
    what: str


@dataclass(frozen=True, kw_only=True)
class SecurityEvent:
    """What happened to one user. `event` is the gravest of `reasons`, which are in that order.

    `user_id` is empty if it was not asked for: then the event is of one device. `before` and
    `after` are empty if the exports cannot show how strong the user was. `devices` are the first
    MOST_DEVICES.
    """

    event: Event
    reasons: Sequence[Event]
    user_id: str
    username: str
    before: Strength | None
    after: Strength | None
    devices: Sequence[ConcernedDevice]

    @property
    def severity(self) -> str:
        """The severity of the gravest reason."""
        return str(RULES[self.event].severity)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What an export changed against its predecessor, in numbers; and its first rows.

    `previous_data_not_before` is the oldest that the predecessor's data can be (UTC, ISO 8601).
    `kinds` counts devices; a device is changed if a field changed that matters. `events` counts
    users by their gravest reason, for each event that both exports can show. The others are in
    `not_asked`, because a field is missing, or in `filtered`, because the filter could cause them.
    `users_joined` and `users_left` are None if the user ids were not asked for. `users_lost` counts
    the users who lost a factor and stayed. `minor` counts devices of which only what describes them
    changed. `others` counts rows about devices. `ids_left_out` tell no device apart, because one of
    the two exports has them more than once. `unusual` is a sentence if far more users lost factors
    or left than in 30 days.
    """

    previous_export_id: str
    previous_exported_at: str
    kinds: Mapping[Kind, int]
    events: Mapping[Event, int]
    not_asked: Sequence[Event]
    filtered: Sequence[Event]
    users_joined: int | None
    users_left: int | None
    users_lost: int
    minor: int
    others: int
    security: Sequence[SecurityEvent]
    rows: Sequence[Change]
    previous_data_not_before: str = ""
    ids_left_out: int = 0
    unusual: str = ""

    @property
    def number(self) -> int:
        """All devices that came, went or changed."""
        return sum(self.kinds.values())

    @property
    def above_info(self) -> int:
        """Users with a security event above the severity info."""
        return above_info(self.events)

    @property
    def result(self) -> Result:
        """Whether anything is worth a mail."""
        return Result.CHANGED if self.number or any(self.events.values()) else Result.UNCHANGED

    def seen(self, event: Event) -> int | str:
        """How many users an event happened to, or why nobody can know."""
        if event in self.not_asked:
            return NOT_ASKED
        return HIDDEN if event in self.filtered else self.events[event]


@dataclass(frozen=True, kw_only=True)
class Factor:
    """How often a device type is in use. `unusable` devices are enrolled, but cannot be used.

    Nobody can know of any if neither status nor block was asked for: see Protection.
    """

    device_type: str
    strength: Strength
    devices: int
    users: int
    unusable: int


@dataclass(frozen=True, kw_only=True)
class Protection:
    """How well the users of an export are protected.

    `users` counts each strength. `protected` users can sign on with a second factor tonight.
    `devices` are all that are enrolled, `unusable` those of them that cannot be used, `locked`
    those that cannot be used for the moment. `device_bound` and `synced` are FIDO2 devices that can
    be used; `dormant` ones were not used for 90 days. None stands for what was not asked for.
    """

    users: Mapping[Strength, int]
    protected: int
    factors: Sequence[Factor]
    devices: int
    unusable: int | None
    locked: int | None
    device_bound: int | None
    synced: int | None
    dormant: int | None

    @property
    def all_users(self) -> int:
        """All users of the report."""
        return sum(self.users.values())


@dataclass(frozen=True, kw_only=True)
class Day:
    """The exports of a UTC day: how the users stood at its last, and what the day's changed.

    `events` are those above info. They, `lost` and `left` are None if no export was compared.
    """

    exported_at: str
    users: Mapping[Strength, int]
    events: int | None = None
    lost: int | None = None
    left: int | None = None


@dataclass(frozen=True, kw_only=True)
class Posture:
    """All that the page about an export says. Times are UTC in ISO 8601.

    `environment` is an id; `environment_name` is empty if nobody told it. `protection` is None if
    the fields for it were not asked for, or a filter could hide what it counts: `no_protection`
    says which. `past` has at most the 30 days before, the oldest first, and this export's day last.
    `changes` is None if the export was compared with none; `not_compared` says why. `doubts` are
    whole sentences.
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
    records: int
    protection: Protection | None
    no_protection: str
    past: Sequence[Day]
    changes: Changes | None
    not_compared: str
    doubts: Sequence[str]

    @property
    def result(self) -> Result:
        """What came of the comparison."""
        return self.changes.result if self.changes else Result.NOT_COMPARED
