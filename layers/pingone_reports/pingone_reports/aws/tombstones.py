"""Exports that have failed for good, in the stack's table: no fetch may publish them."""

import time

from pingone_reports.aws.table import EXPIRY, Table
from pingone_reports.errors import ExportDiscarded

# Far longer than a function can keep running after its execution has given up on it.
_KEPT_SECONDS = 86_400


class Tombstones:
    """The executions whose exports were discarded. Raises TableUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, execution_arn: str) -> None:
        """After this, no fetch of this execution that begins its uploads can publish."""
        self._table.update(
            _key(execution_arn),
            f"SET {EXPIRY} = :expiry",
            None,
            {"expiry": int(time.time()) + _KEPT_SECONDS},
        )

    def refuse(self, execution_arn: str) -> None:
        """Raises ExportDiscarded if this execution's export was discarded."""
        if self._table.get(_key(execution_arn)):
            raise ExportDiscarded(
                "The export failed and was discarded while this try was running: run the export "
                "again."
            )


def _key(execution_arn: str) -> str:
    return f"discarded#{execution_arn}"
