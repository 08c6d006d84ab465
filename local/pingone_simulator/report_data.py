"""A generated devices report of any size: the same rows for the same seed, as CSV and as JSON.

Every value is a string, so the two files hold equal records. The request's filter is not applied;
`mfaEnabled` is always "true", as with the filter of the documentation's examples.
"""

import csv
import io
import json
import random
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

from local.pingone_simulator.days import rows_of_day

JsonShape = Literal["array", "object", "lines"]
"""PingOne does not document the shape: a list, `{"entries": [...]}`, or one object a line."""

DEFAULT_FIELDS = ("userId", "username", "phone", "deviceStatus", "deviceId")
"""The fields of the documentation's sample."""

ALL_FIELDS = (
    *("userId", "username", "givenName", "familyName", "email", "phone", "mfaEnabled"),
    *("userCreatedAt", "userUpdatedAt", "deviceId", "deviceType", "deviceStatus"),
    *("deviceNickname", "deviceOrder", "deviceName", "deviceCreatedAt", "deviceUpdatedAt"),
    *("lastDeviceTrxTime", "deviceBlocked", "blockedAt", "deviceLocked", "lockExpiration"),
    *("manufacturer", "modelName", "osType", "osVersion"),
    *("fidoBackupEligibility", "fidoBackupState", "fidoUserVerification"),
)
"""Every field whose name is known."""

BLOCK_ROWS = 4096

# Names that readers of CSV or of lines get wrong. They come first, so small reports have them too.
_AWKWARD_NAMES = (
    "O'Brien, Seán",
    'Ada "the Countess" Lovelace',
    "Zoë\nMüller",
    'Anna-Lena, "Annie"\r\nvon Ö',
    "山田太郎",
    "Наталья",
    "line\u2028separator",
    "🦊 fox",
)
_GIVEN_NAMES = ("Ada", "Bjørn", "Chloé", "Dilnoza", "Emeka", "Fatima", "Grace", "Hiro", "Ines")
_FAMILY_NAMES = ("Adeyemi", "Brandt", "Cruz", "Dvořák", "Eriksen", "Fontaine", "García", "Hopper")
_TRUTHS = ("true", "false")
_CHOICES: dict[str, tuple[str, ...]] = {
    "givenName": _GIVEN_NAMES,
    "familyName": _FAMILY_NAMES,
    "mfaEnabled": ("true",),
    "deviceStatus": ("ACTIVE", "ACTIVE", "ACTIVE", "ACTIVATION_REQUIRED"),
    "deviceType": ("SMS", "EMAIL", "VOICE", "TOTP", "MOBILE", "FIDO2"),
    "deviceNickname": ("", "my phone", 'work, "new"', "téléphone"),
    "deviceOrder": ("1", "2", "3"),
    "deviceName": ("Pixel 9", "iPhone 16", "YubiKey 5C"),
    "manufacturer": ("Google", "Apple", "Yubico", "Samsung"),
    "modelName": ("Pixel 9", "iPhone17,3", "SM-S921B"),
    "osType": ("ANDROID", "IOS"),
    "osVersion": ("14", "15", "18.1.1"),
    "deviceBlocked": (*("false",) * 19, "true"),
    "deviceLocked": (*("false",) * 19, "true"),
    "fidoBackupEligibility": _TRUTHS,
    "fidoBackupState": _TRUTHS,
    "fidoUserVerification": _TRUTHS,
}
_IDS = ("userId", "deviceId")


def _time(random_: random.Random) -> str:
    return (
        f"20{random_.randrange(20, 26)}-{random_.randrange(1, 13):02}-{random_.randrange(1, 29):02}"
        f"T{random_.randrange(24):02}:{random_.randrange(60):02}:{random_.randrange(60):02}.000Z"
    )


def _uuid_tail(random_: random.Random) -> str:
    digits = f"{random_.getrandbits(92):023x}"
    return f"-{digits[:4]}-4{digits[4:7]}-8{digits[7:10]}-{digits[10:22]}"


_VALUES: dict[str, Callable[[random.Random], str]] = {
    "username": lambda dice: (
        f"{dice.choice(_GIVEN_NAMES)}.{dice.choice(_FAMILY_NAMES)}{dice.randrange(10_000)}".lower()
    ),
    "email": lambda dice: f"user{dice.getrandbits(32)}@example.com",
    "phone": lambda dice: f"+1.555{dice.randrange(10**7):07}" if dice.random() < 0.9 else "",
    **dict.fromkeys(_IDS, _uuid_tail),
    **{name: _time for name in ALL_FIELDS if name.endswith(("At", "Time", "Expiration"))},
}


