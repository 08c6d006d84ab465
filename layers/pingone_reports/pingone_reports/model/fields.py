"""The fields of a devices report that are known, and what their changes mean.

PingOne publishes no list of them. These are seen in its documentation's examples, or second-hand.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum


class Weight(Enum):
    """What a change of a field is worth."""

    MATTERS = "matters"
    MINOR = "minor"
    """It only describes: a row of the table `changes`, and no news."""
    USE = "use"
    """It changes whenever a device is used, or follows from another field: no row."""


@dataclass(frozen=True)
class Field:
    """What is known of a field.

    Its values become tokens if it `holds_person`, which is true of all fields that nobody knows. A
    filter on fields `of_user` alone leaves each user all devices. If it `is_read`, its values say
    something here, as tokens they do not.
    """

    weight: Weight
    holds_person: bool = True
    of_user: bool = False
    is_read: bool = False


FIELDS: Mapping[str, Field] = {
    "deviceId": Field(Weight.MATTERS, holds_person=False),
    "userId": Field(Weight.MATTERS, of_user=True),
    "username": Field(Weight.MATTERS, of_user=True),
    "givenName": Field(Weight.MINOR, of_user=True),
    "familyName": Field(Weight.MINOR, of_user=True),
    "email": Field(Weight.MATTERS, of_user=True),
    "phone": Field(Weight.MATTERS),
    "mfaEnabled": Field(Weight.MATTERS, holds_person=False, is_read=True),
    "bypassMFAEnabledUntil": Field(Weight.MATTERS, holds_person=False, is_read=True),
    "userCreatedAt": Field(Weight.MINOR, holds_person=False, of_user=True),
    "userUpdatedAt": Field(Weight.USE, holds_person=False, of_user=True),
    "deviceType": Field(Weight.MATTERS, holds_person=False, is_read=True),
    "deviceStatus": Field(Weight.MATTERS, holds_person=False, is_read=True),
    "deviceNickname": Field(Weight.MINOR),
    "deviceOrder": Field(Weight.USE, holds_person=False),
    "deviceName": Field(Weight.MINOR),
    "deviceCreatedAt": Field(Weight.MINOR, holds_person=False, is_read=True),
    "deviceUpdatedAt": Field(Weight.USE, holds_person=False),
    "lastDeviceTrxTime": Field(Weight.USE, holds_person=False, is_read=True),
    "deviceBlocked": Field(Weight.MATTERS, holds_person=False, is_read=True),
    "blockedAt": Field(Weight.USE, holds_person=False),
    "deviceLocked": Field(Weight.MATTERS, holds_person=False, is_read=True),
    "lockExpiration": Field(Weight.USE, holds_person=False),
    "manufacturer": Field(Weight.MINOR, holds_person=False),
    "modelName": Field(Weight.MINOR, holds_person=False),
    "osType": Field(Weight.MINOR, holds_person=False),
    "osVersion": Field(Weight.MINOR, holds_person=False),
    "fidoBackupEligibility": Field(Weight.MINOR, holds_person=False, is_read=True),
    "fidoBackupState": Field(Weight.MINOR, holds_person=False, is_read=True),
    "fidoUserVerification": Field(Weight.MINOR, holds_person=False),
}
"""The fields that are compared, if both exports have them."""

KNOWN = tuple(name.lower() for name in FIELDS)
"""Their names in lower case, as tables have them."""

WITHOUT_PERSON = {
    *(name.lower() for name, field in FIELDS.items() if not field.holds_person),
    *("count", "size"),  # of lists in JSON
}
USER_FIELDS = {name.lower() for name, field in FIELDS.items() if field.of_user}
READ = {name.lower() for name, field in FIELDS.items() if field.is_read}


def spelled(name: str) -> str:
    """The letters and digits of a name, in lower case; empty for text that is no UTF-8."""
    return "" if "\0" in name else "".join(filter(str.isalnum, name)).casefold()


def has_known(names: Iterable[str]) -> bool:
    """Whether one of these is a known field, in any spelling."""
    return any(spelled(name) in KNOWN for name in names)
