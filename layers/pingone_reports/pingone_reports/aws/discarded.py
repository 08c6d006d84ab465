"""Exports that have failed for good, in the stack's table: no try of theirs may publish them."""

import time

from pingone_reports.aws.table import EXPIRY, Table
from pingone_reports.errors import ExportDiscarded

# Far longer than a function can run on when nobody waits for it any more.
_KEPT_SECONDS = 86_400


class DiscardedExports:
    """Which executions' exports were discarded. Raises TableUnavailable."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, execution_arn: str) -> None:
        """Let no try of this execution's fetch publish that begins an upload from now on."""
        self._table.update(
            _key(execution_arn),
            f"SET {EXPIRY} = :expiry",
            None,
            {"expiry": int(time.time()) + _KEPT_SECONDS},
        )

    def refuse(self, execution_arn: str) -> None:
        """Raises ExportDiscarded if this execution's export is one of them."""
        if self._table.get(_key(execution_arn)):
            raise ExportDiscarded("The export has failed, and was discarded while this try ran on.")


def _key(execution_arn: str) -> str:
    return f"discarded#{execution_arn}"
