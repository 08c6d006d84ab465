"""Whatever answers in PingOne's place, a call ends: small, in time and with a typed error."""

import base64
import gzip
import itertools
import json
import logging
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
import requests
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from pingone_reports.errors import (
    AccessDenied,
    DownloadInterrupted,
    ExportError,
    InvalidResponse,
    PingOneUnavailable,
    Unauthorized,
)
from pingone_reports.model.exploration import Exploration
from pingone_reports.model.report_file import Format
from pingone_reports.pingone import api, credentials
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import AccessTokens, ClientCredentials
from pingone_reports.pingone.http import ask, tellable
from pingone_reports.pingone.links import FreshLinks
from pingone_reports.transfer import remote_file
from pingone_reports.transfer.remote_file import RemoteFile
from tests.support.asking import export_of, told
from tests.support.documents import polling_answer
from tests.support.raw_server import RawServer, http

TOKEN = "canary-token.eyJhbGciOiJSUzI1NiJ9." + "Zm9v" * 30
CLIENT_SECRET = "canary~Secret_9"
BASIC = base64.b64encode(f"me:{CLIENT_SECRET}".encode()).decode()
TOKEN_ANSWER = http(json.dumps({"access_token": TOKEN, "expires_in": 3600}).encode())
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


@pytest.fixture(scope="module")
def server() -> Iterator[RawServer]:
    with RawServer() as running:
        yield running


def tokens_of(server: RawServer, session: requests.Session) -> AccessTokens:
    return AccessTokens(
        session, f"{server.url}/as/token", ClientCredentials("me", CLIENT_SECRET).authentication
    )


def read(server: RawServer, session: requests.Session) -> Exploration:
    """Read an exploration, with a token that was got before the server says what it says."""
    tokens, script = tokens_of(server, session), server.script
    server.say(TOKEN_ANSWER)
    tokens.current()
    server.script = script
    client = PingOne(session, f"{server.url}/v1", tokens)
    return client.read_exploration(export_of("exploration"))


def get_token(server: RawServer, session: requests.Session) -> object:
    return tokens_of(server, session).current()


def open_file(server: RawServer, session: requests.Session) -> object:
    class Links(FreshLinks):
        def __init__(self) -> None: ...

        def current(self, _: Format) -> str:
            return f"{server.url}/devices.csv.zip?X-Amz-Signature=canary"

        def renew(self, _: Format, dead: str) -> str:
            return dead

    return RemoteFile(session, Links(), Format.CSV, lambda: 100, lambda _: None).read(100)


Call = Callable[[RawServer, requests.Session], object]
CALLS = [read, get_token]


TRICKLES = {
    "status line": (b"", b"HTTP/1.1 200 OK\r\n", TOKEN_ANSWER.partition(b"\r\n")[2]),
    "header": (
        b"HTTP/1.1 200 OK\r\n", b"X-Slow: slow\r\n", TOKEN_ANSWER.partition(b"\r\n")[2]
    ),
    "100 Continue": (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 3, TOKEN_ANSWER),
    "body": (TOKEN_ANSWER[:-20], TOKEN_ANSWER[-20:], b""),
    "chunk extension": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1",
        b";extension=slow",
        b'\r\n{\r\n1e\r\n"access_token":"a","expires_in\r\n4\r\n":9}\r\n0\r\n\r\n',
    ),
    "trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n",
        b"X-Trailer: slow\r\n",
        b"\r\n",
    ),
}  # fmt: skip


