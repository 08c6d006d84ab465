"""What KMS refuses for good fails at once, with what to do; what may pass is tried again."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pingone_reports.aws.signing_key import SigningKey
from pingone_reports.errors import ExportError, SigningRefused, SigningUnavailable
from tests.support.raw_server import RawServer, http

ARN = "arn:aws:kms:eu-central-1:123456789012:key/mrk-5678"


@contextmanager
def kms(status: int, body: dict[str, Any]) -> Iterator[tuple[SigningKey, list[bytes]]]:
    """The key at a KMS that answers everything so, and what it was asked."""
    with RawServer() as server:
        server.say(http(json.dumps(body).encode(), f"{status} So"))
        yield SigningKey(server.aws_client("kms"), ARN), server.bodies


def test_a_signature_is_that_of_rs256() -> None:
    signature = base64.b64encode(b"signed").decode()
    with kms(200, {"KeyId": ARN, "Signature": signature}) as (key, asked):
        assert key.sign(b"message") == b"signed"
    assert [*map(json.loads, asked)] == [
        {
            "KeyId": ARN,
            "Message": base64.b64encode(b"message").decode(),
            "MessageType": "RAW",
            "SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256",
        }
    ]


@pytest.mark.parametrize(
    ("status", "code", "kind", "advice"),
    [
        (400, "AccessDeniedException", SigningRefused, "allow kms:Sign"),
        (400, "DisabledException", SigningRefused, "enabled"),
        (400, "KMSInvalidStateException", SigningRefused, "enabled"),
        (400, "NotFoundException", SigningRefused, "check that"),
        (400, "InvalidKeyUsageException", SigningRefused, "RSA_2048 key for SIGN_VERIFY"),
        (400, "ValidationException", SigningRefused, "RSA_2048"),
        (400, "ThrottlingException", SigningUnavailable, "try again later"),
        (500, "KMSInternalException", SigningUnavailable, "try again later"),
        (500, "KeyUnavailableException", SigningUnavailable, "try again later"),
        (503, "DependencyTimeoutException", SigningUnavailable, "try again later"),
    ],
)
def test_every_error_of_kms_has_its_type_and_says_what_to_do(
    status: int, code: str, kind: type[ExportError], advice: str
) -> None:
    with (
        kms(status, {"__type": code, "message": "canary"}) as (key, _),
        pytest.raises(kind, match=rf"mrk-5678 \({code}\).*{advice}") as error,
    ):
        key.sign(b"message")
    assert "canary" not in str(error.value)
    assert error.value.__suppress_context__


def test_a_kms_that_cannot_be_reached_is_unavailable() -> None:
    with RawServer() as server:
        client = server.aws_client("kms")
    with pytest.raises(SigningUnavailable, match="EndpointConnectionError"):
        SigningKey(client, ARN).sign(b"message")
    client.close()
