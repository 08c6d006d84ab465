"""Exports that are published and tabulated without a cloud: a bucket and a table in memory."""

import hashlib
import json
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, cast

import duckdb

from local.paths import ROOT
from pingone_reports.aws.series import Series, Trend
from pingone_reports.model.manifest import manifest_of
from pingone_reports.model.series import PublishedExport
from pingone_reports.steps.tabulate import TabulateReport
from pingone_reports.tables.notifier import Notifier
from pingone_reports.transfer.records import record_counter
from tests.support.announced import Bus
from tests.support.asking import export_of
from tests.support.memory_bucket import MemoryBucket
from tests.support.memory_table import MemoryTable

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.event_bus import EventBus, Topic
    from pingone_reports.aws.table import Table

ENVIRONMENT = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
_MANIFEST: dict[str, Any] = json.loads((ROOT / "events" / "manifest.json").read_text())


class World:
    """What exports are published and tabulated into, and who is told."""

    def __init__(self, folder: Path) -> None:
        self.bucket = MemoryBucket()
        self.table = MemoryTable()
        self.bus = Bus()
        self.series = Series(cast("Table", self.table))
        self._folder = folder

    def publish(self, name: str, text: str, at: str, **manifest: Any) -> str:
        """What FetchReport leaves of a report of one file; returns its manifest's key.

        `at` is a day of March 2026, or a whole time. The text is JSON if it begins so.
        """
        at = at if "T" in at else f"2026-03-{at}T02:00:00.000Z"
        report = manifest.get("reportName", "devices")
        form = "json" if text.lstrip()[:1] in ("[", "{") else "csv"
        key = f"pingone/report={report}/environment={ENVIRONMENT}/date={at[:10]}/{name}/"
        data = text.encode(errors="surrogatepass")
        counter = record_counter(form)
        counter.update(data)
        sha256 = hashlib.sha256(data).hexdigest()
        file: dict[str, Any] = {
            "format": form,
            "key": f"{key}{report}.{form}",
            "bytes": len(data),
            "sha256": sha256,
            "contentBytes": len(data),
            "contentSha256": sha256,
            "records": counter.finish(),
        }
        described = {
            **_MANIFEST,
            "requestedAt": at,
            "createdAt": at,
            "dataNotAfter": at,
            "correlationId": name,
            "files": [file],
            "columns": list(counter.columns),
            **manifest,
        }
        published = PublishedExport.of(described, f"{key}manifest.json")
        predecessor = published.predecessor(self.series.exports(report, ENVIRONMENT))
        written = manifest_of(export_of(name), described, predecessor)
        self.bucket.objects[file["key"]] = data
        self.bucket.write_json(f"{key}manifest.json", written)
        self.series.add(PublishedExport.of(written, f"{key}manifest.json"))
        return f"{key}manifest.json"

    def tabulate(self, manifest_key: str) -> dict[str, Any]:
        """TabulateReport, on a disk of its own."""
        return TabulateReport(
            bucket=cast("Bucket", self.bucket),
            series=self.series,
            trend=Trend(cast("Table", self.table)),
            notifier=Notifier(
                bus=cast("EventBus", self.bus),
                digest=cast("Topic", self.bus),
                most_events=500,
            ),
            folder=Path(mkdtemp(dir=self._folder)),
        ).run(manifest_key, notify=True)

    def night(self, name: str, text: str, at: str, **manifest: Any) -> dict[str, Any]:
        """An export that is published, tabulated and told of."""
        return self.tabulate(self.publish(name, text, at, **manifest))

    def shown(self) -> dict[str, bytes]:
        """What Athena reads, and the pages."""
        return {
            key: body
            for key, body in self.bucket.objects.items()
            if "/tables/" in key or "/posture/" in key
        }

    def rows(self, key: str) -> list[dict[str, Any]]:
        """The rows of a Parquet file."""
        path = Path(mkdtemp(dir=self._folder)) / "read"
        path.write_bytes(self.bucket.objects[key])
        with duckdb.connect() as database:
            found = database.execute(f"FROM read_parquet('{path}')")
            names = [column[0] for column in found.description or []]
            return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def newest(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table of the newest exports."""
        keys = sorted(key for key in self.bucket.objects if f"/tables/{table}/" in key)
        return [row for key in keys for row in self.rows(key)]
