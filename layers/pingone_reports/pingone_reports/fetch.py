"""FetchReport: the finished report, from PingOne's zips to the bucket."""

import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import requests

from pingone_reports.bucket import Bucket, Upload
from pingone_reports.config import Config
from pingone_reports.encrypted_zip import EncryptedZip
from pingone_reports.errors import DownloadInterrupted, QualityGateFailed
from pingone_reports.export import Export
from pingone_reports.gzip_framing import gzipped
from pingone_reports.inspection import CsvInspector
from pingone_reports.link_hosts import LinkHosts
from pingone_reports.links import FreshLinks
from pingone_reports.manifest import (
    MANIFEST,
    QUARANTINE,
    LandedFile,
    completed_event,
    export_folder,
    manifest_of,
    quarantine_folder,
    quarantine_of,
)
from pingone_reports.observability import logger, measure
from pingone_reports.pingone import PingOne
from pingone_reports.previous import PreviousExports
from pingone_reports.quality import doubts
from pingone_reports.records import record_counter
from pingone_reports.remote_file import RemoteFile

GZIP = "gzip"

_CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


def fetch_report(
    export: Export,
    pingone: PingOne,
    session: requests.Session,
    bucket: Bucket,
    previous_exports: PreviousExports,
    config: Config,
    seconds_left: Callable[[], float],
) -> dict[str, Any]:
    """Publish the report's files and then its manifest; returns the completed event's detail.

    A second try of an execution that has published already publishes nothing again. Raises the
    errors of the download, the zip, the bucket and the table; then no file is visible that has no
    manifest, but for the moment between the files' commit and the manifest's, and those that
    DiscardReport deletes when the manifest cannot be written. Raises QualityGateFailed when
    the report is doubtful and lies in quarantine.
    """
    began = time.monotonic()
    folder = export_folder(export, config.key_prefix)
    manifest_key = f"{folder}{MANIFEST}"
    manifest = bucket.read_json(manifest_key)
    if not manifest:
        previous = previous_exports.of(export)
        links = FreshLinks(pingone, export, LinkHosts(config.link_hosts), seconds_left)
        land = partial(_land, export, links, session, bucket, config, seconds_left)

        def doubts_about(files: Sequence[LandedFile]) -> list[str]:
            if export.request.skip_quality_gate:
                return []
            return doubts(export.request, files, previous, config.max_record_drop_percent)

        landed, reasons = land(folder, doubts_about)
        if reasons:
            raise _quarantined(export, links, bucket, config, land, reasons)
        unchanged = previous is not None and previous.has_content_of(landed)
        manifest = manifest_of(export, links.exploration, bucket.name, landed, unchanged=unchanged)
        if bucket.create_json(manifest_key, manifest):
            measure(
                export,
                {
                    "ExportsCompleted": 1,
                    "Bytes": sum(file.bytes for file in landed),
                    # Each format holds all of them.
                    "Records": max(file.records for file in landed),
                    "SecondsFetching": time.monotonic() - began,
                },
            )
        else:
            manifest = bucket.read_json(manifest_key) or manifest
    previous_exports.remember(export, manifest, manifest_key)
    return completed_event(manifest, manifest_key)


