"""The security events: what each is called, how grave it is, and what it takes to see it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

_Found = TypeVar("_Found")


class Severity(StrEnum):
    """How urgent an event is."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"


class Event(StrEnum):
    """What happened to a user that a security team looks for; the gravest first.

    Its name is the code for machines, its value the words for people.
    """

    ALL_FACTORS_REPLACED = "all factors replaced"
    MFA_DISABLED = "MFA disabled"
    NO_USABLE_FACTOR = "no usable factor left"
    NO_BETTER_THAN_WEAK = "no better than weak any more"
    PHISHING_RESISTANCE_LOST = "phishing resistance lost"
    DEVICE_MOVED = "device moved to another user"
    PHONE_CHANGED = "phone number of a device changed"
    WEAK_FACTOR_ADDED = "weak factor added"
    PHONE_SHARED = "phone shared"
    DEVICE_BLOCKED = "device blocked"
    DEVICE_LOCKED = "device locked"
    FACTOR_ADDED = "factor added"
    FACTOR_REMOVED = "factor removed"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How an event is found.

    `needs` are the fields that both exports must have. `sql` is a condition on the facts about a
    user that `tables/events.py` gathers. `of_presence` says whether a device's absence or arrival
    can make it true: then a filter may be the reason. `sentence` goes on from a user's name.
    """

    severity: Severity
    needs: Collection[str]
    sql: str
    sentence: str
    of_presence: bool = True


_USABLE = ("userId", "deviceId")
_STRENGTH = ("userId", "deviceId", "deviceType")
_LOST = "in_both AND usable_before > 0"

RULES: Mapping[Event, Rule] = {
    Event.ALL_FACTORS_REPLACED: Rule(
        severity=Severity.CRITICAL,
        needs=_USABLE,
        sql="in_both AND usable_before > 0 AND usable_kept = 0 AND enrolled > 0",
        sentence="lost every factor and has a new one, as after a takeover by way of the help desk",
    ),
    Event.MFA_DISABLED: Rule(
        severity=Severity.HIGH,
        needs=("userId", "mfaEnabled"),
        sql="in_both AND off_now AND NOT off_before",
        sentence="is not asked for a second factor any more",
        of_presence=False,
    ),
    Event.NO_USABLE_FACTOR: Rule(
        severity=Severity.HIGH,
        needs=_USABLE,
        sql=f"{_LOST} AND usable_now = 0",
        sentence="has no factor left that can be used",
    ),
    Event.NO_BETTER_THAN_WEAK: Rule(
        severity=Severity.HIGH,
        needs=_STRENGTH,
        sql=f"{_LOST} AND better_before > 0 AND better_now = 0 AND usable_now > 0",
        sentence="had a factor better than SMS, voice, WhatsApp or e-mail, and none is known now",
    ),
    Event.PHISHING_RESISTANCE_LOST: Rule(
        severity=Severity.HIGH,
        needs=_STRENGTH,
        sql=f"{_LOST} AND resistant_before > 0 AND resistant_now = 0",
        sentence="had a factor that resists phishing, and has none now",
    ),
    Event.DEVICE_MOVED: Rule(
        severity=Severity.HIGH,
        needs=_USABLE,
        sql="moved > 0 AND (in_n OR u = '')",  # a leaver's are no alarm
        sentence="has, or had, a device that is another user's in the other export; or its type is "
        "another",
        of_presence=False,
    ),
    Event.PHONE_CHANGED: Rule(
        severity=Severity.HIGH,
        needs=("deviceId", "phone"),
        sql="rephoned > 0",
        sentence="has a device that now sends to another number",
        of_presence=False,
    ),
    Event.WEAK_FACTOR_ADDED: Rule(
        severity=Severity.MEDIUM,
        needs=_STRENGTH,
        sql="in_both AND better_before > 0 AND weak_enrolled > 0",
        sentence="had a better factor, and now also has one that can be diverted or read along",
    ),
    Event.PHONE_SHARED: Rule(
        severity=Severity.MEDIUM,
        needs=("userId", "deviceId", "phone"),
        sql="shared > 0",
        sentence="now has a phone number that three users or more have",
    ),
    Event.DEVICE_BLOCKED: Rule(
        severity=Severity.LOW,
        needs=("deviceId", "deviceBlocked"),
        sql="blocked > 0",
        sentence="has a device that cannot be used until it is unblocked",
        of_presence=False,
    ),
    Event.DEVICE_LOCKED: Rule(
        severity=Severity.LOW,
        needs=("deviceId", "deviceLocked"),
        sql="locked > 0",
        sentence="has a device that cannot be used for some time",
        of_presence=False,
    ),
    Event.FACTOR_ADDED: Rule(
        severity=Severity.INFO,
        needs=_USABLE,
        sql="in_both AND enrolled > 0",
        sentence="has a new factor",
    ),
    Event.FACTOR_REMOVED: Rule(
        severity=Severity.INFO,
        needs=_USABLE,
        sql="in_both AND removed > 0",
        sentence="has a factor less",
    ),
}
"""The table that comparison, page, mail, documents and schema read, in the order of gravity."""

LOSSES = (
    Event.ALL_FACTORS_REPLACED,
    Event.NO_USABLE_FACTOR,
    Event.NO_BETTER_THAN_WEAK,
    Event.PHISHING_RESISTANCE_LOST,
    Event.FACTOR_REMOVED,
)
"""Events of users who lost a factor: many at once are unusual."""


def fair(ranked: Mapping[Event, Sequence[_Found]], most: int) -> list[_Found]:
    """At most so many, the gravest first, and of each kind some: never the first kind alone."""
    kinds = [kind for kind in Event if ranked.get(kind)]
    share = most // len(kinds) if kinds else 0
    room = most - sum(min(len(ranked[kind]), share) for kind in kinds)
    kept: list[_Found] = []
    for kind in kinds:
        more = min(max(len(ranked[kind]) - share, 0), room)
        room -= more
        kept += ranked[kind][: share + more]
    return kept


def above_info(events: Mapping[Event, int]) -> int:
    """How many users had an event above the severity info."""
    return sum(n for event, n in events.items() if RULES[event].severity is not Severity.INFO)
