"""A link leads through the file store's front to a real S3, which alone accepts or refuses it."""

from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest
import requests

from local.cloud import LocalCloud
from local.pingone_simulator import FileStore
from local.pingone_simulator.faults import FaultPlan
from local.pingone_simulator.request_log import RecordedDownload, RequestLog
from local.stack import file_store
from local.waiting import wait_until

BODY = bytes(range(256)) * 4


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(log_name="test-file-store") as cloud, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REQUESTS_CA_BUNDLE", str(cloud.ca_bundle))
        yield cloud


@pytest.fixture(scope="module")
def log() -> RequestLog:
    return RequestLog()


@pytest.fixture(scope="module")
def store(cloud: LocalCloud, log: RequestLog) -> Iterator[FileStore]:
    store = file_store(cloud, "links")
    with store.serve(lambda _environment_id: FaultPlan(), log):
        yield store


@pytest.fixture
def key(store: FileStore) -> str:
    """The key of an object of an environment of its own."""
    key = f"devices-report-{uuid4()}-{uuid4()}.csv.zip"
    store.upload(key, BODY)
    return key


def get(link: str, **headers: str) -> requests.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(link, headers=names, timeout=60)


def test_a_link_gives_the_file_whole_or_in_part_and_is_recorded_without_its_secrets(
    store: FileStore, key: str, log: RequestLog
) -> None:
    link = store.presigned_link(key, 60)
    whole = get(link)
    assert (whole.status_code, whole.content) == (200, BODY)
    etag = whole.headers["ETag"]
    part = get(link, Range="bytes=10-19", If_Match=etag)
    assert (part.status_code, part.content) == (206, BODY[10:20])
    assert part.headers["Content-Range"] == f"bytes 10-19/{len(BODY)}"
    assert part.headers["ETag"] == etag
    end = get(link, Range="bytes=-7")
    assert (end.status_code, end.content) == (206, BODY[-7:])
    assert get(link, Range="bytes=0-1", If_Match='"another"').status_code == 412
    environment_id = key.removeprefix("devices-report-")[:36]
    assert log.downloads[-1] == RecordedDownload(
        environment_id, "csv", "bytes=0-1", '"another"', 412
    )


@pytest.mark.parametrize(
    "changed",
    [
        lambda link, _: link.replace("X-Amz-Expires=60", "X-Amz-Expires=61"),
        lambda link, cloud: f"{cloud.endpoint_url}/{link.split('/', 3)[3]}",
    ],
    ids=["another lifetime", "another host"],
)
def test_s3_refuses_a_link_that_was_tampered_with(
    store: FileStore, key: str, cloud: LocalCloud, changed: Callable[[str, LocalCloud], str]
) -> None:
    link = store.presigned_link(key, 60)
    assert "X-Amz-Security-Token=" in link
    assert get(changed(link, cloud)).status_code == 403


def test_s3_refuses_a_link_that_has_expired(store: FileStore, key: str) -> None:
    link = store.presigned_link(key, 1)
    wait_until(lambda: not get(link).ok, "the link has expired")
    refused = get(link)
    assert refused.status_code == 403
    assert "expired" in refused.text
