"""The fetch, from real presigned links to a real bucket."""

import gzip
import hashlib
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from local.cloud import LocalCloud
from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import ENVIRONMENT_ID, create_table, simulated_pingone
from pingone_reports.bucket import Bucket
from pingone_reports.config import Config
from pingone_reports.connections import new_session
from pingone_reports.credentials import AccessTokens
from pingone_reports.errors import DownloadInterrupted
from pingone_reports.export import Export
from pingone_reports.fetch import fetch_report
from pingone_reports.pingone import PingOne
from pingone_reports.previous import PreviousExports
from pingone_reports.request import ExportRequest
from pingone_reports.table import Table
from tests.unit.asking import export_of, secret_of

# Several parts for each format.
_SCENARIO = Scenario(rows=150_000, generation_seconds=0)
_REQUEST = {
    "environmentId": ENVIRONMENT_ID,
    "reportName": "devices",
    "fields": [],
    "filter": "",
    "formats": ["csv", "json"],
    "correlationId": "fetch",
}


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(log_name="test-fetch") as cloud:
        cloud.client("s3").create_bucket(Bucket="reports")
        create_table(cloud, "coordination")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REQUESTS_CA_BUNDLE", str(cloud.ca_bundle))
            yield cloud


@pytest.fixture(scope="module")
def simulator(cloud: LocalCloud) -> Iterator[PingOneSimulator]:
    with simulated_pingone(cloud, _SCENARIO, rate_limits=False) as simulator:
        yield simulator


@pytest.mark.parametrize("chunks", [0, 1, 40])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_when_no_time_is_left_it_stops_early_and_leaves_nothing(
    cloud: LocalCloud, simulator: PingOneSimulator, compression: str, chunks: int
) -> None:
    # Each look at the clock costs a second.
    clock = itertools.count(chunks, -1)

    with pytest.raises(DownloadInterrupted, match="time"):
        _fetch(cloud, simulator, compression, lambda: next(clock))

    s3 = cloud.client("s3")
    assert s3.list_objects_v2(Bucket="reports").get("Contents", []) == []
    assert s3.list_multipart_uploads(Bucket="reports").get("Uploads", []) == []


def test_gzip_lands_the_same_content_in_less(
    cloud: LocalCloud, simulator: PingOneSimulator
) -> None:
    plain, packed = (
        {file["format"]: file for file in _fetch(cloud, simulator, name, lambda: 900)["files"]}
        for name in ("none", "gzip")
    )

    for name in ("csv", "json"):
        assert packed[name]["key"].endswith(f"/devices.{name}.gz")
        landed = cloud.client("s3").get_object(Bucket="reports", Key=packed[name]["key"])
        body = landed["Body"].read()
        content = gzip.decompress(body)
        assert landed["ContentType"] == "application/gzip"
        assert packed[name]["bytes"] == len(body) < len(content) / 2
        assert packed[name]["sha256"] == hashlib.sha256(body).hexdigest()
        assert packed[name]["contentBytes"] == plain[name]["bytes"] == len(content)
        assert packed[name]["contentSha256"] == hashlib.sha256(content).hexdigest()
        assert packed[name]["contentSha256"] == plain[name]["sha256"]
        assert packed[name]["records"] == plain[name]["records"] == _SCENARIO.rows


def test_a_second_try_is_told_what_the_first_one_published(
    cloud: LocalCloud, simulator: PingOneSimulator
) -> None:
    with _pingone(simulator) as pingone:
        export = _accepted(pingone)
    first, again = (_fetch(cloud, simulator, "none", lambda: 900, export) for _ in range(2))

    assert again == first
    assert first["unchanged"] is False


@contextmanager
def _pingone(simulator: PingOneSimulator) -> Iterator[PingOne]:
    with new_session() as session:
        tokens = AccessTokens(
            session, simulator.token_url(ENVIRONMENT_ID), lambda: secret_of(simulator)
        )
        yield PingOne(session, simulator.api_url, tokens)


def _accepted(pingone: PingOne) -> Export:
    """A report that is ready; there is no other export of it."""
    created = pingone.create_exploration(ExportRequest.parse(_REQUEST, {}))
    export = export_of(created["id"])
    while pingone.read_exploration(ENVIRONMENT_ID, created["id"], "")["status"] != "SUCCESS":
        time.sleep(0.1)
    return replace(
        export,
        execution=replace(export.execution, name=created["id"]),
        request=replace(export.request, fields=(), filter=created["id"]),
    )


def _fetch(
    cloud: LocalCloud,
    simulator: PingOneSimulator,
    compression: str,
    seconds_left: Callable[[], float],
    export: Export | None = None,
) -> dict[str, Any]:
    """Fetch a report of the simulator into the bucket."""
    with new_session() as session, _pingone(simulator) as pingone:
        return fetch_report(
            export or _accepted(pingone),
            pingone,
            session,
            Bucket(cloud.client("s3"), "reports"),
            PreviousExports(Table(cloud.client("dynamodb"), "coordination")),
            Config(
                api_url=simulator.api_url,
                token_url=simulator.token_url(ENVIRONMENT_ID),
                secret_arn="",
                link_hosts=[simulator.link_host],
                table="",
                bucket="reports",
                key_prefix="pingone",
                compression=compression,
                polling_limit_seconds=1800,
                max_report_bytes=10**9,
                max_record_drop_percent=50,
                count_repeated_ids=False,
                request_defaults={},
            ),
            seconds_left,
        )
