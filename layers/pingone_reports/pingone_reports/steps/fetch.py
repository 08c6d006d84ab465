"""FetchReport: the finished report, from PingOne's zips to the bucket."""

import time
from collections.abc import Callable
from typing import Any

import requests

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.discarded import DiscardedExports
from pingone_reports.aws.history import PreviousExports
from pingone_reports.config import Config
from pingone_reports.errors import QualityGateFailed, TableUnavailable
from pingone_reports.model.export import Export
from pingone_reports.model.manifest import (
    MANIFEST,
    QUARANTINE,
    completed_event,
    export_folder,
    manifest_of,
    quarantine_folder,
    quarantine_of,
)
from pingone_reports.model.quality import doubts
from pingone_reports.observability import logger, measure
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.link_hosts import LinkHosts
from pingone_reports.pingone.links import FreshLinks
from pingone_reports.transfer.transfer import Landing


def fetch_report(
    export: Export,
    pingone: PingOne,
    session: requests.Session,
    bucket: Bucket,
    previous_exports: PreviousExports,
    discarded_exports: DiscardedExports,
    config: Config,
    seconds_left: Callable[[], float],
) -> dict[str, Any]:
    """Publish the report's files and then its manifest; returns the completed event's detail.

    A second try of an execution that has published already publishes nothing again. Raises the
    errors of the download, the zip, the bucket and the table, and ExportDiscarded; then no file is
    visible that has no manifest, but for a try that was cut off between the files' commit and the
    manifest's: DiscardReport deletes those. Raises QualityGateFailed when the report is doubtful
    and lies in quarantine.
    """
    began = time.monotonic()
    landing = Landing(export, session, bucket, config, seconds_left)
    folder = export_folder(export, config.key_prefix)
    with landing.publication(folder, MANIFEST) as publication:
        manifest, reasons = publication.published(), list[str]()
        if not manifest:
            discarded_exports.refuse(export.execution.arn)
            previous = previous_exports.of(export)
            links = FreshLinks(pingone, export, LinkHosts(config.link_hosts), seconds_left)
            landed = landing.land(links, publication)
            if not export.request.skip_quality_gate:
                reasons = doubts(export.request, landed, previous, config.max_record_drop_percent)
            if not reasons:
                unchanged = previous is not None and previous.has_content_of(landed)
                manifest = manifest_of(
                    export, links.exploration, bucket.name, landed, unchanged=unchanged
                )
                if publication.publish(manifest):
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
                    manifest = publication.published() or manifest
    if not manifest:
        raise _quarantined(landing, links, discarded_exports, reasons)
    manifest_key = f"{folder}{MANIFEST}"
    try:
        previous_exports.remember(export, manifest, manifest_key)
    except TableUnavailable as error:
        # What is published has succeeded; the next export is compared with the one before.
        logger.warning("The export is not remembered for the next one.", error=str(error))
    return completed_event(manifest, manifest_key)


def _quarantined(
    landing: Landing, links: FreshLinks, discarded_exports: DiscardedExports, reasons: list[str]
) -> QualityGateFailed:
    """Put a doubtful report into quarantine; returns what is to be raised.

    It is downloaded a second time, because S3 fixes the key of an upload when it begins. To move it
    would show it at the key that readers and notifications look at, leave versions of it there, and
    need a role that may delete exports.
    """
    # Now: whatever happens to the second download, somebody can find out why there was one.
    logger.warning("The quality gate keeps the report back.", reasons=reasons)
    export, bucket = landing.export, landing.bucket
    folder = quarantine_folder(export, landing.config.key_prefix)
    with landing.publication(folder, QUARANTINE) as publication:
        if not publication.published():
            discarded_exports.refuse(export.execution.arn)
            landed = landing.land(links, publication)
            publication.publish(
                quarantine_of(export, links.exploration, bucket.name, landed, reasons)
            )
    return QualityGateFailed(
        f"The report was kept back: {'; '.join(reasons)}. It is in s3://{bucket.name}/{folder} and "
        'nowhere else. If it is right, export again with "skipQualityGate": true.'
    )