class DevicesReport:
    """The rows of a report, in blocks of text small enough to stream."""

    def __init__(
        self,
        rows: int,
        fields: Sequence[str] = DEFAULT_FIELDS,
        *,
        seed: int = 0,
        day: int | None = None,
        repeated: int = 0,
    ) -> None:
        """On a `day`, the first block has the changes of days.py.

        `repeated` is how many last rows of the last block repeat its first rows.
        """
        self._rows = rows
        self._day = day
        self._repeated = repeated
        self._fields = tuple(fields)
        # Every block reuses one pool of values for each column, which is fast. A pool is longer
        # than deflate's window, so the file compresses like a real one.
        self._pools = [_pool(field, seed, min(rows, BLOCK_ROWS)) for field in self._fields]

    def csv_blocks(self, line_end: str = "\r\n") -> Iterator[str]:
        """A header with the field names, then the rows."""
        yield ",".join(map(_as_csv, self._fields)) + line_end
        for block in self._blocks(_as_csv, quote=""):
            yield line_end.join(map(",".join, block)) + line_end

    def json_blocks(self, shape: JsonShape = "array") -> Iterator[str]:
        """An object for each row."""
        opening, separator, closing = {
            "array": ("[", ",", "]"),
            "object": ('{"entries":[', ",", "]}"),
            "lines": ("", "\n", "\n" if self._rows else ""),
        }[shape]
        names = (_as_json(field).replace("%", "%%") for field in self._fields)
        row_template = "{" + ",".join(f"{name}:%s" for name in names) + "}"
        yield opening
        lead = ""
        for block in self._blocks(_as_json, quote='"'):
            yield lead + separator.join(map(row_template.__mod__, block))
            lead = separator
        yield closing

    def _blocks(
        self, encode: Callable[[str], str], *, quote: str
    ) -> Iterator[Iterator[tuple[str, ...]]]:
        """Rows of encoded values; ids are new in every row, and need only quotes."""
        pools = [
            pool if field in _IDS else list(map(encode, pool))
            for field, pool in zip(self._fields, self._pools, strict=True)
        ]
        for number, start in enumerate(range(0, self._rows, BLOCK_ROWS)):
            count = min(BLOCK_ROWS, self._rows - start)
            columns = []
            for position, (field, pool) in enumerate(zip(self._fields, pools, strict=True)):
                # Each column rotates by its own step, so that every block has other rows.
                turn = number * (2 * position + 1) % BLOCK_ROWS
                column = (pool[turn:] + pool[:turn])[:count]
                if field in _IDS:
                    column = [
                        f"{quote}{row:08x}{tail}{quote}" for row, tail in enumerate(column, start)
                    ]
                if start + count == self._rows and self._repeated:
                    column = column[: -self._repeated] + column[: self._repeated]
                columns.append(column)
            rows = zip(*columns, strict=True)
            yield rows if self._day is None or start else self._on_day(self._day, rows, encode)

    def _on_day(
        self, day: int, rows: Iterator[tuple[str, ...]], encode: Callable[[str], str]
    ) -> Iterator[tuple[str, ...]]:
        happening = rows_of_day(day)
        for number, row in enumerate(rows):
            values = happening.get(number, {})
            if values is not None:
                yield tuple(
                    encode(values[field]) if field in values else value
                    for field, value in zip(self._fields, row, strict=True)
                )


def _as_csv(value: str) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, lineterminator="\n").writerow([value])
    return buffer.getvalue().removesuffix("\n")


def _as_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pool(field: str, seed: int, size: int) -> list[str]:
    random_ = random.Random(f"{seed} {field}")  # noqa: S311 - test data, the same at every run
    if field in _CHOICES:
        return random_.choices(_CHOICES[field], k=size)
    make = _VALUES.get(field)
    if make is None:
        return [f"{field} {random_.randrange(1000)}" for _ in range(size)]
    pool = [make(random_) for _ in range(size)]
    if field == "username":
        pool = [*_AWKWARD_NAMES, *pool][:size]
    return pool
