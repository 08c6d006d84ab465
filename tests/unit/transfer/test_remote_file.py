"""A remote file reads like a local one, whatever happens to its connections and links."""

import io
import itertools
import random
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import pytest
import requests
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from pingone_reports.errors import (
    DownloadChanged,
    DownloadInterrupted,
    ExportError,
    LinkRefused,
    TruncatedZip,
    UntrustedCertificate,
)
from pingone_reports.model.report_file import Format
from pingone_reports.pingone import sessions
from pingone_reports.pingone.links import FreshLinks
from pingone_reports.pingone.sessions import new_session
from pingone_reports.transfer import remote_file
from pingone_reports.transfer.remote_file import RemoteFile
from tests.support.asking import told

BLOB = random.Random(1).randbytes(1000)
TAIL_BYTES = 100


@dataclass(frozen=True)
class Trouble:
    """An answer with another status or other headers, or one that breaks after so many bytes.

    A "short" one is whole by its Content-Length and shorter than its Content-Range.
    """

    status: int = 206
    after: int = 0
    how: Literal["reset", "close", "stall", "short", "trickle"] = "close"
    content_range: str = ""
    etag: str = ""


@dataclass(frozen=True)
class Asked:
    """What a request asked for."""

    range: str
    if_match: str | None
    signature: str


class FileStore(ThreadingHTTPServer):
    """One object behind links, which meets its troubles in their order, one a request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stopping = threading.Event()
        self.put(BLOB)

    def put(self, blob: bytes, *troubles: Trouble | None, always: Trouble | None = None) -> None:
        """Start anew with this object."""
        self.blob = blob
        self.etag = f'"{hash(blob)}"'
        self.troubles = list(troubles)
        self.always = always
        self.asked: list[Asked] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a client that hangs up is part of the tests."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def ranges(self) -> list[str]:
        return [asked.range for asked in self.asked]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: FileStore

    def do_GET(self) -> None:
        store = self.server
        store.asked.append(
            Asked(
                self.headers["Range"],
                self.headers["If-Match"],
                self.path.partition("X-Amz-Signature=")[2],
            )
        )
        trouble = store.troubles.pop(0) if store.troubles else store.always
        if trouble and trouble.status != 206:
            return self._answer(trouble.status, b"no", Location=f"{store.url}/elsewhere")
        if self.headers["If-Match"] not in (None, store.etag):
            return self._answer(412, b"changed")
        if not store.blob:
            return self._answer(416, b"empty")
        first, last = self._range(self.headers["Range"], len(store.blob))
        headers = {"Content-Range": f"bytes {first}-{last}/{len(store.blob)}", "ETag": store.etag}
        body = store.blob[first : last + 1]
        if trouble and (trouble.content_range or trouble.etag):
            headers["Content-Range"] = trouble.content_range or headers["Content-Range"]
            headers["ETag"] = trouble.etag or headers["ETag"]
            trouble = None
        elif trouble and trouble.how == "short":
            body, trouble = body[: trouble.after], None
        self._answer(206, body, trouble, **headers)
        return None

    def _answer(
        self, status: int, body: bytes, trouble: Trouble | None = None, **headers: str
    ) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if trouble is None:
            self.wfile.write(body)
            return
        if trouble.how == "trickle":
            for byte in body:
                self.wfile.write(bytes([byte]))
                self.server.stopping.wait(0.001)
            return
        self.wfile.write(body[: trouble.after])
        self.close_connection = True
        if trouble.how == "stall":
            self.server.stopping.wait(600)
        elif trouble.how == "reset":
            at_once = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)

    @staticmethod
    def _range(header: str, size: int) -> tuple[int, int]:
        first, last = re.fullmatch(r"bytes=(\d*)-(\d+)", header).groups()  # type: ignore[union-attr]
        if not first:
            return max(size - int(last), 0), size - 1
        return int(first), min(int(last), size - 1)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Links(FreshLinks):
    """Presigned URLs that are numbered: one dies, the next is given."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.number = 1

    def current(self, _: Format = Format.CSV) -> str:
        return f"{self._url}/devices.csv.zip?X-Amz-Signature=canary{self.number}"

    def renew(self, _: Format, dead: str) -> str:
        assert dead == self.current()
        self.number += 1
        return self.current()


class Reader:
    """Opens the store's object, and remembers how long it paused."""

    def __init__(self, store: FileStore, session: requests.Session) -> None:
        self.links = Links(store.url)
        self.pauses: list[float] = []
        self.seconds_left = 900.0
        self._session = session

    def open(self) -> RemoteFile:
        return RemoteFile(
            self._session,
            self.links,
            Format.CSV,
            lambda: self.seconds_left,
            self.pauses.append,
        )

    def read(self, piece: int = 50) -> bytes:
        """All of it, in pieces of so many bytes."""
        with self.open() as file:
            return b"".join(iter(lambda: file.read(piece), b""))


