"""Publishing a folder of the bucket: its files, then the document that tells of them, once."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import StorageUnavailable
from pingone_reports.model.report_file import Format


class Publication:
    """One try to publish a folder. `files` are keys and media types, `document` is a name.

    Tries may overlap: one whose answer got lost runs on while the next one begins. S3 keeps them
    apart. A try begins the uploads of all its objects, then aborts all others of the folder, and
    begins none later. So of two tries the one that looks last has ended the other, or both have:
    what a try finds published after that is all that there will be, and what it publishes is its
    own. Whoever ends tries for good (aws/discarded.py) does so before it aborts their uploads.

    Leaving it unpublished leaves nothing. Raises what the bucket does.
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
        """The document, if it is there."""
        return self._bucket.read_json(self._document_key)

    def publish(self, document: Mapping[str, Any]) -> bool:
        """Make the files visible, then the document; returns whether the document is this one.

        It is another one only if somebody else has written it, who knows nothing of tries.
        """
        text = json.dumps(document, indent=2)
        for file in self.files.values():
            file.commit()
        self._document.write(text.encode())
        try:
            self._document.commit(only_if_none=True)
        except StorageUnavailable:
            # S3 may have written it, and only its answer got lost.
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
