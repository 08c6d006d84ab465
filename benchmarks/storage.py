"""Zips behind presigned links of the local cloud, and the bucket in which reports land."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isal import igzip

from benchmarks import LANDING_BUCKET
from local.cloud import ACCOUNT_ID, REGION, LocalCloud
from local.pingone_simulator.file_store import LINK_CONFIG, temporary_session

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_LINKS = "links"
_LINK_SECONDS = 3600


@dataclass(frozen=True)
class Storage:
    """A running local cloud with both buckets."""

    cloud: LocalCloud
    _signer: "S3Client"

    @property
    def environment(self) -> Mapping[str, str]:
        """Environment variables with which a worker calls the local cloud, and nothing else."""
        return self.cloud.environment

    def link_to(self, archive: Path) -> str:
        """Upload a zip; returns an HTTPS link to it."""
        self.cloud.client("s3").upload_file(str(archive), _LINKS, archive.name)
        target = {"Bucket": _LINKS, "Key": archive.name}
        return self._signer.generate_presigned_url(
            "get_object", Params=target, ExpiresIn=_LINK_SECONDS
        )

    def take(self, key: str) -> str:
        """Delete a landed object; returns the SHA-256 of its uncompressed content."""
        s3 = self.cloud.client("s3")
        body = s3.get_object(Bucket=LANDING_BUCKET, Key=key)["Body"]
        content: Any = body
        if key.endswith(".gz"):
            content = igzip.IGzipFile(fileobj=body)  # type: ignore[no-untyped-call]
        digest = hashlib.sha256()
        while chunk := content.read(1 << 20):
            digest.update(chunk)
        s3.delete_object(Bucket=LANDING_BUCKET, Key=key)
        return digest.hexdigest()


@contextmanager
def storage() -> Iterator[Storage]:
    """Run the local cloud while the context lasts."""
    with LocalCloud(log_name="benchmark") as cloud:
        for bucket in (LANDING_BUCKET, _LINKS):
            cloud.client("s3").create_bucket(Bucket=bucket)
        session = temporary_session(cloud.endpoint_url, ACCOUNT_ID, REGION, cloud.ca_bundle)
        yield Storage(
            cloud, session.client("s3", endpoint_url=cloud.endpoint_url, config=LINK_CONFIG)
        )
