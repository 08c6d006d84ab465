"""The calendar of turns at PingOne: one item for each environment, in the stack's table."""

from pingone_reports.aws.table import EXPIRY, ConditionFailed, Table

_KEPT_SECONDS = 86_400


class TurnCalendar:
    """Each environment's `bookedUntil`, in epoch milliseconds. A second write if others wait."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def book(
        self, environment_id: str, earliest: int, length: int, own_end: int, latest: int
    ) -> tuple[int, bool]:
        """See turns.Calendar. Raises TableUnavailable."""
        key = f"pace#{environment_id}"
        while True:
            try:
                self._table.update(
                    key,
                    f"SET bookedUntil = :end, {EXPIRY} = :expiry",
                    "attribute_not_exists(bookedUntil) OR bookedUntil <= :earliest "
                    "OR bookedUntil = :own",
                    {
                        "end": earliest + length,
                        "earliest": earliest,
                        "own": own_end,
                        "expiry": (earliest + length) // 1000 + _KEPT_SECONDS,
                    },
                )
            except ConditionFailed:
                pass
            else:
                return earliest, True
            try:
                item = self._table.update(
                    key,
                    f"SET bookedUntil = bookedUntil + :length, {EXPIRY} = :expiry",
                    "bookedUntil > :earliest AND bookedUntil <= :latest",
                    {
                        "length": length,
                        "earliest": earliest,
                        "latest": latest,
                        "expiry": (latest + length) // 1000 + _KEPT_SECONDS,
                    },
                )
            except ConditionFailed as failed:
                booked_until = int(failed.item.get("bookedUntil", 0))
                if booked_until > latest:
                    return booked_until, False
                # The booked turns ended between the two writes.
            else:
                return int(item["bookedUntil"]) - length, True
