"""Where generated files lie, and the links that let anyone read one of them for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class ReportBucket(Protocol):
    """What the simulator needs of S3; unit tests pass a fake."""

    def upload(self, key: str, body: bytes) -> None:
        """Store an object."""

    def presigned_link(self, key: str, seconds: int) -> str:
        """A link to the object that works for so long from now on."""


class S3ReportBucket:
    """A bucket of the local cloud."""

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def upload(self, key: str, body: bytes) -> None:
        self._client.put_object(Bucket=self._bucket, Key=key, Body=body)

    def presigned_link(self, key: str, seconds: int) -> str:
        return self._client.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )


def temporary_s3_client(
    endpoint_url: str,
    *,
    access_key_id: str = "000000000000",
    secret_access_key: str = "local",  # noqa: S107 - the local cloud takes any
    region: str = "eu-central-1",
    ca_bundle: str | None = None,
) -> S3Client:
    """A client whose links carry X-Amz-Security-Token, as PingOne's do.

    The local cloud checks the signature of these too; it refuses links that its administrator
    signed.
    """
    sts = boto3.client(
        "sts",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        verify=ca_bundle,
    )
    credentials = sts.get_session_token()["Credentials"]
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
        verify=ca_bundle,
        config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
    )
