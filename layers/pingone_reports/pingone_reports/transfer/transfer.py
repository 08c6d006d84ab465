"""Transfers a report's files from PingOne's zips to their uploads: all verified, or none."""

import hashlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from pingone_reports.aws.bucket import Upload
from pingone_reports.errors import DownloadInterrupted, InvalidReport
from pingone_reports.model.fields import has_known
from pingone_reports.model.report_file import Compression, Format, ReportFile
from pingone_reports.pingone.links import FreshLinks
from pingone_reports.transfer.records import record_counter
from pingone_reports.transfer.remote_file import RemoteFile
from pingone_reports.zips.encrypted_zip import EncryptedZip, Piece
from pingone_reports.zips.gzip_framing import compressed, gzipped

if TYPE_CHECKING:
    from pingone_reports.transfer.pseudonyms import ExportPseudonyms
    from pingone_reports.transfer.token_stream import TokenStream


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """Transfers files from their links to their uploads. `max_bytes` limits one unpacked file."""

    session: requests.Session
    compression: Compression
    max_bytes: int
    seconds_left: Callable[[], float]
    pseudonyms: "ExportPseudonyms | None" = None

    def run(self, links: FreshLinks, uploads: Mapping[Format, Upload]) -> list[ReportFile]:
        """Download the report's files into their uploads, and verify them; commits none.

        Raises the errors of PingOne, the download, the zip and the bucket, FieldMissing and
        InvalidReport.
        """
        stop = threading.Event()
        with ThreadPoolExecutor(len(uploads)) as pool:
            files = [
                pool.submit(self._transfer, links, file_format, upload, stop)
                for file_format, upload in uploads.items()
            ]
            failed = [
                done for done in wait(files, return_when=FIRST_EXCEPTION).done if done.exception()
            ]
            stop.set()
        return [file.result() for file in failed or files]

    def _transfer(
        self, links: FreshLinks, file_format: Format, upload: Upload, stop: threading.Event
    ) -> ReportFile:
        gzip = self.compression is Compression.GZIP
        content, records = _Measure(), record_counter(file_format)
        landed = _Measure() if gzip else content
        tokens = self.pseudonyms.in_file(file_format) if self.pseudonyms else None
        with RemoteFile(self.session, links, file_format, self.seconds_left) as remote:
            zipped = EncryptedZip(remote, links.zip_password, f".{file_format}", self.max_bytes)
            for piece in self._landing(zipped.pieces(), tokens):
                if stop.is_set():
                    raise DownloadInterrupted("The export's other file failed.")
                content.update(piece.plain)
                records.update(piece.plain)
                if gzip:
                    landed.update(piece.deflated)
                upload.write(piece.deflated if gzip else piece.plain)
        upload.flush()
        is_table = True
        try:
            records.finish()
        except InvalidReport:
            # A text of another kind, such as a page, is what the quality gate keeps back.
            if file_format is Format.JSON or not records.columns or has_known(records.columns):
                raise
            is_table = False
        return ReportFile(
            format=file_format,
            key=upload.key,
            bytes=landed.bytes,
            sha256=landed.sha256.hexdigest(),
            content_bytes=content.bytes,
            content_sha256=content.sha256.hexdigest(),
            records=records.records,
            columns=records.columns,
            is_table=is_table,
        )

    def _landing(self, pieces: Iterator[Piece], tokens: "TokenStream | None") -> Iterator[Piece]:
        """What lands, in the form that lands and as plain text."""
        gzip = self.compression is Compression.GZIP
        if not tokens:
            return gzipped(pieces) if gzip else pieces
        texts = tokens.replaced(pieces)
        return compressed(texts) if gzip else (Piece(b"", text) for text in texts)


class _Measure:
    """The size and the SHA-256 of a stream."""

    def __init__(self) -> None:
        self.bytes = 0
        self.sha256 = hashlib.sha256()

    def update(self, data: bytes | memoryview) -> None:
        self.bytes += len(data)
        self.sha256.update(data)
