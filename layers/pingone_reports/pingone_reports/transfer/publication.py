"""Publishes a folder of the bucket once: its files, and then the document about them."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import StorageUnavailable
from pingone_reports.model.report_file import Format


class Publication:
    """One try to publish a folder. `files` are keys and media types, `document` is a file name.

    Tries may overlap: if a function's answer is lost, it still runs while the next try begins. S3
    keeps them apart. A try first begins all its uploads, then aborts all other uploads of the
    folder, and begins none later. So of two tries, at least one aborts the other. After that, what
    a try finds published is final, and what it publishes is its own. DiscardReport marks an export
    as discarded before it aborts uploads, so a later try cannot publish either.

    Without `publish`, nothing stays in the bucket. Raises StorageDenied and StorageUnavailable.
    """

    def __init__(
        self, bucket: Bucket, folder: str, files: Mapping[Format, tuple[str, str]], document: str
    ) -> None:
        self._bucket = bucket
        self._document_key = f"{folder}{document}"
        with ExitStack() as stack:
            self.files = {
                file_format: stack.enter_context(bucket.upload(key, content_type))
                for file_format, (key, content_type) in files.items()
            }
            self._document = stack.enter_context(
                bucket.upload(self._document_key, "application/json")
            )
            bucket.abort_uploads(folder, but=[*self.files.values(), self._document])
            self._uploads = stack.pop_all()

    def published(self) -> dict[str, Any] | None:
        """The published document, if there is one."""
        return self._bucket.read_json(self._document_key)

    def publish(self, document: Mapping[str, Any]) -> bool:
        """Make the files visible, then the document; returns whether this document is published.

        Another one is there only if something that is not a try has written it.
        """
        text = json.dumps(document, indent=2)
        for file in self.files.values():
            file.commit()
        self._document.write(text.encode())
        try:
            self._document.commit(only_if_none=True)
        except StorageUnavailable:
            # S3 may have written the document, and only its answer was lost.
            published = self.published()
            if not published:
                raise
            return published == dict(json.loads(text))
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._uploads.__exit__(error_type, error, traceback)
