"""Connections verify certificates like those of requests, and read the authorities once."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import trustme

from pingone_reports.pingone import sessions
from tests.support.raw_server import RawServer, http


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server(authority: trustme.CA) -> Iterator[RawServer]:
    """One for localhost. Each request opens a connection of its own."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    server = RawServer()
    server.say(http(b"hello"))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with server:
        yield server


@pytest.fixture
def bundle(server: RawServer, authority: trustme.CA, tmp_path: Path) -> tuple[int, str]:
    """The server's port, and the bundle that trusts it."""
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return server.server_address[1], str(tmp_path / "ca.pem")


def test_the_authorities_are_read_once_for_all_connections(
    bundle: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    port, ca = bundle
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca)
    read_before = sessions._context.cache_info().misses

    for _ in range(2):
        with sessions.new_session() as session:
            for _ in range(2):
                assert session.get(f"https://localhost:{port}").text == "hello"

    assert sessions._context.cache_info().misses == read_before + 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_connection_that_was_opened_before_is_the_requests_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: ssl.TLSVersion
) -> None:
    """So no TLS takes time of the request's turn. TLS 1.3 sends tickets after the handshake."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = context.maximum_version = version
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    accepted, ready, closed = [], threading.Event(), threading.Event()

    def serve(listening: socket.socket) -> None:
        for answers in (1, 0, 1, 1):
            raw, _ = listening.accept()
            with context.wrap_socket(raw, server_side=True) as connection:
                accepted.append(connection)
                ready.set()  # the tickets are on their way
                for _ in range(answers):
                    if not connection.recv(10_000):
                        break
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
            closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listening, sessions.new_session() as session:
        threading.Thread(target=serve, args=(listening,), daemon=True).start()
        url = f"https://localhost:{listening.getsockname()[1]}"
        for expected, answered in ((1, True), (2, False), (3, True)):
            sessions.connect(session, url, 5)
            assert ready.wait(10)
            assert len(accepted) == expected
            if answered:
                assert session.get(url).text == "hello"
                assert len(accepted) == expected
            # The server has closed it, so the next one is another one.
            assert closed.wait(10)
            ready.clear()
            closed.clear()


def test_a_connection_that_cannot_be_opened_before_is_left_to_the_request(
    bundle: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with sessions.new_session() as session:
        sessions.connect(session, f"https://localhost:{bundle[0]}", 5)
        sessions.connect(session, "https://localhost:1", 5)
        with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            session.get(f"https://localhost:{bundle[0]}")


def test_an_unknown_authority_is_refused(
    bundle: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with (
        sessions.new_session() as session,
        pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"),
    ):
        session.get(f"https://localhost:{bundle[0]}")


def test_a_certificate_of_another_host_is_refused(
    bundle: tuple[int, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle[1])
    with (
        sessions.new_session() as session,
        pytest.raises(requests.exceptions.SSLError, match=r"127\.0\.0\.1"),
    ):
        session.get(f"https://127.0.0.1:{bundle[0]}")


def test_authorities_may_be_in_a_folder(
    bundle: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "authorities"
    folder.mkdir()
    # OpenSSL looks for an authority under its subject's hash.
    subject = subprocess.run(
        ["openssl", "x509", "-noout", "-subject_hash", "-in", bundle[1]],
        capture_output=True,
        text=True,
        check=True,
    )
    Path(bundle[1]).rename(folder / f"{subject.stdout.strip()}.0")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
    with sessions.new_session() as session:
        assert session.get(f"https://localhost:{bundle[0]}").text == "hello"


def test_a_netrc_replaces_no_token_and_goes_to_nobody(
    server: RawServer, bundle: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", bundle[1])
    with sessions.new_session() as session:
        session.get(f"https://localhost:{bundle[0]}", headers={"Authorization": "Bearer token"})
        session.get(f"https://localhost:{bundle[0]}")
    with_token, without = server.heads
    assert "Authorization: Bearer token\n" in with_token
    assert "Authorization" not in without