def _land(
    export: Export,
    links: FreshLinks,
    session: requests.Session,
    bucket: Bucket,
    config: Config,
    seconds_left: Callable[[], float],
    folder: str,
    doubts_about: Callable[[Sequence[LandedFile]], list[str]],
) -> tuple[list[LandedFile], list[str]]:
    """Download the report's files into a folder: all of them, or none if there are doubts.

    Returns them and the doubts.
    """
    # Of a try before this one that was cut off; if it runs on, it cannot finish any more.
    bucket.abort_uploads(folder)
    stop = threading.Event()
    with ExitStack() as stack:
        formats = export.request.formats
        gzip = config.compression == GZIP
        uploads = {
            name: stack.enter_context(
                bucket.upload(
                    f"{folder}{export.request.report_name}.{name}{'.gz' if gzip else ''}",
                    "application/gzip" if gzip else _CONTENT_TYPES[name],
                )
            )
            for name in formats
        }
        downloads = {
            name: _Download(
                name,
                gzip,
                links,
                session,
                config.max_report_bytes,
                config.count_repeated_ids and not export.request.skip_quality_gate,
                seconds_left,
                stop,
            )
            for name in formats
        }
        with ThreadPoolExecutor(len(formats)) as pool:
            files = [pool.submit(downloads[name].run, uploads[name]) for name in formats]
            failed = [
                done for done in wait(files, return_when=FIRST_EXCEPTION).done if done.exception()
            ]
            stop.set()
        for file in failed or files:
            file.result()
        landed = [file.result() for file in files]
        if not (reasons := doubts_about(landed)):
            for upload in uploads.values():
                upload.commit()
    return landed, reasons


def _quarantined(
    export: Export,
    links: FreshLinks,
    bucket: Bucket,
    config: Config,
    land: Callable[..., tuple[list[LandedFile], list[str]]],
    reasons: list[str],
) -> QualityGateFailed:
    """Put a doubtful report into quarantine; returns what is to be raised.

    It is downloaded a second time, because S3 fixes the key of an upload when it begins. To move it
    would show it at the key that readers and notifications look at, leave versions of it there, and
    need a role that may delete exports.
    """
    # Now: whatever happens to the second download, somebody can find out why there was one.
    logger.warning("The quality gate keeps the report back.", reasons=reasons)
    folder = quarantine_folder(export, config.key_prefix)
    landed, _ = land(folder, lambda _: [])
    bucket.create_json(
        f"{folder}{QUARANTINE}",
        quarantine_of(export, links.exploration, bucket.name, landed, reasons),
    )
    return QualityGateFailed(
        f"The report was kept back: {'; '.join(reasons)}. It is in s3://{bucket.name}/{folder} and "
        'nowhere else. If it is right, export again with "skipQualityGate": true.'
    )


@dataclass(frozen=True)
class _Download:
    """One file's way from its zip to its upload, verified but not committed."""

    format: str
    gzip: bool
    links: FreshLinks
    session: requests.Session
    max_bytes: int
    count_repeated_ids: bool
    seconds_left: Callable[[], float]
    stop: threading.Event

    def run(self, upload: Upload) -> LandedFile:
        content, records = _Measure(), record_counter(self.format)
        landed = _Measure() if self.gzip else content
        inspector = (
            CsvInspector(count_repeated_ids=self.count_repeated_ids)
            if self.format == "csv"
            else None
        )
        with RemoteFile(self.session, self, self.seconds_left) as remote:
            zipped = EncryptedZip(
                remote, self.links.zip_password, f".{self.format}", self.max_bytes
            )
            for piece in gzipped(zipped.pieces()) if self.gzip else zipped.pieces():
                if self.stop.is_set():
                    raise DownloadInterrupted("The export's other file failed.")
                content.update(piece.plain)
                records.update(piece.plain)
                if inspector:
                    inspector.update(piece.plain)
                if self.gzip:
                    landed.update(piece.deflated)
                upload.write(piece.deflated if self.gzip else piece.plain)
        upload.flush()
        return LandedFile(
            format=self.format,
            key=upload.key,
            bytes=landed.bytes,
            sha256=landed.sha256.hexdigest(),
            content_bytes=content.bytes,
            content_sha256=content.sha256.hexdigest(),
            records=records.finish(),
            repeated_ids=inspector.finish() if inspector else 0,
            columns=inspector.columns if inspector else (),
        )

    def current(self) -> str:
        return self.links.current(self.format)

    def renew(self, dead: str) -> str:
        return self.links.renew(self.format, dead)


class _Measure:
    """The size and the hash of what streams by."""

    def __init__(self) -> None:
        self.bytes = 0
        self.sha256 = hashlib.sha256()

    def update(self, data: bytes | memoryview) -> None:
        self.bytes += len(data)
        self.sha256.update(data)