class TestTime:
    """What trickles here is whole after three seconds, and would be taken."""

    @pytest.fixture(autouse=True)
    def soon(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for module in (api, credentials, remote_file):
            monkeypatch.setattr(module, "_TIMEOUT_SECONDS", (5, 0.3))
        monkeypatch.setattr(remote_file, "_MAX_TRIES", 1)

    @pytest.mark.parametrize(
        ("call", "trickle"),
        [
            *itertools.product(CALLS, TRICKLES),
            *itertools.product([open_file], ["status line", "header", "100 Continue"]),
        ],
    )
    def test_a_trickle_is_no_longer_than_the_time_of_the_call(
        self, server: RawServer, session: requests.Session, call: Call, trickle: str
    ) -> None:
        server.trickle(*TRICKLES[trickle])
        with pytest.raises((PingOneUnavailable, DownloadInterrupted), match="Timeout"):
            call(server, session)

    def test_the_timeout_of_a_receive_is_what_is_left_of_the_time(
        self, server: RawServer, session: requests.Session, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(credentials, "_TIMEOUT_SECONDS", (5, 1))

        def late(_: str) -> Iterator[bytes]:
            server.stopping.wait(0.9)
            yield TOKEN_ANSWER[:9]
            server.stopping.wait(0.8)
            yield TOKEN_ANSWER[9:]

        server.script = late
        with pytest.raises(PingOneUnavailable, match="Timeout"):
            get_token(server, session)


class TestSize:
    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("status", ["200 OK", "400 Bad Request", "503 Later"])
    def test_more_than_a_mebibyte_is_no_answer(
        self, server: RawServer, session: requests.Session, call: Call, status: str
    ) -> None:
        server.say(http(b'{"id": "' + b"x" * 1024 * 1024 + b'"}', status))
        with pytest.raises(InvalidResponse, match="more than 1048576 bytes"):
            call(server, session)

    def test_just_a_mebibyte_is_an_answer(
        self, server: RawServer, session: requests.Session
    ) -> None:
        body = json.dumps(polling_answer()).encode().ljust(1024 * 1024)
        server.say(http(body))
        assert read(server, session).id == polling_answer()["id"]

    @pytest.mark.parametrize("call", CALLS)
    @pytest.mark.parametrize("status", ["200 OK", "302 Found"])
    def test_a_packed_answer_is_not_unpacked(
        self, server: RawServer, session: requests.Session, call: Call, status: str
    ) -> None:
        packed = gzip.compress(b" " * 64_000_000)
        server.say(http(packed, status, "Content-Encoding: gzip", "Location: /"))
        tracemalloc.start()
        try:
            with pytest.raises((InvalidResponse, Unauthorized)):
                call(server, session)
            most = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert most < 8_000_000
        assert "accept-encoding: identity" in server.heads[-1].lower()

    @pytest.mark.parametrize(
        "begins",
        [
            b"302 Found\r\nLocation: /\r\nContent-Length: 64000000\r\n\r\n",
            b"200 OK\r\nContent-Length: 64000000\r\n\r\n",
            b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
            b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3d09000\r\n",
            b"200 OK\r\n\r\n",
        ],
        ids=["redirect", "length", "chunk of negative length", "chunk", "no length"],
    )
    @pytest.mark.parametrize("call", [*CALLS, open_file])
    def test_a_large_answer_is_not_read_to_its_end(
        self, server: RawServer, session: requests.Session, call: Call, begins: bytes
    ) -> None:
        server.say(b"HTTP/1.1 ", begins, *[b"x" * 1_000_000] * 64)
        with pytest.raises(ExportError):
            call(server, session)
        assert server.sent < 40_000_000

    def test_a_file_store_that_sends_more_than_was_asked_for_is_not_read(
        self, server: RawServer, session: requests.Session
    ) -> None:
        server.say(
            b"HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n"
            b'ETag: "a"\r\nContent-Range: bytes 0-1/2\r\n\r\n-5\r\nPKJUNKJUNK'
        )
        with pytest.raises(DownloadInterrupted):
            open_file(server, session)

    def test_half_an_answer_is_worth_another_try(
        self, server: RawServer, session: requests.Session
    ) -> None:
        server.say(http(b'{"id": "a"}').replace(b": 11", b": 12"))
        with pytest.raises(PingOneUnavailable, match=r"IncompleteRead|ProtocolError"):
            read(server, session)


class TestSecrets:
    @pytest.mark.parametrize(
        "echo",
        [
            TOKEN,
            TOKEN[:60],
            TOKEN[-60:],
            CLIENT_SECRET,
            BASIC,
            f"client_secret={CLIENT_SECRET}&grant_type=client_credentials",
            "https://p1-reports.s3.amazonaws.com/canary.zip?X-Amz-Signature=0123456789abcdef",
            "HTTPS://canary/?a",
        ],
    )
    @pytest.mark.parametrize(
        ("status", "body"),
        [
            ("400 No", lambda echo: {"message": f"Cannot take {echo}."}),
            ("403 No", lambda echo: {"code": echo}),
            ("429 No", lambda echo: {"id": f"8b1c {echo}"}),
            ("500 No", lambda echo: {"details": [{"target": echo, "message": echo}]}),
            ("400 No", lambda echo: {"message": "x " * 270 + echo}),
            ("400 No", lambda echo: {"error": "x", "error_description": f"Cannot take {echo}."}),
        ],
        ids=["message", "code", "id", "details", "where it is cut", "OAuth"],
    )
    @pytest.mark.parametrize("call", CALLS)
    def test_no_error_repeats_a_secret_that_pingone_repeats(
        self,
        server: RawServer,
        session: requests.Session,
        call: Call,
        echo: str,
        body: Callable[[str], object],
        status: str,
    ) -> None:
        server.say(http(json.dumps(body(echo)).encode(), status))
        with pytest.raises(ExportError) as error:
            call(server, session)
        for secret in (TOKEN[:20], TOKEN[-20:], CLIENT_SECRET, BASIC[:20], "canary", "Signature"):
            assert secret not in told(error.value)

    def test_the_password_and_links_of_the_last_answer_are_not_repeated(
        self, server: RawServer, session: requests.Session
    ) -> None:
        tokens = tokens_of(server, session)
        server.say(TOKEN_ANSWER)
        tokens.current()
        client = PingOne(session, f"{server.url}/v1", tokens)
        server.say(http(json.dumps(polling_answer()).encode()))
        client.read_exploration(export_of("a"))
        server.say(http(b'{"message": "Not pezeekamil again."}', "403 No"))
        with pytest.raises(AccessDenied, match=r"\(Not \(secret\) again\.\)"):
            client.read_exploration(export_of("a"))

    def test_a_text_of_pingones_is_told_on_one_line_with_its_ids(self) -> None:
        text = "No such\r\nattribute: id abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6."
        assert tellable(text, []) == text.replace("\r\n", " ")

    @pytest.mark.parametrize(
        "head",
        [b"X-Odd: 1\r\nno colon in this line\r\n", b"Transfer-Encoding: chunked\r\n bad\r\n:\r\n"],
    )
    def test_no_log_line_quotes_a_link(
        self,
        server: RawServer,
        session: requests.Session,
        caplog: pytest.LogCaptureFixture,
        head: bytes,
    ) -> None:
        server.say(b"HTTP/1.1 206 Partial Content\r\n" + head + b"\r\n")
        with caplog.at_level(logging.DEBUG), pytest.raises(ExportError):
            open_file(server, session)
        assert "canary" not in caplog.text
        assert "X-Amz" not in caplog.text


# --- anything at all ------------------------------------------------------------------------------

_JUNK = st.binary(max_size=40)
_LINES = st.sampled_from(
    [
        *(b"HTTP/1.1 %d So" % status for status in (200, 206, 302, 401, 404, 429, 500, 10**10)),
        b"HTTP/1.0 200",
        b"HTTP/9.9 200 OK",
        b"HTTP/1.1 100 Continue\r\n",
        b"HTTP/1.1 999 \xff\xfe",
        b"200 OK",
    ]
)
_HEADERS = st.sampled_from(
    [
        b"%s: %s" % (name, value)
        for name, values in {
            b"Content-Length": (b"2", b"-1", b"9" * 5000, b"1, 2"),
            b"Transfer-Encoding": (b"chunked",),
            b"Content-Encoding": (b"gzip", b"br, deflate"),
            b"Location": (b"https://[/", b"\xff\xfe", b"//", b"https://a:99999999/"),
            b"Set-Cookie": (b"a=\xff; expires=Thu, 99 Foo 99999 99:99:99 GMT; domain=.\xe9",),
            b"Retry-After": (b"\xb2", b"9" * 5000),
            b"ETag": (b'"a"', b"\xff\xff"),
            b"Content-Range": (b"bytes 0-1/2", b"bytes 0-1/" + b"9" * 5000),
            b"Content-Type": (b"application/json; charset=\xff",),
            b"Connection": (b"close",),
            b"": (b"no name",),
            b" folded": (b"",),
        }.items()
        for value in values
    ]
    + [b"no colon"]
)
_BODIES = st.sampled_from(
    [
        b"{}",
        b"PK",
        b"null",
        b"\xef\xbb\xbf{}",
        b"{\x00}\x00",
        b'{"access_token": "a", "expires_in": NaN}',
        b'{"a": ' + b"1" * 5000 + b"}",
        DEEP,
        *(size + b"\r\n{}\r\n0\r\n\r\n" for size in (b"2", b"-5", b"-1", b"zz", b"f" * 24)),
        b"2\r\n{}xx0\r\n\r\n",
        b"1;" + b"a" * 70_000 + b"\r\n{}",
        b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    ]
)
_ANSWERS = st.builds(
    lambda line, headers, body: line + b"\r\n" + b"\r\n".join([*headers, b"", b""]) + body,
    _LINES | _JUNK,
    st.lists(_HEADERS | _JUNK, max_size=5),
    _BODIES | _JUNK,
)


@pytest.mark.parametrize("call", [*CALLS, open_file])
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=_ANSWERS)
@example(b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\nContent-Length: 0\r\n\r\n")
@example(b"HTTP/1.1 302 Found\r\nLocation: https://[/\r\nContent-Length: 0\r\n\r\n")
@example(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n{}\r\n0\r\n\r\n")
@example(b'HTTP/1.1 206 P\r\nETag: "a"\r\nContent-Range: bytes 0-1/' + b"9" * 5000 + b"\r\n\r\nPK")
@example(b'HTTP/1.1 206 P\r\nETag: "\xff\xff"\r\nContent-Range: bytes 0-9/99999\r\n\r\n' + b"P" * 9)
def test_any_answer_is_taken_or_has_a_typed_error(
    server: RawServer, session: requests.Session, call: Call, answer: bytes
) -> None:
    server.say(answer)
    with suppress(ExportError):
        call(server, session)


def test_a_connection_is_used_again_for_the_next_answer(session: requests.Session) -> None:
    with RawServer() as server:
        server.keeps_open = True
        for answer in (
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
            b"HTTP/1.1 204 Nothing\r\n\r\n",
            b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}",
        ):
            server.say(answer)
            ask(session, "It", "GET", server.url, timeout=(60, 60))
        session.close()
    assert (server.connections, len(server.heads)) == (1, 4)
