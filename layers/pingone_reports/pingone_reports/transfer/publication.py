"""Publishes a folder of the bucket once: its files, and then the document about them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Self

from pingone_reports.aws.bucket import Bucket, Upload
from pingone_reports.errors import StorageUnavailable
from pingone_reports.model.report_file import Format


@dataclass(frozen=True)
class Publication:
    """One try to publish a folder: the uploads of its files, and that of the document about them.

    Tries may overlap: if a function's answer is lost, it still runs while the next try begins. S3
    keeps them apart. A try first begins all its uploads, then aborts all other uploads of the
    folder, and begins none later. So of two tries, at least one aborts the other. After that, what
    a try finds published is final, and what it publishes is its own. DiscardReport marks an export
    as discarded before it aborts uploads, so a later try cannot publish either.

    Without `publish`, nothing stays in the bucket. Raises StorageDenied and StorageUnavailable.
    """

    bucket: Bucket
    files: Mapping[Format, Upload]
    document: Upload

    @classmethod
    @contextmanager
    def begun(
        cls, bucket: Bucket, folder: str, files: Mapping[Format, tuple[str, str]], document: str
    ) -> Iterator[Self]:
        """A try. `files` are keys and media types, `document` is a file name."""
        with ExitStack() as stack:
            uploads = {
                file_format: stack.enter_context(bucket.upload(key, content_type))
                for file_format, (key, content_type) in files.items()
            }
            last = stack.enter_context(bucket.upload(f"{folder}{document}", "application/json"))
            bucket.abort_uploads(folder, but=[*uploads.values(), last])
            yield cls(bucket, uploads, last)

    def published(self) -> dict[str, Any] | None:
        """The published document, if there is one."""
        return self.bucket.read_json(self.document.key)

    def publish(self, document: Mapping[str, Any]) -> bool:
        """Make the files visible, then the document; returns whether this document is published.

        Another one is there only if something that is not a try has written it.
        """
        text = json.dumps(document, indent=2)
        for file in self.files.values():
            file.commit()
        self.document.write(text.encode())
        try:
            self.document.commit(only_if_none=True)
        except StorageUnavailable:
            # S3 may have written the document, and only its answer was lost.
            published = self.published()
            if not published:
                raise
            return published == dict(json.loads(text))
        return True