@pytest.fixture(scope="module")
def running_store() -> Iterator[FileStore]:
    with FileStore() as store:
        thread = threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield store
        store.stopping.set()
        store.shutdown()
        thread.join()


@pytest.fixture
def store(running_store: FileStore, monkeypatch: pytest.MonkeyPatch) -> FileStore:
    monkeypatch.setattr(remote_file, "_TAIL_BYTES", TAIL_BYTES)
    running_store.put(BLOB)
    return running_store


@pytest.fixture
def reader(store: FileStore, session: requests.Session) -> Reader:
    return Reader(store, session)


class TestReading:
    def test_all_that_is_read_is_the_object(self, reader: Reader) -> None:
        assert reader.read() == BLOB

    def test_a_remote_file_can_be_read_and_sought(self, reader: Reader) -> None:
        with reader.open() as file:
            assert file.readable()
            assert file.seekable()
            assert not file.writable()
            assert file.size == len(BLOB)
            assert file.read(None) == BLOB
            assert file.read() == b""
            assert file.tell() == len(BLOB)

    def test_reading_on_is_one_request_and_the_tail_is_another(
        self, reader: Reader, store: FileStore
    ) -> None:
        reader.read()
        assert store.ranges == ["bytes=-100", "bytes=0-899"]

    def test_the_tail_is_read_again_without_a_request(
        self, reader: Reader, store: FileStore
    ) -> None:
        with reader.open() as file:
            for start in (999, 950, 900):
                file.seek(start)
                assert file.read() == BLOB[start:]
        assert store.ranges == ["bytes=-100"]

    @pytest.mark.parametrize("size", [1, 99, 100, 101])
    def test_a_file_about_as_short_as_the_tail_is_whole(
        self, reader: Reader, store: FileStore, size: int
    ) -> None:
        store.put(BLOB[:size])
        assert reader.read() == BLOB[:size]

    def test_a_seek_before_the_start_is_refused(self, reader: Reader) -> None:
        with reader.open() as file, pytest.raises(OSError, match="before the start"):
            file.seek(-1001, io.SEEK_END)

    @settings(max_examples=60)
    @given(
        st.lists(
            st.tuples(
                st.sampled_from([io.SEEK_SET, io.SEEK_CUR, io.SEEK_END]),
                st.integers(0, 1100),
                st.none() | st.integers(-1, 400),
            ),
            max_size=6,
        ),
        st.lists(
            st.builds(
                Trouble,
                status=st.sampled_from([206, 206, 403, 500, 503]),
                after=st.integers(0, 400),
                how=st.sampled_from(["reset", "close"]),
            ),
            max_size=4,
        ),
    )
    def test_any_seeks_and_reads_give_what_a_local_file_gives(
        self,
        running_store: FileStore,
        moves: list[tuple[int, int, int | None]],
        troubles: list[Trouble],
    ) -> None:
        running_store.put(BLOB, *troubles)
        local = io.BytesIO(BLOB)
        with pytest.MonkeyPatch.context() as patch, new_session() as session:
            patch.setattr(remote_file, "_TAIL_BYTES", TAIL_BYTES)
            with Reader(running_store, session).open() as remote:
                for whence, target, size in moves:
                    base = (0, local.tell(), len(BLOB))[whence]
                    assert remote.seek(target - base, whence) == local.seek(target)
                    assert remote.read(size) == local.read(size)
                    assert remote.tell() == local.tell()


