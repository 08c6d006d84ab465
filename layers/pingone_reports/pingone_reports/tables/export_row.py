"""The row about an export, as it stands in `exports` and `newest_exports`."""

from pathlib import Path

from pingone_reports.model.posture import Posture
from pingone_reports.model.strength import Strength
from pingone_reports.tables.changes import not_asked
from pingone_reports.tables.database import Cell, Unknown
from pingone_reports.tables.parquet import row_to_parquet
from pingone_reports.tables.tabulated import TabulatedExport


def write_row(export: TabulatedExport, posture: Posture, parquet: Path) -> None:
    """Write the row as a Parquet file."""
    manifest, changes, protection = export.manifest, posture.changes, posture.protection
    cells: dict[str, Cell | None] = {
        **export.identity,
        "date": export.keys.date,
        "filter": manifest["filter"],
        "fields": ",".join(manifest["fields"]),
        "records": posture.records,
        "data_not_before": manifest["dataNotBefore"],
        "data_not_after": manifest["dataNotAfter"],
        "published_at": manifest["publishedAt"],
        "correlation_id": manifest["correlationId"],
        "execution_arn": manifest["executionArn"],
        "result": str(posture.result),
        "previous_export_id": changes.previous_export_id if changes else "",
        "not_asked": ", ".join(not_asked(export.fields)),
        "repeated_ids": export.repeated_ids,
        "events": changes.above_info if changes else None,
        "users_joined": changes.users_joined if changes else None,
        "users_left": changes.users_left if changes else None,
        "devices": protection.devices if protection else None,
        "users_protected": protection.protected if protection else None,
        **{
            f"users_{strength.lower().replace('-', '_').replace(' ', '_')}": (
                protection.users[strength] if protection else None
            )
            for strength in Strength
        },
    }
    row_to_parquet(
        export.workplace.database,
        {name: Unknown.NUMBER if cell is None else cell for name, cell in cells.items()},
        parquet,
    )
