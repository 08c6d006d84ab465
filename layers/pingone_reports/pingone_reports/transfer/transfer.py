"""The files of one report, from PingOne's zips to the bucket: all of them, or none."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass

import requests

from pingone_reports.aws.bucket import Bucket, Upload
from pingone_reports.config import Config
from pingone_reports.errors import DownloadInterrupted
from pingone_reports.model.export import Export
from pingone_reports.model.manifest import LandedFile
from pingone_reports.pingone.links import FreshLinks
from pingone_reports.transfer.csv_columns import CsvInspector
from pingone_reports.transfer.publication import Publication
from pingone_reports.transfer.records import record_counter
from pingone_reports.transfer.remote_file import RemoteFile
from pingone_reports.zips.encrypted_zip import EncryptedZip
from pingone_reports.zips.gzip_framing import gzipped

GZIP = "gzip"

_CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@dataclass(frozen=True)
class Landing:
    """How an export's files come from their links into the bucket."""

    export: Export
    session: requests.Session
    bucket: Bucket
    config: Config
    seconds_left: Callable[[], float]

    def publication(self, folder: str, document: str) -> Publication:
        """Begin to publish the export's files, and then this document, in a folder."""
        gzip = self.config.compression == GZIP
        name = self.export.request.report_name
        files = {
            f"{name}.{format_name}{'.gz' if gzip else ''}": "application/gzip"
            if gzip
            else _CONTENT_TYPES[format_name]
            for format_name in self.export.request.formats
        }
        return Publication(self.bucket, folder, files, document)

    def land(self, links: FreshLinks, publication: Publication) -> list[LandedFile]:
        """Download the report's files into a publication, and verify them.

        Raises the errors of the download, the zip and the bucket.
        """
        stop = threading.Event()
        formats = self.export.request.formats
        downloads = [
            _Download(
                name,
                self.config.compression == GZIP,
                links,
                self.session,
                self.config.max_report_bytes,
                self.config.count_repeated_ids and not self.export.request.skip_quality_gate,
                self.seconds_left,
                stop,
            )
            for name in formats
        ]
        with ThreadPoolExecutor(len(formats)) as pool:
            files = [
                pool.submit(download.run, upload)
                for download, upload in zip(downloads, publication.files, strict=True)
            ]
            failed = [
                done for done in wait(files, return_when=FIRST_EXCEPTION).done if done.exception()
            ]
            stop.set()
        return [file.result() for file in failed or files]


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
