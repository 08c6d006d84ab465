"""DiscardReport: what a failed export left in the bucket must not be taken for an export."""

from typing import Any

from pingone_reports.bucket import Bucket
from pingone_reports.export import Export
from pingone_reports.manifest import MANIFEST, export_folder, quarantine_folder


def discard_report(export: Export, bucket: Bucket, key_prefix: str) -> dict[str, Any]:
    """Abort the export's unfinished uploads and delete its files; returns the keys of both.

    A fetch that was cut off leaves uploads, one that could not write its manifest files. With a
    manifest the files stay: they are published, and may have been read. Raises the bucket's errors.
    """
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
