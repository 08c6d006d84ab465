"""Objects appear in a real S3 whole or not at all, and its refusals have their types."""

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any

import pytest

from local.cloud import LocalCloud
from local.stack import create_table
from pingone_reports.aws import bucket as bucket_module
from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.table import Table
from pingone_reports.aws.tombstones import Tombstones
from pingone_reports.errors import ExportDiscarded, StorageDenied, StorageUnavailable
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.report_file import Format
from pingone_reports.steps.discard import DiscardReport
from pingone_reports.transfer.publication import Publication
from tests.support.asking import export_of, told
from tests.support.clients import client_of, user_of
from tests.support.documents import faults
from tests.support.raw_server import RawServer

NAME = "reports"
KEY = "pingone/report=devices/devices.csv"
# The smallest part that S3 takes, but for the last.
PART_BYTES = 5 * 1024 * 1024
# Six of them are the first to fill a part.
CHUNK_BYTES = 1_000_003
CONTENT_TYPE = "text/csv"
EXPORT = export_of("discarded")
KEYS = ExportKeys.of(EXPORT, "pingone")


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(log_name="test-bucket") as cloud:
        cloud.client("s3").create_bucket(Bucket=NAME)
        create_table(cloud, "coordination")
        yield cloud


@pytest.fixture(scope="module")
def powerless(cloud: LocalCloud) -> Any:
    """A client of a user that may do nothing."""
    return client_of(cloud, "s3", user_of(cloud, "nobody"))


@pytest.fixture
def s3(cloud: LocalCloud) -> Iterator[Any]:
    """A client; the bucket is empty again after the test."""
    client = cloud.client("s3")
    yield client
    Bucket(client, NAME).abort_uploads("")
    for item in client.list_objects_v2(Bucket=NAME).get("Contents", []):
        client.delete_object(Bucket=NAME, Key=item["Key"])


