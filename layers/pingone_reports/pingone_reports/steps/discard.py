"""DiscardReport: what a failed export left in the bucket must not be taken for an export."""

from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.discarded import DiscardedExports
from pingone_reports.model.export import Export
from pingone_reports.model.manifest import MANIFEST, export_folder, quarantine_folder


def discard_report(
    export: Export, bucket: Bucket, discarded_exports: DiscardedExports, key_prefix: str
) -> dict[str, Any]:
    """Abort the export's unfinished uploads and delete its files; returns the keys of both.

    A fetch that was cut off leaves uploads, and files if it was cut off between them and its
    manifest. One that still runs is kept from publishing first, so that nothing comes after this.
    With a manifest the files stay: they are published, and may have been read. Raises the bucket's
    errors and TableUnavailable.
    """
    discarded_exports.add(export.execution.arn)
    folder = export_folder(export, key_prefix)
    aborted = [
        *bucket.abort_uploads(folder),
        *bucket.abort_uploads(quarantine_folder(export, key_prefix)),
    ]
    files = bucket.keys(folder)
    if f"{folder}{MANIFEST}" in files:
        files = []
    for key in files:
        bucket.delete(key)
    return {"aborted": aborted, "deleted": files}
