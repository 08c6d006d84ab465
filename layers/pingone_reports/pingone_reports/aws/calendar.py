"""The calendar of turns at PingOne: items of the stack's table.

Each has `bookedUntil`, in epoch milliseconds, and an environment's has its licence, if that is
known. `tickets#<pool>` counts the calls of a licence's pool. That item is written once for each
call and without a condition, so any number of exports at once write it without a second try.
`licence` has the one that was told first.
"""

from typing import NamedTuple

from pingone_reports.aws.table import EXPIRY, ConditionFailed, Item, Table, Value

# Long enough that one export a week finds its environment's licence.
_KEPT_SECONDS = 30 * 86_400

# The licence of environments whose licence nobody has told, and the pool of the first one that was.
COMMON = "stack"


class Booking(NamedTuple):
    """When what was booked begins, and the licence that was last given with its key.

    If it was not made, `begins` is when all that is booked ends.
    """

    begins: int
    made: bool
    licence: str | None


class TurnCalendar:
    """Where the times of environments and of licences' places are booked. Raises TableUnavailable.

    A time is booked with one write, or with two if others wait.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._first: str | None = None

    def book(
        self,
        key: str,
        earliest: int,
        length: int,
        own_end: int,
        latest: int,
        licence: str | None = None,
    ) -> Booking:
        """Atomically book `length` milliseconds after everything that is booked under this key.

        They begin at `earliest` if nothing is booked beyond that, or only what ends at `own_end`.
        If the beginning would be after `latest`, books nothing.
        """
        keep: dict[str, Value] = {"licence": licence} if licence else {}
        also = f", {EXPIRY} = :expiry" + (", licence = :licence" if licence else "")
        while True:
            try:
                item = self._table.update(
                    key,
                    f"SET bookedUntil = :end{also}",
                    "attribute_not_exists(bookedUntil) OR bookedUntil <= :earliest "
                    "OR bookedUntil = :own",
                    {
                        "end": earliest + length,
                        "earliest": earliest,
                        "own": own_end,
                        "expiry": (earliest + length) // 1000 + _KEPT_SECONDS,
                        **keep,
                    },
                )
            except ConditionFailed:
                pass
            else:
                return Booking(earliest, True, _licence(item))
            try:
                item = self._table.update(
                    key,
                    f"SET bookedUntil = bookedUntil + :length{also}",
                    "bookedUntil > :earliest AND bookedUntil <= :latest",
                    {
                        "length": length,
                        "earliest": earliest,
                        "latest": latest,
                        "expiry": (latest + length) // 1000 + _KEPT_SECONDS,
                        **keep,
                    },
                )
            except ConditionFailed as failed:
                booked_until = int(failed.item.get("bookedUntil", 0))
                if booked_until > latest:
                    return Booking(booked_until, False, _licence(failed.item))
                # The booked times ended between the two writes.
            else:
                return Booking(int(item["bookedUntil"]) - length, True, _licence(item))

    def pool(self, licence: str, now: int) -> str:
        """Whose places the licence's calls take: `stack` if it was the first one to be told.

        So they share them with all environments whose licence nobody has told.
        """
        if licence == COMMON:
            return COMMON
        if not self._first:
            item = self._table.update(
                "licence",
                f"SET licence = if_not_exists(licence, :licence), {EXPIRY} = :expiry",
                None,
                {"licence": licence, "expiry": now // 1000 + _KEPT_SECONDS},
            )
            self._first = _licence(item)
        return COMMON if licence == self._first else licence

    def ticket(self, pool: str, now: int) -> int:
        """A number that grows by one with each call that takes a place of the pool."""
        item = self._table.update(
            f"tickets#{pool}",
            f"SET {EXPIRY} = :expiry ADD tickets :one",
            None,
            {"one": 1, "expiry": now // 1000 + _KEPT_SECONDS},
        )
        return int(item["tickets"])


def _licence(item: Item) -> str | None:
    licence = item.get("licence")
    return licence if isinstance(licence, str) else None