@pytest.fixture
def bucket(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    monkeypatch.setattr(bucket_module, "PART_BYTES", PART_BYTES)
    return Bucket(s3, NAME)


def keys(s3: Any) -> list[str]:
    """The objects that a reader sees."""
    return [item["Key"] for item in s3.list_objects_v2(Bucket=NAME).get("Contents", [])]


def unfinished(s3: Any) -> list[str]:
    """The uploads that were neither completed nor aborted."""
    uploads = s3.list_multipart_uploads(Bucket=NAME).get("Uploads", [])
    return [upload["Key"] for upload in uploads]


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


class TestUpload:
    @pytest.mark.parametrize(
        ("size", "parts"),
        [
            (0, 1),
            (1, 1),
            (PART_BYTES, 1),
            (PART_BYTES + 1, 2),
            (12 * CHUNK_BYTES, 3),
            (4 * PART_BYTES + 12_345, 5),
        ],
    )
    def test_an_object_of_any_size_is_there_once_it_is_committed(
        self, bucket: Bucket, s3: Any, size: int, parts: int
    ) -> None:
        data = content(size)
        with bucket.upload(KEY, CONTENT_TYPE) as upload:
            for start in range(0, size, CHUNK_BYTES):
                upload.write(data[start : start + CHUNK_BYTES])
            upload.flush()
            assert keys(s3) == []
            assert unfinished(s3) == [KEY]
            upload.commit()
        answer = s3.get_object(Bucket=NAME, Key=KEY)
        body = answer["Body"].read()
        assert hashlib.sha256(body).digest() == hashlib.sha256(data).digest()
        assert answer["ContentType"] == CONTENT_TYPE
        assert answer["ETag"].strip('"').endswith(f"-{parts}")
        assert unfinished(s3) == []

    @pytest.mark.parametrize("size", [1, PART_BYTES])
    def test_an_upload_that_somebody_else_aborts_cannot_be_committed(
        self, bucket: Bucket, s3: Any, size: int
    ) -> None:
        with bucket.upload(KEY, CONTENT_TYPE) as upload, bucket.upload(KEY, CONTENT_TYPE) as kept:
            upload.write(content(size))
            upload.flush()
            assert bucket.abort_uploads(KEY, but=[kept]) == [KEY]
            with pytest.raises(StorageUnavailable, match="Another try"):
                upload.commit()
            kept.commit()
        assert keys(s3) == [KEY]

    def test_one_chunk_may_be_larger_than_a_part(self, bucket: Bucket, s3: Any) -> None:
        with bucket.upload(KEY, CONTENT_TYPE) as upload:
            upload.write(content(3 * PART_BYTES + 7))
            upload.commit()
        assert s3.get_object(Bucket=NAME, Key=KEY)["Body"].read() == content(3 * PART_BYTES + 7)

    def test_a_committed_one_stays_when_what_comes_next_fails(
        self, bucket: Bucket, s3: Any
    ) -> None:
        with suppress(ZeroDivisionError), bucket.upload(KEY, CONTENT_TYPE) as upload:
            upload.write(content(PART_BYTES + 1))
            upload.commit()
            raise ZeroDivisionError
        assert keys(s3) == [KEY]

    @pytest.mark.parametrize("size", [1, PART_BYTES, 3 * PART_BYTES])
    @pytest.mark.parametrize("fails", [False, True])
    def test_one_without_a_commit_leaves_the_object_before_it(
        self, bucket: Bucket, s3: Any, size: int, fails: bool
    ) -> None:
        s3.put_object(Bucket=NAME, Key=KEY, Body=b"before")
        with suppress(ZeroDivisionError), bucket.upload(KEY, CONTENT_TYPE) as upload:
            upload.write(content(size))
            if fails:
                raise ZeroDivisionError
            upload.flush()
        assert s3.get_object(Bucket=NAME, Key=KEY)["Body"].read() == b"before"
        assert unfinished(s3) == []

    def test_failures_take_no_buffer_away(self, bucket: Bucket) -> None:
        nowhere = Bucket(bucket.s3, "no-such-bucket")

        for _ in range(5):
            with suppress(StorageDenied), nowhere.upload(KEY, CONTENT_TYPE) as first:
                first.write(content(10))
                with nowhere.upload(KEY, CONTENT_TYPE) as second:
                    second.write(content(PART_BYTES))
        buffers = [nowhere.take_buffer() for _ in range(4)]
        assert len({id(buffer) for buffer in buffers}) == 4


class TestPublication:
    @staticmethod
    def publication(bucket: Bucket) -> AbstractContextManager[Publication]:
        files = {Format.CSV: ("a/devices.csv", CONTENT_TYPE)}
        return Publication.begun(bucket, "a/", files, "manifest.json")

    def test_files_and_document_are_there_when_they_are_published(
        self, bucket: Bucket, s3: Any
    ) -> None:
        document = {"filter": 'name eq "Zoë"', "files": []}
        with self.publication(bucket) as publication:
            publication.files[Format.CSV].write(b"a,b\n")
            assert publication.published() is None
            assert publication.publish(document)
            assert publication.published() == document
        answer = s3.get_object(Bucket=NAME, Key="a/manifest.json")
        assert answer["ContentType"] == "application/json"
        assert json.load(answer["Body"]) == document
        assert s3.get_object(Bucket=NAME, Key="a/devices.csv")["Body"].read() == b"a,b\n"

    @pytest.mark.parametrize("written", [{"filter": 'name eq "Zoë"'}, {"who": "else"}])
    def test_a_document_that_is_there_is_never_replaced_and_known_if_it_is_ours(
        self, bucket: Bucket, s3: Any, written: dict[str, str]
    ) -> None:
        """If its answer got lost, S3 refuses the request that botocore sends again by itself."""
        with self.publication(bucket) as publication:
            s3.put_object(Bucket=NAME, Key="a/manifest.json", Body=json.dumps(written).encode())
            assert publication.publish({"filter": 'name eq "Zoë"'}) == ("filter" in written)
            assert publication.published() == written

    def test_a_folder_beside_it_is_left_alone(self, bucket: Bucket) -> None:
        with Publication.begun(bucket, "b/", {}, "manifest.json") as other:
            with self.publication(bucket):
                pass
            assert other.publish({})

    @pytest.mark.usefixtures("s3")
    def test_a_document_that_is_created_once_is_what_the_first_try_wrote(
        self, bucket: Bucket
    ) -> None:
        assert bucket.create_json("a/fleet.json", {"try": 1}) == {"try": 1}
        assert bucket.create_json("a/fleet.json", {"try": 2}) == {"try": 1}
        assert bucket.read_json("a/fleet.json") == {"try": 1}


def _upload(bucket: Bucket) -> None:
    with bucket.upload(KEY, CONTENT_TYPE) as upload:
        upload.write(content(1))
        upload.commit()


USES: dict[str, Callable[[Bucket], object]] = {
    "read": lambda bucket: bucket.read_json("a/manifest.json"),
    "create": lambda bucket: bucket.create_json("a/fleet.json", {}),
    "list": lambda bucket: bucket.keys("a/"),
    "delete": lambda bucket: bucket.delete("a/devices.csv"),
    "abort uploads": lambda bucket: bucket.abort_uploads("a/"),
    "upload": _upload,
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
class TestErrors:
    def test_a_missing_bucket_is_a_denial(
        self, bucket: Bucket, use: Callable[[Bucket], object]
    ) -> None:
        bucket.name = "no-such-bucket"
        with pytest.raises(StorageDenied, match="NoSuchBucket"):
            use(bucket)

    def test_a_role_without_permissions_is_denied(
        self, bucket: Bucket, powerless: Any, use: Callable[[Bucket], object]
    ) -> None:
        bucket.s3 = powerless
        with pytest.raises(StorageDenied, match="check that the bucket exists"):
            use(bucket)

    @pytest.mark.usefixtures("bucket")
    def test_nobody_there_is_worth_another_try(self, use: Callable[[Bucket], object]) -> None:
        nobody = RawServer()
        s3 = nobody.aws_client("s3")
        nobody.server_close()
        with pytest.raises(StorageUnavailable, match="EndpointConnectionError") as failure:
            use(Bucket(s3, NAME))
        assert nobody.url not in told(failure.value)


class TestDiscard:
    def test_uploads_and_files_of_the_export_alone_are_removed(
        self, cloud: LocalCloud, bucket: Bucket, s3: Any
    ) -> None:
        """Of one that was cut off, beside another one that is being written."""
        ours = [f"{folder}devices.csv" for folder in (KEYS.folder, KEYS.quarantine_folder)]
        another = "pingone/another/devices.csv"
        for key in (another, ours[0]):
            s3.put_object(Bucket=NAME, Key=key, Body=b"whole")
        for key in (another, *ours):
            s3.create_multipart_upload(Bucket=NAME, Key=key)
        tombstones = Tombstones(Table(cloud.client("dynamodb"), "coordination"))
        step = DiscardReport(bucket=bucket, discarded=tombstones, key_prefix="pingone")

        discarded, again = step.run(EXPORT), step.run(EXPORT)

        assert discarded == {"aborted": ours, "deleted": ours[:1]}
        assert faults("discard-report-output", discarded) == []
        assert again == {"aborted": [], "deleted": []}
        assert keys(s3) == unfinished(s3) == [another]
        with pytest.raises(ExportDiscarded):
            tombstones.refuse(EXPORT.execution.arn)
