"""The contestants of `pipeline` and `memory`: ways to get a report from its links into the bucket.

Each lands both files, and returns each file's key, SHA-256 and number of records.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests

from benchmarks import CHUNK_BYTES, KEY, LANDING_BUCKET, PASSWORD
from local.memory_calendar import MemoryCalendar
from pingone_reports import wiring
from pingone_reports.aws.series import Series
from pingone_reports.aws.tombstones import Tombstones
from pingone_reports.model.exploration import Delivery, Exploration
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.report_file import Format
from pingone_reports.model.request import ExportRequest
from pingone_reports.model.status import Status
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import AccessTokens, ClientCredentials
from pingone_reports.pingone.turns import Turns
from pingone_reports.transfer.pseudonyms import Pseudonyms
from pingone_reports.transfer.records import record_counter
from tests.support.memory_table import MemoryTable
from tests.support.variables import VARIABLES

if TYPE_CHECKING:
    from pingone_reports.aws.table import Table

Landed = list[dict[str, Any]]


class _FinishedReport(PingOne):
    """A PingOne whose answer with the links is already here: an export asks for it once."""

    def __init__(self, session: requests.Session, links: Mapping[str, str]) -> None:
        super().__init__(
            session, "", AccessTokens(session, "", ClientCredentials("", "").authentication)
        )
        self._links = links

    def prepare(self) -> None:
        pass

    def read_delivery(self, export: Export) -> Delivery:
        now = datetime.now(UTC)
        exploration = Exploration(
            id=export.exploration_id,
            status=Status.SUCCESS,
            created_at=now,
            updated_at=now,
            expires_at=now + timedelta(minutes=30),
        )
        links = {Format(name): link for name, link in self._links.items()}
        return Delivery(exploration=exploration, links=links, zip_password=PASSWORD)


def fetch_ours(
    links: dict[str, str], folder: str, compression: str, pseudonymize: Sequence[str] = ()
) -> Callable[[], Landed]:
    """FetchReport's own function, wired as on Lambda, but with its table in memory.

    `pseudonymize` are the fields that become tokens.
    """
    now = datetime.now(UTC)
    export = Export(
        request=ExportRequest(
            environment_id="abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
            report_name="devices",
            fields=(),
            filter="",
            formats=tuple(map(Format, links)),
            correlation_id=folder,
        ),
        execution=Execution(arn="", name=folder, started_at=now),
        exploration_id=folder,
        requested_at=now,
        deadline=now + timedelta(minutes=30),
    )
    hosts = {urlsplit(link).netloc for link in links.values()}
    os.environ |= VARIABLES["fetch_report"] | {
        "BUCKET": LANDING_BUCKET,
        "COMPRESSION": compression,
        "LINK_HOSTS": ",".join(hosts),
        # Standard output is for the worker's answer.
        "POWERTOOLS_METRICS_DISABLED": "true",
    }
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 930_000)
    wired = wiring.fetch_report(context)
    table = cast("Table", MemoryTable())
    fetch = replace(
        wired,
        pseudonyms=Pseudonyms(pseudonymize, KEY) if pseudonymize else None,
        pingone=_FinishedReport(wired.transfer.session, links),
        series=Series(table),
        discarded=Tombstones(table),
    )

    def run() -> Landed:
        # As if there were no call before this one.
        detail = replace(fetch, turns=Turns(MemoryCalendar())).run(export, None)["completed"]
        fetch.bucket.s3.delete_object(Bucket=LANDING_BUCKET, Key=detail["manifestKey"])
        return [dict(file) | {"sha256": file["contentSha256"]} for file in detail["files"]]

    return run


def fetch_naively(links: dict[str, str], folder: str) -> Callable[[], Landed]:
    """The zip in memory, pyzipper, the report in memory, and one PUT."""
    import boto3
    import pyzipper

    s3 = boto3.client("s3")

    def run() -> Landed:
        landed = []
        for name, link in links.items():
            response = requests.get(link, timeout=60)
            response.raise_for_status()
            with pyzipper.AESZipFile(io.BytesIO(response.content)) as zipped:
                content = zipped.read(zipped.namelist()[0], pwd=PASSWORD.encode())
            key = f"naive/{folder}/devices.{name}"
            s3.put_object(Bucket=LANDING_BUCKET, Key=key, Body=content)
            counter = record_counter(name)
            counter.update(content)
            landed.append(_landed(key, name, hashlib.sha256(content), counter.finish()))
        return landed

    return run


def fetch_with_stream_unzip(links: dict[str, str], folder: str) -> Callable[[], Landed]:
    """A stream from the link through stream-unzip into boto3's managed upload."""
    import boto3
    from stream_unzip import stream_unzip

    s3: Any = boto3.client("s3")

    def run() -> Landed:
        landed = []
        for name, link in links.items():
            with requests.get(link, stream=True, timeout=60) as response:
                response.raise_for_status()
                zipped = response.iter_content(CHUNK_BYTES)
                key = f"stream-unzip/{folder}/devices.{name}"
                for _name, _size, chunks in stream_unzip(zipped, password=PASSWORD.encode()):
                    digest, counter = hashlib.sha256(), record_counter(name)
                    file = _Chunks(chunks, digest.update, counter.update)
                    s3.upload_fileobj(file, LANDING_BUCKET, key)
                    landed.append(_landed(key, name, digest, counter.finish()))
        return landed

    return run


class _Chunks:
    """Chunks as a file, each of which is shown to others."""

    def __init__(self, chunks: Iterator[bytes], *see: Callable[[bytes], object]) -> None:
        self._chunks, self._see = chunks, see
        self._rest = bytearray()

    def read(self, size: int = 1 << 40) -> bytes:
        """So many bytes, because the upload takes fewer as the end; all, if it does not say."""
        while len(self._rest) < size and (chunk := next(self._chunks, b"")):
            for look in self._see:
                look(chunk)
            self._rest += chunk
        piece = bytes(self._rest[:size])
        del self._rest[:size]
        return piece


def _landed(key: str, name: str, digest: Any, records: int) -> dict[str, Any]:
    return {"format": name, "key": key, "sha256": digest.hexdigest(), "records": records}
