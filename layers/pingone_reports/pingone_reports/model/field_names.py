"""The names of a report's fields: PingOne documents neither which there are nor their spelling."""

from collections.abc import Collection, Iterable
from itertools import chain, count

KNOWN_FIELDS = (
    "deviceId", "userId", "username", "givenName", "familyName", "email", "phone", "mfaEnabled",
    "userCreatedAt", "userUpdatedAt", "deviceType", "deviceStatus", "deviceNickname",
    "deviceOrder", "deviceName", "deviceCreatedAt", "deviceUpdatedAt", "lastDeviceTrxTime",
    "deviceBlocked", "blockedAt", "deviceLocked", "lockExpiration", "manufacturer", "modelName",
    "osType", "osVersion", "fidoBackupEligibility", "fidoBackupState", "fidoUserVerification",
)  # fmt: skip
"""Those that were seen in examples."""


def spelled(name: str) -> str:
    """The letters and digits of a name, in lower case; empty for text that is no UTF-8."""
    return "" if "\0" in name else "".join(filter(str.isalnum, name)).casefold()


def has_known(names: Iterable[str]) -> bool:
    """Whether one of these is a known field, in any spelling."""
    return any(spelled(name) in _KNOWN for name in names)


def table_names(names: Collection[str], taken: Iterable[str]) -> list[str]:
    """What a table calls these columns, each in another way than `taken`, in upper or lower case.

    A known field has PingOne's spelling. A column without a name has its number.
    """
    given, used = ({name.lower() for name in those} for those in (names, taken))
    chosen = []
    for number, name in enumerate(names, 1):
        wanted = _KNOWN.get(spelled(name), "")
        # If two columns are spellings of a field, it is the one with PingOne's spelling.
        if not wanted or (wanted.lower() in given and wanted.lower() != name.lower()):
            wanted = name.strip(" ").replace("\0", "\ufffd") or f"column_{number}"
        others = (f"{wanted}_{other}" for other in count(1))
        chosen.append(next(own for own in chain([wanted], others) if own.lower() not in used))
        used.add(chosen[-1].lower())
    return chosen


_KNOWN = {spelled(name): name for name in KNOWN_FIELDS}
