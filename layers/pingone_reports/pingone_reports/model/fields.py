"""The fields of a devices report that are known, and what their changes mean.

PingOne publishes no list of them. These are seen in its documentation's examples, or second-hand.
"""

from collections.abc import Iterable
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
"""Their names in lower case, as tables have them."""

USER_FIELDS = frozenset(
    ("userid", "username", "givenname", "familyname", "email", "usercreatedat", "userupdatedat")
)
"""Fields that choose users: a filter on these alone leaves each user all devices."""


def spelled(name: str) -> str:
    """The letters and digits of a name, in lower case; empty for text that is no UTF-8."""
    return "" if "\0" in name else "".join(filter(str.isalnum, name)).casefold()


def has_known(names: Iterable[str]) -> bool:
    """Whether one of these is a known field, in any spelling."""
    return any(spelled(name) in KNOWN for name in names)
