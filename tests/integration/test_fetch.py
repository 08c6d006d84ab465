"""The fetch, from real presigned links to a real bucket, when its time runs out."""

import itertools
import time
from collections.abc import Iterator

import pytest
import requests

from local.cloud import LocalCloud
from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import ENVIRONMENT_ID, simulated_pingone
from pingone_reports.bucket import Bucket
from pingone_reports.config import Config
from pingone_reports.credentials import AccessTokens
from pingone_reports.errors import DownloadInterrupted
from pingone_reports.fetch import fetch_report
from pingone_reports.pingone import PingOne
from pingone_reports.request import ExportRequest
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
        yield cloud


@pytest.fixture(scope="module")
def simulator(cloud: LocalCloud) -> Iterator[PingOneSimulator]:
    with simulated_pingone(cloud, _SCENARIO, rate_limits=False) as simulator:
        yield simulator


@pytest.mark.parametrize("chunks", [0, 1, 40])
def test_when_no_time_is_left_it_stops_early_and_leaves_nothing(
    cloud: LocalCloud, simulator: PingOneSimulator, chunks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(cloud.ca_bundle))
    session = requests.Session()
    tokens = AccessTokens(
        session, simulator.token_url(ENVIRONMENT_ID), lambda: secret_of(simulator)
    )
    pingone = PingOne(session, simulator.api_url, tokens)
    exploration = pingone.create_exploration(ExportRequest.parse(_REQUEST, {}))
    while pingone.read_exploration(ENVIRONMENT_ID, exploration["id"], "")["status"] != "SUCCESS":
        time.sleep(0.1)
    # Each look at the clock costs a second.
    clock = itertools.count(chunks, -1)

    with pytest.raises(DownloadInterrupted, match="time"):
        fetch_report(
            export_of(exploration["id"]),
            pingone,
            session,
            Bucket(cloud.client("s3"), "reports"),
            _config(simulator),
            lambda: next(clock),
        )

    s3 = cloud.client("s3")
    assert s3.list_objects_v2(Bucket="reports").get("Contents", []) == []
    assert s3.list_multipart_uploads(Bucket="reports").get("Uploads", []) == []


def _config(simulator: PingOneSimulator) -> Config:
    return Config(
        api_url=simulator.api_url,
        token_url=simulator.token_url(ENVIRONMENT_ID),
        secret_arn="",
        bucket="reports",
        key_prefix="pingone",
        polling_limit_seconds=1800,
        max_report_bytes=10**9,
        request_defaults={},
    )
