"""What S3 refuses for good fails at once, with what to do; what may pass is tried again."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest
from botocore.config import Config

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import StorageDenied, StorageUnavailable


@contextmanager
def refusing(status: int, code: str) -> Iterator[Bucket]:
    """A bucket whose S3 answers everything so: what the local cloud never says."""

    class Refusal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            body = f"<Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusal) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        s3 = boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{server.server_port}",
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}),
        )
        yield Bucket(s3, "reports")
        server.shutdown()


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
    with refusing(status, code) as bucket, pytest.raises(StorageDenied) as failed:
        bucket.upload("manifest.json", "application/json")
    assert code in str(failed.value)
    assert "in the stack's region" in str(failed.value)


@pytest.mark.parametrize(("status", "code"), [(503, "SlowDown"), (500, "InternalError")])
def test_an_object_that_s3_may_take_later_is_unavailable(status: int, code: str) -> None:
    with refusing(status, code) as bucket, pytest.raises(StorageUnavailable):
        bucket.upload("manifest.json", "application/json")
