"""Exports that are tabulated without a cloud: a bucket in memory, and a bus that keeps events."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, cast

import duckdb

from local.paths import ROOT
from pingone_reports.errors import AnnouncementFailed
from pingone_reports.model.announcements import CHANGES_DETECTED, SECURITY_EVENT_DETECTED
from pingone_reports.model.keys import ExportKeys
from pingone_reports.tables.announcements import Announcements
from pingone_reports.tables.comparisons import Comparison, Comparisons
from pingone_reports.tables.database import columns_of, open_database
from pingone_reports.tables.parquet import report_to_parquet
from pingone_reports.tables.tabulated import TabulatedExport, Workplace
from tests.support.memory_bucket import MemoryBucket

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.event_bus import EventBus, Topic

ENVIRONMENT = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
_DATABASE = open_database(Path(mkdtemp()))
_MANIFEST: dict[str, Any] = json.loads((ROOT / "events" / "manifest.json").read_text())


class DayExport:
    """The export of a day of March 2026, from the text of its CSV."""

    def __init__(self, day: int, csv: str, folder: Path, **manifest: Any) -> None:
        at = f"2026-03-{day:02}T02:00:00.000Z"
        name = f"e{day}"
        self.manifest = {
            **_MANIFEST,
            "requestedAt": at,
            "createdAt": at,
            "correlationId": name,
            **manifest,
        }
        key = (
            f"pingone/report=devices/environment={ENVIRONMENT}/date={at[:10]}/{name}/manifest.json"
        )
        self.keys = cast("ExportKeys", ExportKeys.parse(key))
        report, parquet = folder / f"{name}.csv", Path(mkdtemp(dir=folder)) / "rows"
        report.write_text(csv, newline="")
        with _DATABASE.cursor() as database:
            report_to_parquet(database, report, "csv", {"export_id": name}, parquet)
        self.rows = parquet


class Bus:
    """A bus, or a topic, that keeps what it gets; `before` is called first."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.mails: list[tuple[str, str]] = []
        self.before: Any = lambda _detail_type: None
        self.refuses_mails = False

    def publish(self, detail_type: str, details: Sequence[Mapping[str, Any]]) -> None:
        self.before(detail_type)
        self.events += [(detail_type, json.loads(json.dumps(detail))) for detail in details]

    def send(self, subject: str, text: str) -> None:
        if self.refuses_mails:
            raise AnnouncementFailed
        self.mails.append((subject, text))

    @property
    def changes(self) -> list[Mapping[str, Any]]:
        return [detail for kind, detail in self.events if kind == CHANGES_DETECTED]

    @property
    def security(self) -> list[Mapping[str, Any]]:
        return [detail for kind, detail in self.events if kind == SECURITY_EVENT_DETECTED]

    @property
    def told(self) -> list[str]:
        """Of which exports the changes were told, each against which."""
        return [f"{each['exportId']} after {each['previousExportId']}" for each in self.changes]


class World:
    """What exports are tabulated into, and who is told."""

    def __init__(self, folder: Path, bucket: MemoryBucket | None = None) -> None:
        self.bucket = bucket or MemoryBucket()
        self.bus = Bus()
        self._folder = folder

    def tabulate(
        self, export: DayExport, tell: bool | None = None, most_events: int = 500
    ) -> Comparison:
        """As TabulateReport does it from an export's rows on, on a disk of its own."""
        folder = Path(mkdtemp(dir=self._folder))
        self.bucket.objects[export.keys.devices_table] = export.rows.read_bytes()
        self.bucket.write_json(export.keys.manifest, export.manifest)
        with _DATABASE.cursor() as database:
            workplace = Workplace(cast("Bucket", self.bucket), folder, database)
            tabulated = TabulatedExport(workplace, export.keys, export.manifest)
            shutil.copy(export.rows, tabulated.rows)
            columns = columns_of(database, export.rows)
            comparisons = Comparisons(workplace, tabulated, "" if "deviceid" in columns else "none")
            comparisons.take_places(
                {"repeatedIds": 0, "users": tabulated.strengths.users, "notAsked": ""}
            )
            comparison = comparisons.compare()
            comparisons.show_latest()
            comparisons.show_newest_export()
            announcements = Announcements(
                bus=cast("EventBus", self.bus),
                digest=cast("Topic", self.bus),
                most_events=most_events,
            )
            announcements.tell(comparisons, comparison, tell)
        return comparison

    def shown(self) -> dict[str, bytes]:
        """What Athena reads, and the pages."""
        return {
            key: body
            for key, body in self.bucket.objects.items()
            if "/tables/" in key or "/posture/" in key
        }

    def rows(self, key: str) -> list[dict[str, Any]]:
        path = Path(mkdtemp(dir=self._folder)) / "read"
        path.write_bytes(self.bucket.objects[key])
        with duckdb.connect() as database:
            found = database.execute(f"FROM read_parquet('{path}')")
            names = [column[0] for column in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
