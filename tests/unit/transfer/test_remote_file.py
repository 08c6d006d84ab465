"""A remote file reads like a local one, whatever happens to its connections and links."""

import io
import itertools
import random
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
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
from pingone_reports.pingone.sessions import new_session
from pingone_reports.transfer import remote_file
from pingone_reports.transfer.remote_file import RemoteFile
from tests.support.asking import told
from tests.support.file_store import FileStore, Links, Trouble

BLOB = random.Random(1).randbytes(1000)
TAIL_BYTES = 100


class Reader:
    """Opens the store's object, and remembers how long it paused."""

    def __init__(self, store: FileStore, session: requests.Session) -> None:
        self.store = store
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


@contextmanager
def failing(error: type[ExportError], message: str | None = None) -> Iterator[None]:
    """What fails so, and does not tell the link."""
    with pytest.raises(error, match=message) as raised:
        yield
    for part in ("canary", "X-Amz", "devices.csv.zip", "127.0.0.1"):
        assert part not in told(raised.value)


@pytest.fixture(scope="module")
def running_store() -> Iterator[FileStore]:
    with FileStore() as store:
        yield store


@pytest.fixture
def reader(
    running_store: FileStore, session: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> Reader:
    monkeypatch.setattr(remote_file, "_TAIL_BYTES", TAIL_BYTES)
    running_store.put(BLOB)
    return Reader(running_store, session)


class TestReading:
    def test_a_file_is_read_in_one_request_and_its_tail_in_another(self, reader: Reader) -> None:
        with reader.open() as file:
            assert file.readable()
            assert file.seekable()
            assert file.size == len(BLOB)
            assert file.read() == BLOB
        assert reader.store.ranges == ["bytes=-100", "bytes=0-899"]

    def test_the_tail_is_read_again_without_a_request(self, reader: Reader) -> None:
        with reader.open() as file:
            for start in (999, 950, 900):
                file.seek(start)
                assert file.read() == BLOB[start:]
        assert reader.store.ranges == ["bytes=-100"]

    @pytest.mark.parametrize("size", [1, 99, 100, 101])
    def test_a_file_about_as_short_as_the_tail_is_whole(self, reader: Reader, size: int) -> None:
        reader.store.put(BLOB[:size])
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
        self, reader: Reader, how: Literal["reset", "close"]
    ) -> None:
        reader.store.put(BLOB, None, Trouble(after=120, how=how))
        assert reader.read(piece=50) == BLOB
        assert reader.store.asked[1:] == [
            ("bytes=0-899", reader.store.etag, "canary1"),
            ("bytes=120-899", reader.store.etag, "canary1"),
        ]

    def test_a_tail_that_is_interrupted_is_read_again(self, reader: Reader) -> None:
        reader.store.put(BLOB, Trouble(after=30), Trouble(after=0, how="reset"))
        assert reader.read() == BLOB
        assert reader.store.ranges == ["bytes=-100"] * 3 + ["bytes=0-899"]

    def test_any_number_of_interruptions_will_do_while_there_is_progress(
        self, reader: Reader
    ) -> None:
        reader.store.put(BLOB, None, *[Trouble(after=60)] * 15)
        assert reader.read(piece=50) == BLOB
        assert reader.store.ranges[1:] == [f"bytes={start}-899" for start in range(0, 900, 60)]

    def test_a_stall_is_an_interruption_and_what_came_before_it_is_progress(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(remote_file, "_TIMEOUT_SECONDS", (60, 0.3))
        reader.store.put(BLOB, None, *[Trouble(after=60, how="stall")] * 6)
        assert reader.read(piece=900) == BLOB
        # A busy machine may cost another interruption.
        assert "bytes=60-899" in reader.store.ranges

    def test_a_body_shorter_than_its_range_is_read_on(self, reader: Reader) -> None:
        reader.store.put(
            BLOB, Trouble(after=30, how="short"), None, Trouble(after=120, how="short")
        )
        assert reader.read() == BLOB
        assert reader.store.ranges == ["bytes=-100"] * 2 + ["bytes=0-899", "bytes=120-899"]

    def test_a_connection_that_was_closed_between_two_requests_is_replaced(
        self, reader: Reader
    ) -> None:
        reader.store.put(BLOB, *[Trouble(after=len(BLOB))] * 8)
        with reader.open() as file:
            for start in range(0, 800, 100):
                file.seek(start)
                assert file.read(10) == BLOB[start : start + 10]

    def test_a_trickle_lasts_no_longer_than_the_time_that_is_left(
        self, reader: Reader, session: requests.Session
    ) -> None:
        reader.store.put(BLOB, None, Trouble(how="trickle"))
        clock = itertools.count(20, -1)
        with (
            RemoteFile(session, reader.links, Format.CSV, lambda: next(clock)) as file,
            failing(DownloadInterrupted, "time ran out after"),
        ):
            file.read(900)
        assert reader.read() == BLOB

    def test_a_stream_may_take_longer_than_each_of_its_pieces_may(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sessions, "_MOST_BYTES", 300)
        reader.store.put(BLOB, None, Trouble(how="trickle"))
        assert reader.read(piece=50) == BLOB
        assert reader.store.ranges == ["bytes=-100", "bytes=0-899"]

    def test_a_download_without_progress_is_given_up(self, reader: Reader) -> None:
        reader.store.put(BLOB, None, always=Trouble(after=0, how="reset"))
        with failing(DownloadInterrupted, "after 0 of 1000 bytes"):
            reader.read()
        assert reader.store.ranges == ["bytes=-100"] + ["bytes=0-899"] * 5

    @pytest.mark.parametrize(("seconds_left", "pauses"), [(900, [1, 2, 4]), (1.5, [1, 1.5, 1.5])])
    def test_the_pauses_between_tries_grow_up_to_the_time_that_is_left(
        self, reader: Reader, seconds_left: float, pauses: list[float]
    ) -> None:
        reader.store.put(BLOB, *[Trouble()] * 3)
        reader.seconds_left = seconds_left
        reader.read()
        assert reader.pauses == pauses

    def test_a_download_is_given_up_at_once_when_no_time_is_left(self, reader: Reader) -> None:
        reader.store.put(BLOB, always=Trouble())
        reader.seconds_left = 0
        with failing(DownloadInterrupted):
            reader.open()
        assert len(reader.store.asked) == 1

    def test_a_file_store_that_cannot_be_reached_is_an_interruption(self, reader: Reader) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            reader.links = Links(f"http://127.0.0.1:{bound.getsockname()[1]}")
            with failing(DownloadInterrupted, "ConnectionError"):
                reader.open()


class TestLinks:
    @pytest.mark.parametrize("status", [400, 403, 500, 503])
    def test_a_download_goes_on_with_a_fresh_link_after_a_dead_one(
        self, reader: Reader, status: int
    ) -> None:
        reader.store.put(BLOB, None, Trouble(after=50), Trouble(status))
        assert reader.read(piece=50) == BLOB
        assert reader.store.asked[2:] == [
            ("bytes=50-899", reader.store.etag, "canary1"),
            ("bytes=50-899", reader.store.etag, "canary2"),
        ]

    @pytest.mark.parametrize("status", [200, 302, 307, 403, 404])
    def test_a_download_whose_fresh_links_are_refused_is_given_up(
        self, reader: Reader, status: int
    ) -> None:
        reader.store.put(BLOB, always=Trouble(status))
        with failing(LinkRefused, f"answered {status}"):
            reader.open()
        assert [signature for *_, signature in reader.store.asked] == [
            f"canary{number}" for number in range(1, 6)
        ]

    def test_an_error_of_a_renewal_is_raised(
        self, reader: Reader, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def renew(_: Format, _dead: str) -> str:
            raise DownloadInterrupted("No time is left.")

        monkeypatch.setattr(reader.links, "renew", renew)
        reader.store.put(BLOB, Trouble(403))
        with failing(DownloadInterrupted, "No time is left"):
            reader.open()


class TestObject:
    def test_another_object_behind_the_link_is_noticed(self, reader: Reader) -> None:
        with reader.open() as file:
            reader.store.put(BLOB[::-1])
            with failing(DownloadChanged):
                file.read(10)
        assert len(reader.store.asked) == 1

    @pytest.mark.parametrize(
        "trouble",
        [
            Trouble(etag='"another"'),
            Trouble(content_range="bytes 0-899/1001"),
            Trouble(content_range="bytes 5-904/1001"),
        ],
    )
    def test_a_part_of_another_object_is_noticed(self, reader: Reader, trouble: Trouble) -> None:
        reader.store.put(BLOB, None, trouble)
        with failing(DownloadChanged):
            reader.read()

    @pytest.mark.parametrize(
        "content_range",
        ["bytes 1-899/1000", "bytes 0-899/*", "0-899", "-", f"bytes 0-899/{'9' * 5000}"],
    )
    def test_a_part_that_was_not_asked_for_is_refused(
        self, reader: Reader, content_range: str
    ) -> None:
        reader.store.put(BLOB, None, Trouble(content_range=content_range))
        assert reader.read() == BLOB
        assert reader.store.ranges[1:] == ["bytes=0-899"] * 2
        assert reader.links.number == 2

        reader.store.put(BLOB, always=Trouble(content_range=content_range))
        with failing(LinkRefused, "answered 206"):
            reader.open()

    def test_an_empty_object_is_no_zip(self, reader: Reader) -> None:
        reader.store.put(b"")
        with failing(TruncatedZip):
            reader.open()
        assert len(reader.store.asked) == 1


def test_a_certificate_that_is_not_trusted_ends_the_download_at_once(reader: Reader) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    secure_store = FileStore()
    secure_store.socket = context.wrap_socket(secure_store.socket, server_side=True)
    with secure_store:
        reader.links = Links(secure_store.url.replace("http:", "https:"))
        with failing(UntrustedCertificate, "check what stands between"):
            reader.open()
    assert reader.pauses == []
