"""A link leads through the file store's front to a real S3, which alone accepts or refuses it."""

import re
from collections.abc import Iterator
from urllib.parse import urljoin
from uuid import uuid4

import pytest
import requests

from local.cloud import LocalCloud
from local.pingone_simulator import (
    Answer,
    CutOff,
    DropConnection,
    Fault,
    FileStore,
    FlipBit,
    Hang,
    IgnoreRange,
    ReplaceObject,
    Reset,
    ShortBody,
    Stall,
)
from local.pingone_simulator.faults import Effect, FaultPlan
from local.pingone_simulator.report_files import replacement_of
from local.pingone_simulator.request_log import RecordedDownload, RequestLog
from local.stack import file_store
from local.waiting import wait_until

BUCKET = "links"
BODY = bytes(range(256)) * 4


class Download:
    """One object of an environment of its own, and its link."""

    def __init__(
        self,
        store: FileStore,
        plans: dict[str, FaultPlan],
        log: RequestLog,
        session: requests.Session,
    ) -> None:
        self.environment_id = str(uuid4())
        self.key = f"devices-report-{self.environment_id}-{uuid4()}.csv.zip"
        self.store = store
        store.upload(self.key, BODY)
        self._plans, self._log, self._session = plans, log, session

    def link(self, seconds: int = 60) -> str:
        return self.store.presigned_link(self.key, seconds)

    def play(self, *effects: Effect) -> None:
        self._plans[self.environment_id] = FaultPlan(
            tuple(Fault("download", effect) for effect in effects)
        )

    def get(
        self, link: str = "", byte_range: str = "", if_match: str = "", timeout: float = 5
    ) -> requests.Response:
        headers = {"Range": byte_range, "If-Match": if_match}
        return self._session.get(
            link or self.link(),
            headers={name: value for name, value in headers.items() if value},
            timeout=timeout,
            allow_redirects=False,
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
def plans() -> dict[str, FaultPlan]:
    return {}


@pytest.fixture(scope="module")
def log() -> RequestLog:
    return RequestLog()


@pytest.fixture(scope="module")
def store(cloud: LocalCloud, plans: dict[str, FaultPlan], log: RequestLog) -> Iterator[FileStore]:
    store = file_store(cloud, BUCKET)
    with store.serve(lambda environment_id: plans.get(environment_id, FaultPlan()), log):
        yield store


@pytest.fixture
def download(store: FileStore, plans: dict[str, FaultPlan], log: RequestLog) -> Iterator[Download]:
    with requests.Session() as session:
        yield Download(store, plans, log, session)


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


class TestFaults:
    @pytest.mark.parametrize(
        ("status", "code"), [(403, "AccessDenied"), (500, "InternalError"), (503, "SlowDown")]
    )
    def test_a_status_comes_with_an_error_of_s3(
        self, download: Download, status: int, code: str
    ) -> None:
        download.play(Answer(status))
        refused = download.get()
        assert refused.status_code == status
        assert f"<Code>{code}</Code>" in refused.text
        assert download.get().content == BODY, "once"

    def test_a_page_in_place_of_the_file(self, download: Download) -> None:
        download.play(Answer(200, html=True))
        page = download.get()
        assert page.status_code == 200
        assert page.text.startswith("<!DOCTYPE html>")

    def test_a_redirect_leads_to_the_file(self, download: Download) -> None:
        download.play(Answer(307))
        link = download.link()
        redirect = download.get(link)
        assert redirect.status_code == 307
        assert download.get(urljoin(link, redirect.headers["Location"])).content == BODY

    def test_no_answer(self, download: Download) -> None:
        download.play(DropConnection())
        with pytest.raises(requests.ConnectionError):
            download.get()
        assert download.recorded[0].status is None

    @pytest.mark.parametrize(
        ("effect", "how"), [(Reset(100), "reset by peer"), (CutOff(100), "100 bytes read")]
    )
    def test_a_broken_body(self, download: Download, effect: Effect, how: str) -> None:
        download.play(effect)
        with pytest.raises(requests.RequestException, match=how):
            download.get()
        assert download.get().content == BODY

    @pytest.mark.parametrize("effect", [Hang(30), Stall(100, seconds=30)])
    def test_silence(self, download: Download, effect: Effect) -> None:
        download.play(effect)
        with pytest.raises((requests.ReadTimeout, requests.ConnectionError), match="timed out"):
            download.get(timeout=0.3)

    def test_a_body_shorter_than_its_range(self, download: Download) -> None:
        download.play(ShortBody(5))
        part = download.get(byte_range="bytes=10-19")
        assert part.content == BODY[10:15]
        assert part.headers["Content-Range"] == f"bytes 10-19/{len(BODY)}"
        assert part.headers["Content-Length"] == "5"

    def test_a_flipped_bit(self, download: Download) -> None:
        download.play(FlipBit(at=10))
        damaged = download.get().content
        assert [i for i in range(len(BODY)) if damaged[i] != BODY[i]] == [10]
        assert download.get().content == BODY

    def test_a_range_that_is_ignored(self, download: Download) -> None:
        download.play(IgnoreRange())
        whole = download.get(byte_range="bytes=10-19")
        assert (whole.status_code, whole.content) == (200, BODY)

    def test_another_object(self, download: Download) -> None:
        download.store.upload(replacement_of(download.key), BODY[::-1])
        etag = download.get().headers["ETag"]
        download.play(ReplaceObject())
        assert download.get(if_match=etag).status_code == 412
        assert download.get().content == BODY[::-1]
