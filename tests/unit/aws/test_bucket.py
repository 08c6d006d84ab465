"""What S3 refuses for good fails at once, with what to do; what may pass is tried again."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import ExportError, StorageDenied, StorageUnavailable
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
    ("status", "code", "error", "advice"),
    [
        (403, "AccessDenied", StorageDenied, "in the stack's region"),
        (301, "PermanentRedirect", StorageDenied, "in the stack's region"),
        (400, "AuthorizationHeaderMalformed", StorageDenied, "in the stack's region"),
        (400, "IllegalLocationConstraintException", StorageDenied, "in the stack's region"),
        (400, "KMS.DisabledException", StorageDenied, "KMS key is enabled"),
        (400, "KMS.KMSInvalidStateException", StorageDenied, "KMS key is enabled"),
        (400, "KMS.NotFoundException", StorageDenied, "KMS key is enabled"),
        (503, "SlowDown", StorageUnavailable, "try again later"),
        (500, "InternalError", StorageUnavailable, "try again later"),
    ],
)
def test_every_error_of_s3_has_its_type_and_says_what_to_do(
    status: int, code: str, error: type[ExportError], advice: str
) -> None:
    with (
        refusing(status, code) as bucket,
        pytest.raises(error, match=rf"\({code}\).*{advice}"),
        bucket.upload("manifest.json", "application/json"),
    ):
        pass
