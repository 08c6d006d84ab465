"""The fields of a devices report that are known, and what their changes mean.

PingOne publishes no list of them. These are seen in its documentation's examples, or second-hand.
"""

import re
from enum import Enum


class Weight(Enum):
    """What a change of a field is worth."""

    MATTERS = "matters"
    MINOR = "minor"
    """It only describes: a row of the table `changes`, and no news."""
    USE = "use"
    """It changes whenever a device is used, or follows from another field: no row."""


FIELDS = {
    "deviceId": Weight.MATTERS,
    "userId": Weight.MATTERS,
    "username": Weight.MATTERS,
    "givenName": Weight.MINOR,
    "familyName": Weight.MINOR,
    "email": Weight.MATTERS,
    "phone": Weight.MATTERS,
    "mfaEnabled": Weight.MATTERS,
    "bypassMFAEnabledUntil": Weight.MATTERS,
    "userCreatedAt": Weight.MINOR,
    "userUpdatedAt": Weight.USE,
    "deviceType": Weight.MATTERS,
    "deviceStatus": Weight.MATTERS,
    "deviceNickname": Weight.MINOR,
    "deviceOrder": Weight.USE,
    "deviceName": Weight.MINOR,
    "deviceCreatedAt": Weight.MINOR,
    "deviceUpdatedAt": Weight.USE,
    "lastDeviceTrxTime": Weight.USE,
    "deviceBlocked": Weight.MATTERS,
    "blockedAt": Weight.USE,
    "deviceLocked": Weight.MATTERS,
    "lockExpiration": Weight.USE,
    "manufacturer": Weight.MINOR,
    "modelName": Weight.MINOR,
    "osType": Weight.MINOR,
    "osVersion": Weight.MINOR,
    "fidoBackupEligibility": Weight.MINOR,
    "fidoBackupState": Weight.MINOR,
    "fidoUserVerification": Weight.MINOR,
}
"""The fields that are compared, if both exports have them."""

KNOWN = tuple(name.lower() for name in FIELDS)
"""Their names in lower case, as Athena has them."""

USER_FIELDS = frozenset(
    ("userid", "username", "givenname", "familyname", "email", "usercreatedat", "userupdatedat")
)
"""Fields that choose users: a filter on these alone leaves each user all devices."""

_OPERATORS = ("eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le", "pr", "in", "and", "or", "not")
_FILTER_WORDS = frozenset((*_OPERATORS, "true", "false", "null"))


def spelling(name: str) -> str:
    """The letters and digits of a field's name in lower case: PingOne documents no spelling."""
    return "".join(filter(str.isalnum, name)).casefold()


def fields_of_filter(filter_: str) -> frozenset[str]:
    """The fields that a request's filter names, by their `spelling`. Quoted values name none."""
    return frozenset(name for names in _names(filter_) for name in names)


def hides_factors(filter_: str) -> bool:
    """Whether a filter may hide some factors of a user, or users because of their factors."""
    return bool(filter_) and not all(USER_FIELDS & names for names in _names(filter_) or [set()])


def _names(filter_: str) -> list[set[str]]:
    """Each name as a whole and its last part, as `device.type` and `type`."""
    words = re.findall(r"[A-Za-z_$][\w.$:]*", re.sub(r'"(?:[^"\\]|\\.)*"', " ", filter_))
    return [
        {spelling(word), spelling(re.split(r"[.:]", word)[-1])}
        for word in words
        if word.lower() not in _FILTER_WORDS
    ]