class TestInterruptions:
    @pytest.mark.parametrize("how", ["reset", "close"])
    def test_a_broken_download_goes_on_at_the_same_byte_of_the_same_object(
        self, reader: Reader, store: FileStore, how: Literal["reset", "close"]
    ) -> None:
        store.put(BLOB, None, Trouble(after=120, how=how))
        assert reader.read(piece=50) == BLOB
        assert store.asked[1:] == [
            Asked("bytes=0-899", store.etag, "canary1"),
            Asked("bytes=120-899", store.etag, "canary1"),
        ]

    def test_a_stall_is_an_interruption(
        self, reader: Reader, store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote_file, "_TIMEOUT_SECONDS", (60, 1))
        store.put(BLOB, None, Trouble(after=120, how="stall"))
        assert reader.read(piece=50) == BLOB
        # A busy machine may cost another interruption.
        assert "bytes=120-899" in store.ranges

    def test_a_tail_that_is_interrupted_is_read_again(
        self, reader: Reader, store: FileStore
    ) -> None:
        store.put(BLOB, Trouble(after=30), Trouble(after=0, how="reset"))
        assert reader.read() == BLOB
        assert store.ranges == ["bytes=-100"] * 3 + ["bytes=0-899"]

    def test_any_number_of_interruptions_will_do_while_there_is_progress(
        self, reader: Reader, store: FileStore
    ) -> None:
        store.put(BLOB, None, *[Trouble(after=60)] * 15)
        assert reader.read(piece=50) == BLOB
        assert store.ranges[1:] == [f"bytes={start}-899" for start in range(0, 900, 60)]

    def test_fewer_bytes_between_interruptions_than_are_read_at_once_are_progress(
        self, reader: Reader, store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote_file, "_TIMEOUT_SECONDS", (60, 0.3))
        store.put(BLOB, None, *[Trouble(after=60, how="stall")] * 6)
        assert reader.read(piece=900) == BLOB

    def test_a_body_shorter_than_its_range_is_read_on(
        self, reader: Reader, store: FileStore
    ) -> None:
        store.put(BLOB, Trouble(after=30, how="short"), None, Trouble(after=120, how="short"))
        assert reader.read() == BLOB
        assert store.ranges == ["bytes=-100"] * 2 + ["bytes=0-899", "bytes=120-899"]

    def test_a_connection_that_was_closed_between_two_requests_is_replaced(
        self, reader: Reader, store: FileStore
    ) -> None:
        store.put(BLOB, *[Trouble(after=len(BLOB))] * 8)
        with reader.open() as file:
            for start in range(0, 800, 100):
                file.seek(start)
                assert file.read(10) == BLOB[start : start + 10]

    def test_a_trickle_lasts_no_longer_than_the_time_that_is_left(
        self, reader: Reader, store: FileStore, session: requests.Session
    ) -> None:
        store.put(BLOB, None, Trouble(how="trickle"))
        clock = itertools.count(20, -1)
        with (
            RemoteFile(session, reader.links, Format.CSV, lambda: next(clock)) as file,
            pytest.raises(DownloadInterrupted, match="time ran out after"),
        ):
            file.read(900)
        assert reader.read() == BLOB

    def test_a_stream_may_take_longer_than_each_of_its_pieces_may(
        self, reader: Reader, store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions, "_MOST_BYTES", 300)
        store.put(BLOB, None, Trouble(how="trickle"))
        assert reader.read(piece=50) == BLOB
        assert store.ranges == ["bytes=-100", "bytes=0-899"]

    def test_a_download_without_progress_is_given_up(
        self, reader: Reader, store: FileStore
    ) -> None:
        store.put(BLOB, None, always=Trouble(after=0, how="reset"))
        with pytest.raises(DownloadInterrupted, match="after 0 of 1000 bytes"):
            reader.read()
        assert store.ranges == ["bytes=-100"] + ["bytes=0-899"] * 5

    def test_the_pauses_between_tries_grow(self, reader: Reader, store: FileStore) -> None:
        store.put(BLOB, *[Trouble()] * 3)
        reader.read()
        assert reader.pauses == [1, 2, 4]

    def test_no_pause_between_tries_is_longer_than_the_time_that_is_left(
        self, reader: Reader, store: FileStore
    ) -> None:
        store.put(BLOB, *[Trouble()] * 3)
        reader.seconds_left = 1.5
        reader.read()
        assert reader.pauses == [1, 1.5, 1.5]

    def test_a_download_is_given_up_at_once_when_no_time_is_left(
        self, reader: Reader, store: FileStore
    ) -> None:
        store.put(BLOB, always=Trouble())
        reader.seconds_left = 0
        with pytest.raises(DownloadInterrupted):
            reader.open()
        assert len(store.asked) == 1

    def test_a_file_store_that_cannot_be_reached_is_an_interruption(self, reader: Reader) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            reader.links = Links(f"http://127.0.0.1:{bound.getsockname()[1]}")
            with pytest.raises(DownloadInterrupted, match="ConnectionError") as interruption:
                reader.open()
        assert "canary" not in told(interruption.value)


