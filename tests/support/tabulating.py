"""Exports that are published and tabulated without a cloud: a bucket and a table in memory."""

import hashlib
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any, cast

import duckdb

from pingone_reports.aws.series import Series, Trend
from pingone_reports.model.manifest import manifest_of
from pingone_reports.model.report_file import Format
from pingone_reports.model.series import PublishedExport
from pingone_reports.steps.tabulate import TabulateReport
from pingone_reports.tables.notifier import Notifier
from pingone_reports.transfer.records import record_counter
from tests.support.announced import Bus
from tests.support.asking import ENVIRONMENT_ID, export_of
from tests.support.documents import sample
from tests.support.landed import landed_file
from tests.support.memory_bucket import MemoryBucket
from tests.support.memory_table import MemoryTable

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.event_bus import EventBus, Topic
    from pingone_reports.aws.table import Table


class World:
    """What exports are published and tabulated into, and who is told."""

    def __init__(self, folder: Path) -> None:
        self.bucket = MemoryBucket()
        self.table = MemoryTable()
        self.bus = Bus()
        self.series = Series(cast("Table", self.table))
        self._folder = folder

    def publish(self, name: str, text: str, at: str, **manifest: Any) -> str:
        """What FetchReport leaves of a report of one CSV, or of JSON; returns its manifest's key.

        `at` is a day of March 2026, or a whole time.
        """
        at = at if "T" in at else f"2026-03-{at}T02:00:00.000Z"
        report = manifest.get("reportName", "devices")
        folder = f"pingone/report={report}/environment={ENVIRONMENT_ID}/date={at[:10]}/{name}/"
        content = text.encode(errors="surrogatepass")
        form = Format.JSON if text[:1] in ("[", "{") else Format.CSV
        counter, sha256 = record_counter(form), hashlib.sha256(content).hexdigest()
        counter.update(content)
        file = landed_file(
            form,
            key=f"{folder}{report}.{form}",
            sha256=sha256,
            content_sha256=sha256,
            records=counter.finish(),
        )
        described = {
            **sample("manifest"),
            "requestedAt": at,
            "createdAt": at,
            "dataNotAfter": at,
            "correlationId": name,
            "files": [file.to_document()],
            "columns": list(counter.columns),
            **manifest,
        }
        manifest_key = f"{folder}manifest.json"
        published = PublishedExport.of(described, manifest_key)
        predecessor = published.predecessor(self.series.exports(report, ENVIRONMENT_ID))
        written = manifest_of(export_of(name), described, predecessor)
        self.bucket.objects[file.key] = content
        self.bucket.write_json(manifest_key, written)
        self.series.add(PublishedExport.of(written, manifest_key))
        return manifest_key

    def tabulate(self, manifest_key: str, *, notify: bool = True) -> dict[str, Any]:
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
        ).run(manifest_key, notify=notify)

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
