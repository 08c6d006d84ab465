"""A link leads through the file store's front to a real S3, which alone accepts or refuses it."""

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
import requests

from local.cloud import LocalCloud
from local.pingone_simulator import FileStore
from local.pingone_simulator.faults import FaultPlan
from local.pingone_simulator.request_log import RecordedDownload, RequestLog
from local.stack import file_store
from local.waiting import wait_until

BUCKET = "links"
BODY = bytes(range(256)) * 4


class Download:
    """One object of an environment of its own, and its link."""

    def __init__(self, store: FileStore, log: RequestLog, session: requests.Session) -> None:
        self.environment_id = str(uuid4())
        self.key = f"devices-report-{self.environment_id}-{uuid4()}.csv.zip"
        self.store = store
        store.upload(self.key, BODY)
        self._log, self._session = log, session

    def link(self, seconds: int = 60) -> str:
        return self.store.presigned_link(self.key, seconds)

    def get(self, link: str = "", byte_range: str = "", if_match: str = "") -> requests.Response:
        headers = {"Range": byte_range, "If-Match": if_match}
        return self._session.get(
            link or self.link(),
            headers={name: value for name, value in headers.items() if value},
            timeout=60,
        )

    @property
    def recorded(self) -> list[RecordedDownload]:
        return [d for d in self._log.downloads if d.environment_id == self.environment_id]


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
    store = file_store(cloud, BUCKET)
    with store.serve(lambda _environment_id: FaultPlan(), log):
        yield store


@pytest.fixture
def download(store: FileStore, log: RequestLog) -> Iterator[Download]:
    with requests.Session() as session:
        yield Download(store, log, session)


class TestLinks:
    def test_links_name_the_front_and_not_s3(self, cloud: LocalCloud, download: Download) -> None:
        link = download.link()
        assert link.startswith("https://127.0.0.1:")
        assert not link.startswith(cloud.endpoint_url)
        assert "X-Amz-Security-Token=" in link

    def test_links_give_the_file_whole_or_in_part(self, download: Download) -> None:
        whole = download.get()
        assert (whole.status_code, whole.content) == (200, BODY)
        etag = whole.headers["ETag"]
        part = download.get(byte_range="bytes=10-19", if_match=etag)
        assert (part.status_code, part.content) == (206, BODY[10:20])
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(BODY)}"
        assert part.headers["ETag"] == etag
        end = download.get(byte_range="bytes=-7")
        assert (end.status_code, end.content) == (206, BODY[-7:])
        assert download.get(if_match='"another"').status_code == 412

    def test_s3_refuses_one_that_was_tampered_with(self, download: Download) -> None:
        link = re.sub("X-Amz-Expires=60", "X-Amz-Expires=61", download.link())
        assert download.get(link).status_code == 403

    def test_s3_refuses_one_that_was_signed_for_another_host(
        self, cloud: LocalCloud, download: Download
    ) -> None:
        link = re.sub(r"https://127\.0\.0\.1:\d+", cloud.endpoint_url, download.link())
        assert download.get(link).status_code == 403

    def test_s3_refuses_one_that_has_expired(self, download: Download) -> None:
        link = download.link(seconds=1)
        wait_until(lambda: not download.get(link).ok, "the link has expired")
        refused = download.get(link)
        assert refused.status_code == 403
        assert "expired" in refused.text

    def test_what_was_asked_is_recorded_without_the_secrets(self, download: Download) -> None:
        download.get(byte_range="bytes=0-1", if_match='"another"')
        assert download.recorded == [
            RecordedDownload(download.environment_id, "csv", "bytes=0-1", '"another"', 412)
        ]
