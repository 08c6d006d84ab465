"""The bucket that exports land in: objects that appear whole or not at all."""

import base64
import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import LifoQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError
from isal import isal_zlib

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.errors import StorageDenied, StorageUnavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# Bigger parts and more of them in flight cost memory and gain no time: two, whatever the number of
# uploads, and so two connections. S3 takes 10,000 parts.
PART_BYTES = 8 * 1024 * 1024
_PARTS_IN_FLIGHT = 2
# Each of an export's two uploads fills one more. They are used again and again: memory that is new
# for each part costs as much time as copying into it, and is not given back evenly.
_BUFFERS = _PARTS_IN_FLIGHT + 2

# What another try does not mend. Source: S3's list of error codes; a HEAD has the status alone.
_DENIALS = {
    "AccessDenied", "403", "AllAccessDisabled", "InvalidAccessKeyId", "NoSuchBucket",
    # The bucket is in another region.
    "PermanentRedirect", "301", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    # The key is out of use.
    "KMS.DisabledException", "KMS.InvalidKeyUsageException", "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
}  # fmt: skip


class Bucket:
    """An S3 bucket. Raises StorageDenied or StorageUnavailable."""

    def __init__(self, s3: "S3Client", name: str) -> None:
        self.s3 = s3
        self.name = name
        self.part_uploads = ThreadPoolExecutor(_PARTS_IN_FLIGHT)
        self._buffers = LifoQueue[bytearray | None]()
        for _ in range(_BUFFERS):
            self._buffers.put(None)

    def upload(self, key: str, content_type: str) -> "Upload":
        """Begin an object, to be written piece by piece and then committed."""
        return Upload(self, key, content_type)

    def take_buffer(self) -> bytearray:
        """A buffer for one part; waits until one is given back."""
        return self._buffers.get() or bytearray(PART_BYTES)

    def give_back(self, buffer: bytearray, _part: Any = None) -> None:
        """Let another part have this buffer."""
        self._buffers.put(buffer)

    def download(self, key: str, path: Path) -> None:
        """Copy an object into a file."""
        with _storage_errors("GetObject"):
            try:
                self.s3.download_file(self.name, key, str(path))
            except Boto3Error as error:
                # It is none of botocore's.
                raise StorageUnavailable(f"S3 broke off ({type(error).__name__}).") from None

    def upload_file(self, path: Path, key: str) -> None:
        """Copy a file of at most 5 GB into an object, in place of what is there."""
        with _storage_errors("PutObject"), path.open("rb") as file:
            self.s3.put_object(
                Bucket=self.name, Key=key, Body=file, ContentType="application/octet-stream"
            )

    def read_json(self, key: str) -> dict[str, Any] | None:
        """The JSON object at a key, or None."""
        with _storage_errors("GetObject"):
            try:
                document = json.load(self.s3.get_object(Bucket=self.name, Key=key)["Body"])
            except self.s3.exceptions.NoSuchKey:
                return None
        return dict(document)

    def write_json(self, key: str, document: Mapping[str, Any]) -> None:
        """Write a JSON object, in place of what is there."""
        with _storage_errors("PutObject"):
            self.s3.put_object(
                Bucket=self.name,
                Key=key,
                Body=json.dumps(document).encode(),
                ContentType="application/json",
            )

    def names(self, folder: str, after: str) -> Iterator[str]:
        """The names of a folder's objects behind this one, in the order of their bytes."""
        with _storage_errors("ListObjectsV2"):
            pages = self.s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.name, Prefix=folder, StartAfter=f"{folder}{after}"
            )
            for page in pages:
                for item in page.get("Contents", []):
                    yield item["Key"].removeprefix(folder)

    def keys(self, folder: str) -> list[str]:
        """The objects of a folder, of a thousand at most."""
        with _storage_errors("ListObjectsV2"):
            listed = self.s3.list_objects_v2(Bucket=self.name, Prefix=folder)
        return [item["Key"] for item in listed.get("Contents", [])]

    def delete(self, key: str) -> None:
        """Make an object invisible; a versioned bucket keeps it as a former version."""
        with _storage_errors("DeleteObject"):
            self.s3.delete_object(Bucket=self.name, Key=key)

    def abort_uploads(self, folder: str, but: Collection["Upload"] = ()) -> list[str]:
        """Abort the folder's unfinished uploads but for these; returns the keys of the aborted.

        Of a thousand at most: a try of an export has three, and aborts those of the tries before.
        """
        kept = {upload.id for upload in but}
        with _storage_errors("ListMultipartUploads"):
            listed = self.s3.list_multipart_uploads(Bucket=self.name, Prefix=folder)
        others = [item for item in listed.get("Uploads", []) if item["UploadId"] not in kept]
        for upload in others:
            # Gone already is as good.
            with _storage_errors("AbortMultipartUpload"), suppress(self.s3.exceptions.NoSuchUpload):
                self.s3.abort_multipart_upload(
                    Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        return [upload["Key"] for upload in others]


class Upload:
    """One object of any size in constant memory. Leaving it without `commit` leaves no object.

    It is a multipart upload even if it is small: that can be taken back by somebody else, for as
    long as it is not committed, and a single put cannot.
    """

    def __init__(self, bucket: Bucket, key: str, content_type: str) -> None:
        self.key = key
        self._bucket = bucket
        self._target: dict[str, Any] = {"Bucket": bucket.name, "Key": key}
        self._buffer: bytearray | None = None
        self._filled = 0
        self._parts: list[Future[CompletedPartTypeDef]] = []
        self._committed = False
        with _storage_errors("CreateMultipartUpload"):
            self.id = bucket.s3.create_multipart_upload(
                **self._target, ContentType=content_type, ChecksumAlgorithm="CRC32"
            )["UploadId"]

    def write(self, chunk: bytes | memoryview) -> None:
        """Take a copy of the next bytes; waits while two parts of the bucket are in flight."""
        rest = memoryview(chunk)
        while rest:
            if self._buffer is None:
                self._buffer, self._filled = self._bucket.take_buffer(), 0
            taken = rest[: PART_BYTES - self._filled]
            end = self._filled + len(taken)
            self._buffer[self._filled : end] = taken
            self._filled, rest = end, rest[len(taken) :]
            if end == PART_BYTES:
                part = self._send_part(self._buffer)
                part.add_done_callback(partial(self._bucket.give_back, self._buffer))
                self._buffer = None

    def flush(self) -> None:
        """Send what is left, and wait until S3 has every part."""
        # S3 wants one part at least, and takes an empty one.
        if self._buffer is not None or not self._parts:
            self._send_part(self._take_rest())
        for part in self._parts:
            part.result()

    def commit(self, *, only_if_none: bool = False) -> None:
        """Make the object visible; if wanted, only where there is none."""
        self.flush()
        condition: dict[str, Any] = {"IfNoneMatch": "*"} if only_if_none else {}
        with _storage_errors("CompleteMultipartUpload"):
            self._bucket.s3.complete_multipart_upload(
                **self._target,
                **condition,
                UploadId=self.id,
                MultipartUpload={"Parts": [part.result() for part in self._parts]},
            )
        self._committed = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        wait(self._parts)
        self._take_rest()
        if not self._committed:
            # What failed before matters more, and the bucket's lifecycle aborts it in a day.
            with suppress(*AWS_ERRORS):
                self._bucket.s3.abort_multipart_upload(**self._target, UploadId=self.id)

    def _take_rest(self) -> bytearray:
        """What the last buffer holds. botocore would copy bytes once more, behind the headers."""
        if self._buffer is None:
            return bytearray()
        rest, buffer = bytearray(memoryview(self._buffer)[: self._filled]), self._buffer
        self._buffer = None
        self._bucket.give_back(buffer)
        return rest

    def _send_part(self, body: bytearray) -> "Future[CompletedPartTypeDef]":
        if len(self._parts) >= _PARTS_IN_FLIGHT:
            # If it failed, now is the time to say so.
            self._parts[-_PARTS_IN_FLIGHT].result()
        part = self._bucket.part_uploads.submit(self._upload_part, len(self._parts) + 1, body)
        self._parts.append(part)
        return part

    def _upload_part(self, number: int, body: bytearray) -> "CompletedPartTypeDef":
        # S3 checks every part against this. botocore would compute it too, slowly.
        checksum = base64.b64encode(isal_zlib.crc32(body).to_bytes(4)).decode()
        with _storage_errors("UploadPart"):
            etag = self._bucket.s3.upload_part(
                **self._target,
                UploadId=self.id,
                PartNumber=number,
                Body=body,  # type: ignore[arg-type]  # botocore takes it, its stub forgets it
                ChecksumCRC32=checksum,
            )["ETag"]
        return {"PartNumber": number, "ETag": etag, "ChecksumCRC32": checksum}


@contextmanager
def _storage_errors(operation: str) -> Iterator[None]:
    try:
        yield
    except AWS_ERRORS as error:
        raise _storage_error(operation, error) from None


def _storage_error(
    operation: str, error: ClientError | BotoCoreError
) -> StorageDenied | StorageUnavailable:
    code = code_of(error)
    if code in _DENIALS:
        return StorageDenied(
            f"S3 refused {operation} ({code}): check that the bucket exists in the stack's region, "
            "that its key is in use, and what its policy and its key allow the function's role."
        )
    if code == "NoSuchUpload":
        return StorageUnavailable("Another try of this export has taken this one's place.")
    return StorageUnavailable(f"S3 could not do {operation} ({code}); try again later.")