class TestLinks:
    @pytest.mark.parametrize("status", [400, 403, 500, 503])
    def test_a_download_goes_on_with_a_fresh_link_after_a_dead_one(
        self, reader: Reader, store: FileStore, status: int
    ) -> None:
        store.put(BLOB, None, Trouble(after=50), Trouble(status))
        assert reader.read(piece=50) == BLOB
        assert store.asked[2:] == [
            Asked("bytes=50-899", store.etag, "canary1"),
            Asked("bytes=50-899", store.etag, "canary2"),
        ]

    @pytest.mark.parametrize("status", [200, 302, 307, 403, 404])
    def test_a_download_whose_fresh_links_are_refused_is_given_up(
        self, reader: Reader, store: FileStore, status: int
    ) -> None:
        store.put(BLOB, always=Trouble(status))
        with pytest.raises(LinkRefused, match=f"answered {status}"):
            reader.open()
        assert [asked.signature for asked in store.asked] == [
            f"canary{number}" for number in range(1, 6)
        ]

    def test_an_error_of_a_renewal_is_raised(
        self, reader: Reader, store: FileStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def renew(_: Format, _dead: str) -> str:
            raise DownloadInterrupted("No time is left.")

        monkeypatch.setattr(reader.links, "renew", renew)
        store.put(BLOB, Trouble(403))
        with pytest.raises(DownloadInterrupted, match="No time is left") as interruption:
            reader.open()
        assert "canary" not in told(interruption.value)


class TestObject:
    def test_another_object_behind_the_link_is_noticed(
        self, reader: Reader, store: FileStore
    ) -> None:
        with reader.open() as file:
            store.put(BLOB[::-1])
            with pytest.raises(DownloadChanged):
                file.read(10)
        assert len(store.asked) == 1

    @pytest.mark.parametrize(
        "trouble",
        [
            Trouble(etag='"another"'),
            Trouble(content_range="bytes 0-899/1001"),
            Trouble(content_range="bytes 5-904/1001"),
        ],
    )
    def test_a_part_of_another_object_is_noticed(
        self, reader: Reader, store: FileStore, trouble: Trouble
    ) -> None:
        store.put(BLOB, None, trouble)
        with pytest.raises(DownloadChanged):
            reader.read()

    @pytest.mark.parametrize(
        "content_range",
        ["bytes 1-899/1000", "bytes 0-899/*", "0-899", "-", f"bytes 0-899/{'9' * 5000}"],
    )
    def test_a_part_that_was_not_asked_for_is_refused(
        self, reader: Reader, store: FileStore, content_range: str
    ) -> None:
        store.put(BLOB, None, Trouble(content_range=content_range))
        assert reader.read() == BLOB
        assert store.ranges[1:] == ["bytes=0-899"] * 2
        assert reader.links.number == 2

        store.put(BLOB, always=Trouble(content_range=content_range))
        with pytest.raises(LinkRefused, match="answered 206"):
            reader.open()

    def test_an_empty_object_is_no_zip(self, reader: Reader, store: FileStore) -> None:
        store.put(b"")
        with pytest.raises(TruncatedZip):
            reader.open()
        assert len(store.asked) == 1


class TestCertificate:
    @pytest.fixture
    def authority(self) -> trustme.CA:
        return trustme.CA()

    @pytest.fixture
    def secure_store(self, authority: trustme.CA) -> Iterator[FileStore]:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        with FileStore() as store:
            store.socket = context.wrap_socket(store.socket, server_side=True)
            thread = threading.Thread(target=store.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            yield store
            store.shutdown()
            thread.join()

    def test_a_certificate_that_is_not_trusted_ends_the_download_at_once(
        self, reader: Reader, secure_store: FileStore
    ) -> None:
        reader.links = Links(secure_store.url.replace("http:", "https:"))
        with pytest.raises(UntrustedCertificate, match="check what stands between") as error:
            reader.open()
        assert reader.pauses == []
        for part in ("canary", "127.0.0.1", "devices.csv.zip"):
            assert part not in told(error.value)

    def test_a_certificate_that_is_trusted_is_no_trouble(
        self,
        reader: Reader,
        secure_store: FileStore,
        authority: trustme.CA,
        session: requests.Session,
    ) -> None:
        reader.links = Links(secure_store.url.replace("http:", "https:"))
        with authority.cert_pem.tempfile() as bundle:
            session.verify = bundle
            with pytest.MonkeyPatch.context() as patch:
                patch.delenv("REQUESTS_CA_BUNDLE", raising=False)
                patch.delenv("CURL_CA_BUNDLE", raising=False)
                assert reader.read() == BLOB


class TestSecrecy:
    @pytest.mark.parametrize(
        "spoil",
        [
            lambda store: store.put(BLOB, always=Trouble(403)),
            lambda store: store.put(BLOB, always=Trouble(302)),
            lambda store: store.put(BLOB, always=Trouble(how="reset")),
            lambda store: store.put(BLOB, always=Trouble(after=10)),
            lambda store: store.put(BLOB, None, always=Trouble(how="reset")),
            lambda store: store.put(b""),
        ],
    )
    def test_no_error_tells_the_link(
        self, reader: Reader, store: FileStore, spoil: Callable[[FileStore], None]
    ) -> None:
        spoil(store)
        with pytest.raises(ExportError) as error:
            reader.read()
        for part in ("canary", "X-Amz", "devices.csv.zip", "127.0.0.1", str(store.server_port)):
            assert part not in told(error.value)
