"""An export against its predecessor: a function of two landed exports, whoever asks."""

from collections.abc import Sequence

from pingone_reports.model.fields import READ
from pingone_reports.model.filters import hides_factors
from pingone_reports.model.posture import HIDDEN, NOT_ASKED, Changes, Day, Posture
from pingone_reports.tables.changes import Side, changes_to_parquet
from pingone_reports.tables.tabulated import TabulatedExport

_EXPIRED = "The export before it is gone from the bucket."
_NO_DEVICE_IDS = "One of the two exports has no field deviceId, which tells devices apart."
_OTHER_IDS = (
    "The device ids of the two exports are not comparable: they are tokens in one of them, or "
    "tokens of another key."
)
_SKIPPED = "The quality gate was skipped, so nobody checked the report against the one before it."

_FAR_MORE = 3
_FEW = 10


def compare(
    export: TabulatedExport, previous: str | None, why_none: str
) -> tuple[Changes | None, str]:
    """Write what an export changed since its predecessor; returns that, or why nobody can know.

    `previous` is the key of the predecessor's manifest. Raises InvalidReport, ReportTooLarge, and
    the errors of the bucket.
    """
    older = TabulatedExport.at(export.workplace, previous) if previous else None
    if not older:
        return None, _EXPIRED if previous else why_none
    comparable = export.published.comparable(older.published)
    both = export.fields & older.fields
    if "deviceid" not in both:
        return None, _NO_DEVICE_IDS
    tokens, others = export.published.tokens, older.published.tokens
    if "deviceid" not in comparable and tokens != others:
        return None, _OTHER_IDS
    parquet = export.folder / "changes"
    changes = changes_to_parquet(
        export.workplace.database,
        _side(export),
        _side(older),
        export.identity
        | {
            "filter": export.manifest["filter"],
            "previous_export_id": older.keys.execution,
            "previous_exported_at": older.exported_at,
        },
        parquet,
        incomparable={
            field
            for field in both
            if tokens.get(field) != others.get(field) or (field in READ and field in tokens)
        },
    )
    export.workplace.bucket.upload_file(parquet, export.keys.changes_table)
    older.discard()
    return changes, ""


def _side(export: TabulatedExport) -> Side:
    return Side(
        rows=export.rows,
        at=export.exported_at,
        data_not_before=str(export.manifest["dataNotBefore"]),
    )


def unusual(changes: Changes, days: Sequence[Day]) -> str:
    """A sentence if far more users lost a factor, or left, than on any of these days."""
    for what, number, before in (
        ("lost a factor", changes.users_lost, [day.lost for day in days]),
        ("left the report", changes.users_left, [day.left for day in days]),
    ):
        past = [each for each in before if each is not None]
        if past and number is not None and number >= max(_FEW, _FAR_MORE * max(past) + 1):
            return (
                f"{number:,} users {what}. On none of the {len(past)} days before that were "
                f"compared, it was more than {max(past):,}."
            )
    return ""


def posture_of(
    export: TabulatedExport, changes: Changes | None, not_compared: str, past: Sequence[Day]
) -> Posture:
    """All that the page about an export says."""
    manifest = export.manifest
    hidden = hides_factors(manifest["filter"])
    doubts = [_SKIPPED] if manifest.get("qualityGate") == "skipped" else []
    doubts += export.doubts
    if repeated := changes.ids_left_out if changes else export.repeated_ids:
        where = " in one of the two exports" if changes else ""
        doubts.append(
            f"Device ids that come more than once{where}: {repeated:,}. They tell no device apart, "
            "so what happened to these devices is not told."
        )
    return Posture(
        report=manifest["reportName"],
        environment=manifest["environmentId"],
        environment_name=export.environment_name,
        filter=manifest["filter"],
        fields=manifest["fields"],
        export_id=export.keys.execution,
        exported_at=export.exported_at,
        data_not_before=manifest["dataNotBefore"],
        data_not_after=manifest["dataNotAfter"],
        records=export.file["records"],
        protection=export.protection,
        no_protection="" if export.protection else HIDDEN if hidden else NOT_ASKED,
        past=past,
        changes=changes,
        not_compared=not_compared,
        doubts=doubts,
    )
