"""Objects appear in a real S3 whole or not at all, and its refusals have their types."""

import hashlib
import json
import random
import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import boto3
import pytest
from botocore.config import Config

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
from tests.support.documents import faults

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
    iam = cloud.client("iam")
    iam.create_user(UserName="nobody")
    key = iam.create_access_key(UserName="nobody")["AccessKey"]
    return boto3.client(
        "s3",
        endpoint_url=cloud.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        verify=str(cloud.ca_bundle),
        config=Config(s3={"addressing_style": "path"}),
    )


@pytest.fixture
def s3(cloud: LocalCloud) -> Iterator[Any]:
    """A client; the bucket is empty again after the test."""
    client = cloud.client("s3")
    yield client
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
        def fail_later() -> None:
            with bucket.upload(KEY, CONTENT_TYPE) as upload:
                upload.write(content(PART_BYTES + 1))
                upload.commit()
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_later()
        assert keys(s3) == [KEY]

    @pytest.mark.parametrize("size", [1, PART_BYTES, 3 * PART_BYTES])
    def test_nothing_is_left_without_a_commit(self, bucket: Bucket, s3: Any, size: int) -> None:
        with bucket.upload(KEY, CONTENT_TYPE) as upload:
            upload.write(content(size))
            upload.flush()
        assert keys(s3) == unfinished(s3) == []

    @pytest.mark.parametrize("size", [1, 3 * PART_BYTES])
    def test_nothing_is_left_after_a_failure_in_the_middle(
        self, bucket: Bucket, s3: Any, size: int
    ) -> None:
        def fail_halfway() -> None:
            with bucket.upload(KEY, CONTENT_TYPE) as upload:
                upload.write(content(size))
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            fail_halfway()
        assert keys(s3) == unfinished(s3) == []

    def test_failures_take_no_buffer_away(self, bucket: Bucket) -> None:
        nowhere = Bucket(bucket.s3, "no-such-bucket")

        def fail() -> None:
            with nowhere.upload(KEY, CONTENT_TYPE) as first:
                first.write(content(10))
                with nowhere.upload(KEY, CONTENT_TYPE) as second:
                    second.write(content(PART_BYTES))

        for _ in range(5):
            with pytest.raises(StorageDenied):
                fail()
        buffers = [nowhere.take_buffer() for _ in range(4)]
        assert len({id(buffer) for buffer in buffers}) == 4

    def test_an_abandoned_one_leaves_the_object_before_it(self, bucket: Bucket, s3: Any) -> None:
        s3.put_object(Bucket=NAME, Key=KEY, Body=b"before")
        with bucket.upload(KEY, CONTENT_TYPE) as upload:
            upload.write(content(PART_BYTES))
        assert s3.get_object(Bucket=NAME, Key=KEY)["Body"].read() == b"before"


class TestPublication:
    @staticmethod
    def publication(
        bucket: Bucket, document: str = "manifest.json"
    ) -> AbstractContextManager[Publication]:
        return Publication.begun(
            bucket, "a/", {Format.CSV: ("a/devices.csv", CONTENT_TYPE)}, document
        )

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

    def test_nothing_is_left_of_one_that_is_not_published(self, bucket: Bucket, s3: Any) -> None:
        with self.publication(bucket) as publication:
            publication.files[Format.CSV].write(b"a,b\n")
        assert keys(s3) == unfinished(s3) == []

    def test_a_document_of_somebody_else_is_never_replaced(self, bucket: Bucket, s3: Any) -> None:
        with self.publication(bucket) as publication:
            s3.put_object(Bucket=NAME, Key="a/manifest.json", Body=b'{"who": "else"}')
            assert not publication.publish({"who": "we"})
            assert publication.published() == {"who": "else"}

    def test_a_document_whose_answer_got_lost_is_known_again(self, bucket: Bucket, s3: Any) -> None:
        """S3 has written it, and refuses the second request that botocore sends by itself."""
        document = {"filter": 'name eq "Zoë"', "files": [1.5, None]}
        with self.publication(bucket) as publication:
            body = json.dumps(document).encode()
            s3.put_object(Bucket=NAME, Key="a/manifest.json", Body=body)
            assert publication.publish(document)

    def test_the_try_before_cannot_go_on(self, bucket: Bucket, s3: Any) -> None:
        with self.publication(bucket) as first, self.publication(bucket) as second:
            with pytest.raises(StorageUnavailable, match="Another try"):
                first.publish({"try": 1})
            assert keys(s3) == []
            assert second.publish({"try": 2})
        assert bucket.read_json("a/manifest.json") == {"try": 2}

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

    @pytest.mark.usefixtures("s3")
    def test_a_document_that_is_not_there_is_none(self, bucket: Bucket) -> None:
        assert bucket.read_json("a/manifest.json") is None


