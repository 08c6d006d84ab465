"""What S3 refuses for good fails at once, with what to do; what may pass is tried again."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import StorageDenied, StorageUnavailable
from tests.support.raw_server import RawServer, http


@contextmanager
def refusing(status: int, code: str) -> Iterator[Bucket]:
    """A bucket whose S3 answers everything so: what the local cloud never says."""
    body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()

    def answer(head: str) -> list[bytes]:
        # botocore asks for the bucket's region by HEAD when it is sent elsewhere.
        return [http(body, f"{status} No") if head.startswith("POST") else http(b"", "501 No")]

    with RawServer() as server:
        server.script = answer
        yield Bucket(server.aws_client("s3"), "reports")


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (301, "PermanentRedirect"),
        (400, "AuthorizationHeaderMalformed"),
        (400, "IllegalLocationConstraintException"),
        (400, "KMS.DisabledException"),
        (400, "KMS.KMSInvalidStateException"),
        (400, "KMS.NotFoundException"),
    ],
)
def test_an_object_that_s3_refuses_for_good_is_denied_with_what_to_check(
    status: int, code: str
) -> None:
    with (
        refusing(status, code) as bucket,
        pytest.raises(StorageDenied) as failed,
        bucket.upload("manifest.json", "application/json"),
    ):
        pass
    assert code in str(failed.value)
    assert "in the stack's region" in str(failed.value)


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError")])
def test_an_object_that_s3_may_take_later_is_unavailable(status: int, code: str) -> None:
    with (
        refusing(status, code) as bucket,
        pytest.raises(StorageUnavailable),
        bucket.upload("manifest.json", "application/json"),
    ):
        pass
