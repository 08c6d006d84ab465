"""DiscardReport: remove what a failed export left in the bucket."""

from dataclasses import dataclass
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.discarded import DiscardedExports
from pingone_reports.model.export import Export
from pingone_reports.model.keys import ExportKeys


@dataclass(frozen=True, kw_only=True)
class DiscardReport:
    """The discard, with all that it needs."""

    bucket: Bucket
    discarded: DiscardedExports
    key_prefix: str

    def run(self, export: Export) -> dict[str, Any]:
        """Abort the export's unfinished uploads and delete its files; returns the keys of both.

        A fetch that was cut off leaves uploads. If it was cut off between its files and its
        manifest, it leaves files too. A fetch that still runs is first kept from publishing, so
        that it adds nothing later. If there is a manifest, the files stay: they are published, and
        may have been read. Raises StorageDenied, StorageUnavailable and TableUnavailable.
        """
        self.discarded.add(export.execution.arn)
        keys = ExportKeys.of(export, self.key_prefix)
        aborted = [
            *self.bucket.abort_uploads(keys.folder),
            *self.bucket.abort_uploads(keys.quarantine_folder),
        ]
        files = self.bucket.keys(keys.folder)
        if keys.manifest in files:
            files = []
        for key in files:
            self.bucket.delete(key)
        return {"aborted": aborted, "deleted": files}
