"""Zips behind presigned links of the local cloud, and the bucket in which reports land."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
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

    def checked(self, files: Sequence[Mapping[str, Any]], records: int) -> dict[str, str]:
        """Delete what landed; returns each format's SHA-256, without compression.

        Raises RuntimeError if a fetch told something else than it landed.
        """
        hashes = {}
        for file in files:
            target = {"Bucket": LANDING_BUCKET, "Key": file["key"]}
            s3, digest = self.cloud.client("s3"), hashlib.sha256()
            content = body = s3.get_object(**target)["Body"]
            if file["key"].endswith(".gz"):
                content = igzip.IGzipFile(fileobj=body)  # type: ignore[no-untyped-call]
            while chunk := content.read(1 << 20):
                digest.update(chunk)
            s3.delete_object(**target)
            hashes[file["format"]] = digest.hexdigest()
            if (file["sha256"], file["records"]) != (digest.hexdigest(), records):
                raise RuntimeError(f"{file} is not what landed.")
        return hashes


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
