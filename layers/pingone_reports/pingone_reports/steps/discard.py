"""DiscardReport: remove what a failed export left in the bucket."""

from dataclasses import dataclass
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.tombstones import Tombstones
from pingone_reports.model.export import Export
from pingone_reports.model.keys import MANIFEST, QUARANTINE, ExportKeys


@dataclass(frozen=True, kw_only=True)
class DiscardReport:
    """The discard, with all that it needs."""

    bucket: Bucket
    discarded: Tombstones
    key_prefix: str

    def run(self, export: Export) -> dict[str, Any]:
        """Abort the export's unfinished uploads and delete its files; returns the keys of both.

        A fetch that was cut off leaves uploads. If it was cut off between its files and the
        document about them, it leaves files too, in the export's folder or in quarantine. A fetch
        that still runs is first kept from publishing, so that it adds nothing later. If the
        document is there, the files stay: they are published, and may have been read. Raises
        StorageDenied, StorageUnavailable and TableUnavailable.
        """
        self.discarded.add(export.execution.arn)
        keys = ExportKeys.of(export, self.key_prefix)
        folders = {keys.folder: MANIFEST, keys.quarantine_folder: QUARANTINE}
        # All uploads first: what is aborted makes no file after the files were listed.
        aborted = [key for folder in folders for key in self.bucket.abort_uploads(folder)]
        deleted = []
        for folder, document in folders.items():
            files = self.bucket.keys(folder)
            if f"{folder}{document}" not in files:
                deleted += files
        for key in deleted:
            self.bucket.delete(key)
        return {"aborted": aborted, "deleted": deleted}
