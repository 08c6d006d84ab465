"""FetchReport: bring the finished report from PingOne's zips into the bucket."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.series import Series
from pingone_reports.aws.tombstones import Tombstones
from pingone_reports.errors import ASK_LATER, DownloadChanged, QualityGateFailed, TableUnavailable
from pingone_reports.model.export import Export
from pingone_reports.model.keys import MANIFEST, QUARANTINE, ExportKeys
from pingone_reports.model.manifest import (
    Landed,
    completed_event,
    description_of,
    manifest_of,
    quarantine_of,
)
from pingone_reports.model.quality import violations
from pingone_reports.model.report_file import ReportFile, content_type, file_name
from pingone_reports.model.series import PublishedExport
from pingone_reports.model.status import Status
from pingone_reports.observability import logger, measure
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.link_hosts import LinkHosts
from pingone_reports.pingone.links import FreshLinks, LinkRequests
from pingone_reports.pingone.polling import seconds_until_next_poll
from pingone_reports.pingone.turns import Turn, Turns
from pingone_reports.transfer.publication import Publication
from pingone_reports.transfer.transfer import Transfer

if TYPE_CHECKING:
    from pingone_reports.transfer.pseudonyms import Pseudonyms


@dataclass(frozen=True, kw_only=True)
class FetchReport:
    """The fetch, with all that it needs."""

    pingone: PingOne
    turns: Turns
    link_hosts: LinkHosts
    transfer: Transfer
    pseudonyms: "Pseudonyms | None" = None
    bucket: Bucket
    key_prefix: str
    region: str | None
    series: Series
    discarded: Tombstones
    max_record_drop_percent: int
    seconds_left: Callable[[], float]

    def run(self, export: Export, turn: Turn | None) -> dict[str, Any]:
        """Publish the report's files and then its manifest; returns what the state machine needs.

        That is a status and the completed event's detail; or, before the export's turn, the turn
        and the seconds to wait: then nothing is published.
        If an earlier try of the execution has published, this one publishes nothing. Raises the
        errors of PingOne, the download, the zip, the bucket and the table; ExportDiscarded; and
        QualityGateFailed when the report is doubtful and is in quarantine.
        After an error, no file without a manifest is visible, unless a try was cut off between the
        commits of files and manifest: DiscardReport deletes such files.
        """
        if self.pseudonyms:
            own = self.pseudonyms.of(export.request)
            step = replace(self, pseudonyms=None, transfer=replace(self.transfer, pseudonyms=own))
            return step.run(own.without_filter(export), turn)
        keys = ExportKeys.of(export, self.key_prefix)
        # A try before this one may have published: then PingOne is not called, and needs no turn.
        manifest = self.bucket.read_json(keys.manifest)
        if manifest:
            # A try between them may have been cut off. Nobody else aborts what it has begun.
            for folder in (keys.folder, keys.quarantine_folder):
                self.bucket.abort_uploads(folder)
        else:
            self.pingone.prepare()
            turn, wait = self.turns.to_read(export.request, turn)
            if wait:
                return _answer(Status.SUCCESS, wait, turn)
            try:
                with self._publication(export, keys.folder, MANIFEST) as publication:
                    manifest = publication.published() or self._publish(
                        export, keys, publication, turn
                    )
            except ASK_LATER as answer:
                logger.warning("PingOne refused a call.", error=str(answer))
                now = datetime.now(UTC)
                wait = seconds_until_next_poll(now, now, export.deadline, answer)
                return _answer(Status.SUCCESS, wait, turn.spent())
        try:
            self.series.add(PublishedExport.of(manifest, keys.manifest))
        except TableUnavailable as error:
            # The export is published, so it has succeeded. The next one uses an older comparison.
            logger.warning("The next export cannot be compared with this one.", error=str(error))
        return _answer(Status.PUBLISHED, completed=completed_event(manifest, keys.manifest))

    def _publish(
        self, export: Export, keys: ExportKeys, publication: Publication, turn: Turn
    ) -> dict[str, Any]:
        """Download, judge and publish; returns the manifest."""
        began = time.monotonic()
        self.discarded.refuse(export.execution.arn)
        links = FreshLinks(
            LinkRequests(self.pingone, export, self.turns, self.seconds_left), self.link_hosts, turn
        )
        files = self.transfer.run(links, publication.files)
        # Only the files tell which fields became tokens.
        description = self._description(export, links, files)
        published = PublishedExport.of(description, keys.manifest)
        predecessor = published.predecessor(self.series.exports(keys.report, keys.environment))
        if not export.request.skip_quality_gate:
            reasons = violations(
                export.request, files, predecessor.export, self.max_record_drop_percent
            )
            if reasons:
                doubtful = _Doubtful(files, reasons)
                raise self._quarantined(export, keys.quarantine_folder, links, doubtful)
        manifest = manifest_of(export, description, predecessor)
        if not publication.publish(manifest):
            return publication.published() or manifest
        measure(
            export,
            {
                "ExportsCompleted": 1,
                "Bytes": sum(file.bytes for file in files),
                # Each format holds all records.
                "Records": max(file.records for file in files),
                "SecondsFetching": time.monotonic() - began,
            },
        )
        return manifest

    def _quarantined(
        self, export: Export, folder: str, links: FreshLinks, doubtful: "_Doubtful"
    ) -> QualityGateFailed:
        """Put a doubtful report into quarantine; returns the error to raise.

        The report is downloaded again, because S3 fixes an upload's key when the upload begins. A
        move would show the report at the key that readers and notifications watch, leave versions
        there, and need a role that may delete exports.
        """
        # Logged first, so that the reasons are known even if the second download fails.
        reasons = doubtful.reasons
        logger.warning("The quality gate keeps the report back.", reasons=reasons)
        with self._publication(export, folder, QUARANTINE) as publication:
            if not publication.published():
                self.discarded.refuse(export.execution.arn)
                files = self.transfer.run(links, publication.files)
                if not doubtful.has_content_of(files):
                    raise DownloadChanged("PingOne replaced the report while it was kept back.")
                publication.publish(quarantine_of(self._description(export, links, files), reasons))
        return QualityGateFailed(
            f"The report was kept back: {'; '.join(reasons)}. It is in "
            f"s3://{self.bucket.name}/{folder} and nowhere else. If it is right, export again with "
            '"skipQualityGate": true.'
        )

    def _description(
        self, export: Export, links: FreshLinks, files: list[ReportFile]
    ) -> dict[str, Any]:
        pseudonyms = self.transfer.pseudonyms
        landed = Landed(
            bucket=self.bucket.name,
            region=self.region,
            files=files,
            pseudonymized=pseudonyms.to_document() if pseudonyms else None,
        )
        return description_of(export, links.exploration, landed)

    def _publication(
        self, export: Export, folder: str, document: str
    ) -> AbstractContextManager[Publication]:
        compression = self.transfer.compression
        files = {
            file_format: (
                f"{folder}{file_name(export.request.report_name, file_format, compression)}",
                content_type(file_format, compression),
            )
            for file_format in export.request.formats
        }
        return Publication.begun(self.bucket, folder, files, document)


def _answer(
    status: Status,
    wait: int = 0,
    turn: Turn | None = None,
    completed: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "status": str(status),
        "waitSeconds": wait,
        "turn": turn and turn.to_state(),
        "completed": completed,
    }


@dataclass(frozen=True)
class _Doubtful:
    """Files that the quality gate keeps back, and why."""

    files: list[ReportFile]
    reasons: list[str]

    def has_content_of(self, files: list[ReportFile]) -> bool:
        """Whether these are the same files, downloaded once more."""
        mine, others = ([file.content_sha256 for file in each] for each in (self.files, files))
        return mine == others
