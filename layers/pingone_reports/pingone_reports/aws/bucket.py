"""The bucket in which exports land: each object appears complete or not at all."""

import base64
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import LifoQueue
from typing import TYPE_CHECKING, Any, BinaryIO

from boto3.exceptions import Boto3Error
from botocore.exceptions import ClientError
from isal import isal_zlib

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.errors import StorageDenied, StorageUnavailable
from pingone_reports.model.report_file import Format

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

# Bigger parts, or more of them in flight, cost memory and save no time. All uploads together have
# two in flight, over two connections. S3 allows 10,000 parts in an object.
PART_BYTES = 8 * 1024 * 1024
_PARTS_IN_FLIGHT = 2
# Each upload of an export's files fills one more buffer. Buffers are reused: to allocate one for
# each part takes as long as to copy into it, and the memory is not freed evenly.
_BUFFERS = _PARTS_IN_FLIGHT + len(Format)

_JSON = "application/json"
# Errors that a retry does not fix. Source: S3's list of error codes; a HEAD has only the status.
_DENIALS = {
    "AccessDenied", "403", "AllAccessDisabled", "InvalidAccessKeyId", "NoSuchBucket",
    # The bucket is in another region.
    "PermanentRedirect", "301", "AuthorizationHeaderMalformed",
    "IllegalLocationConstraintException",
    # The KMS key is disabled or gone.
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

    @contextmanager
    def upload(self, key: str, content_type: str) -> Iterator["Upload"]:
        """An upload, to be written piece by piece and then committed, or else it is aborted."""
        upload = Upload(self, key, content_type)
        try:
            yield upload
        finally:
            upload.end()

    def take_buffer(self) -> bytearray:
        """A buffer for one part; waits until one is free."""
        return self._buffers.get() or bytearray(PART_BYTES)

    def give_back(self, buffer: bytearray, _part: Any = None) -> None:
        """Free a buffer for another part."""
        self._buffers.put(buffer)

    def download(self, key: str, path: Path) -> bool:
        """Copy an object into a file; returns False if there is none."""
        with _storage_errors("GetObject"):
            try:
                self.s3.download_file(self.name, key, str(path))
            except Boto3Error as error:
                # It is none of botocore's.
                raise StorageUnavailable(f"S3 broke off ({type(error).__name__}).") from None
            except ClientError as error:
                # The HEAD that comes first has only the status.
                if code_of(error) in ("404", "NoSuchKey"):
                    return False
                raise
        return True

    def upload_file(self, path: Path, key: str) -> None:
        """Copy a file of at most 5 GB into an object, which replaces the one at this key."""
        with path.open("rb") as file:
            self._put(key, file, "application/octet-stream")

    def read_json(self, key: str) -> dict[str, Any] | None:
        """The JSON document at a key; None if there is no object."""
        with _storage_errors("GetObject"):
            try:
                document = json.load(self.s3.get_object(Bucket=self.name, Key=key)["Body"])
            except self.s3.exceptions.NoSuchKey:
                return None
        return dict(document)

    def write_json(self, key: str, document: Mapping[str, Any] | Sequence[Any]) -> None:
        """Write a JSON document, in place of what is there."""
        self._put(key, json.dumps(document).encode(), _JSON)

    def write_text(self, key: str, text: str, content_type: str) -> None:
        """Write a text, in place of what is there."""
        self._put(key, text.encode(), content_type)

    def create_json(self, key: str, document: Mapping[str, Any]) -> dict[str, Any]:
        """Write a JSON object unless there is one; returns what is there then."""
        try:
            self._put(key, json.dumps(document).encode(), _JSON, IfNoneMatch="*")
        except StorageUnavailable:
            # Another try has written it; or this one has, and S3's answer was lost.
            written = self.read_json(key)
            if not written:
                raise
            return written
        return dict(document)

    def keys(self, folder: str) -> list[str]:
        """The keys in a folder, at most a thousand."""
        with _storage_errors("ListObjectsV2"):
            listed = self.s3.list_objects_v2(Bucket=self.name, Prefix=folder)
        return [item["Key"] for item in listed.get("Contents", [])]

    def delete(self, key: str) -> None:
        """Delete an object; a versioned bucket keeps it as a noncurrent version."""
        with _storage_errors("DeleteObject"):
            self.s3.delete_object(Bucket=self.name, Key=key)

    def abort_uploads(self, folder: str, but: Collection["Upload"] = ()) -> list[str]:
        """Abort the folder's unfinished uploads except `but`; returns the keys of the aborted ones.

        It sees at most a thousand. Each try of an export has three, and aborts those of earlier
        tries.
        """
        kept = {upload.id for upload in but}
        with _storage_errors("ListMultipartUploads"):
            listed = self.s3.list_multipart_uploads(Bucket=self.name, Prefix=folder)
        others = [item for item in listed.get("Uploads", []) if item["UploadId"] not in kept]
        for upload in others:
            # An upload that is already gone is fine.
            with _storage_errors("AbortMultipartUpload"), suppress(self.s3.exceptions.NoSuchUpload):
                self.s3.abort_multipart_upload(
                    Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"]
                )
        return [upload["Key"] for upload in others]

    def _put(self, key: str, body: bytes | BinaryIO, content_type: str, **condition: str) -> None:
        target: dict[str, Any] = {"Bucket": self.name, "Key": key, **condition}
        with _storage_errors("PutObject"):
            self.s3.put_object(**target, Body=body, ContentType=content_type)


class Upload:
    """The upload of one object of any size, in constant memory. Only `commit` makes an object.

    Even a small object is a multipart upload: until the commit, another try can abort that. Nobody
    can abort a single PUT.
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
        """Copy the next bytes; waits while two parts of the bucket are in flight."""
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
        # S3 requires at least one part, which may be empty.
        if self._buffer is not None or not self._parts:
            self._send_part(self._take_rest())
        for part in self._parts:
            part.result()

    def commit(self, *, only_if_none: bool = False) -> None:
        """Make the object visible; `only_if_none` fails if the key already has an object."""
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

    def end(self) -> None:
        """Give back what it holds, and abort it unless it is committed. Raises nothing."""
        wait(self._parts)
        self._take_rest()
        if not self._committed:
            # An earlier error matters more, and the bucket's lifecycle aborts the upload in a day.
            with suppress(*AWS_ERRORS):
                self._bucket.s3.abort_multipart_upload(**self._target, UploadId=self.id)

    def _take_rest(self) -> bytearray:
        """The last buffer's content, as a bytearray: botocore would copy bytes once more."""
        if self._buffer is None:
            return bytearray()
        rest, buffer = bytearray(memoryview(self._buffer)[: self._filled]), self._buffer
        self._buffer = None
        self._bucket.give_back(buffer)
        return rest

    def _send_part(self, body: bytearray) -> "Future[CompletedPartTypeDef]":
        if len(self._parts) >= _PARTS_IN_FLIGHT:
            # This raises if that part failed.
            self._parts[-_PARTS_IN_FLIGHT].result()
        part = self._bucket.part_uploads.submit(self._upload_part, len(self._parts) + 1, body)
        self._parts.append(part)
        return part

    def _upload_part(self, number: int, body: bytearray) -> "CompletedPartTypeDef":
        # S3 checks every part against this. botocore would compute it more slowly.
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
        code = code_of(error)
        if code in _DENIALS:
            raise StorageDenied(
                f"S3 refused {operation} ({code}): check that the bucket exists in the stack's "
                "region, that its KMS key is enabled, and that the policies of bucket and key "
                "allow the function's role."
            ) from None
        if code == "NoSuchUpload":
            raise StorageUnavailable(
                "Another try of this export has aborted this upload: if no try succeeds, run the "
                "export again."
            ) from None
        raise StorageUnavailable(
            f"S3 could not complete {operation} ({code}): try again later."
        ) from None