def use(bucket: Bucket, how: str) -> None:
    """One of the ways in which a bucket is used."""
    match how:
        case "read":
            bucket.read_json("a/manifest.json")
        case "create":
            bucket.create_json("a/fleet.json", {})
        case "list":
            bucket.keys("a/")
        case "delete":
            bucket.delete("a/devices.csv")
        case "abort uploads":
            bucket.abort_uploads("a/")
        case _:
            with bucket.upload(KEY, CONTENT_TYPE) as upload:
                upload.write(content(1))
                upload.commit()


USES = pytest.mark.parametrize(
    "how", ["read", "create", "list", "delete", "abort uploads", "upload"]
)


class TestErrors:
    @USES
    def test_a_missing_bucket_is_a_denial(self, bucket: Bucket, how: str) -> None:
        bucket.name = "no-such-bucket"
        with pytest.raises(StorageDenied, match="NoSuchBucket"):
            use(bucket, how)

    @USES
    def test_a_role_without_permissions_is_denied(
        self, bucket: Bucket, powerless: Any, how: str
    ) -> None:
        bucket.s3 = powerless
        with pytest.raises(StorageDenied, match="check that the bucket exists"):
            use(bucket, how)

    @USES
    @pytest.mark.usefixtures("bucket")
    def test_nobody_there_is_worth_another_try(self, how: str) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{bound.getsockname()[1]}"
            s3 = boto3.client(
                "s3",
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id="canary",
                aws_secret_access_key="canary",
                config=Config(retries={"total_max_attempts": 1}),
            )
            with pytest.raises(StorageUnavailable, match="EndpointConnectionError") as failure:
                use(Bucket(s3, NAME), how)
        assert url not in told(failure.value)

    def test_a_part_that_fails_leaves_no_object(self, bucket: Bucket, s3: Any) -> None:
        def send_and_lose_the_upload() -> None:
            with bucket.upload(KEY, CONTENT_TYPE) as upload:
                upload.write(content(PART_BYTES))
                upload.flush()
                (lost,) = s3.list_multipart_uploads(Bucket=NAME)["Uploads"]
                s3.abort_multipart_upload(Bucket=NAME, Key=KEY, UploadId=lost["UploadId"])
                upload.write(content(PART_BYTES))
                upload.commit()

        with pytest.raises(StorageUnavailable, match="Another try"):
            send_and_lose_the_upload()
        assert keys(s3) == unfinished(s3) == []


def discard(bucket: Bucket, discarded: Tombstones) -> dict[str, Any]:
    """DiscardReport's answer for the export."""
    return DiscardReport(bucket=bucket, discarded=discarded, key_prefix="pingone").run(EXPORT)


class TestDiscard:
    @pytest.fixture
    def discarded_exports(self, cloud: LocalCloud) -> Tombstones:
        return Tombstones(Table(cloud.client("dynamodb"), "coordination"))

    @pytest.fixture
    def left(self, bucket: Bucket, s3: Any) -> Iterator[str]:
        """The folder of an export that was cut off, beside another one that is being written."""
        folder = KEYS.folder
        uploads = [
            f"{folder}devices.csv",
            f"{KEYS.quarantine_folder}devices.csv",
            "pingone/another/devices.csv",
        ]
        s3.put_object(Bucket=NAME, Key="pingone/another/devices.csv", Body=b"another")
        s3.put_object(Bucket=NAME, Key=f"{folder}devices.csv", Body=b"whole")
        for key in uploads:
            s3.create_multipart_upload(Bucket=NAME, Key=key)
        yield folder
        bucket.abort_uploads("")

    def test_uploads_and_files_of_the_export_alone_are_removed(
        self, bucket: Bucket, s3: Any, left: str, discarded_exports: Tombstones
    ) -> None:
        discarded = discard(bucket, discarded_exports)
        assert discarded == {
            "aborted": [
                f"{left}devices.csv",
                f"{KEYS.quarantine_folder}devices.csv",
            ],
            "deleted": [f"{left}devices.csv"],
        }
        assert faults("discard-report-output", discarded) == []
        assert keys(s3) == unfinished(s3) == ["pingone/another/devices.csv"]
        again = discard(bucket, discarded_exports)
        assert again == {"aborted": [], "deleted": []}
        with pytest.raises(ExportDiscarded):
            discarded_exports.refuse(EXPORT.execution.arn)

    def test_what_is_published_stays(
        self, bucket: Bucket, s3: Any, left: str, discarded_exports: Tombstones
    ) -> None:
        s3.put_object(Bucket=NAME, Key=f"{left}manifest.json", Body=b"{}")
        assert discard(bucket, discarded_exports)["deleted"] == []
        assert keys(s3) == [
            "pingone/another/devices.csv",
            f"{left}devices.csv",
            f"{left}manifest.json",
        ]
        assert unfinished(s3) == ["pingone/another/devices.csv"]
