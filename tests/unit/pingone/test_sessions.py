"""Connections verify certificates like those of requests, and read the authorities once."""

import os
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
import requests

from pingone_reports.pingone import sessions
from tests.support.raw_server import RawServer


def test_the_authorities_are_read_once_for_all_connections(secure_url: str) -> None:
    read_before = sessions._context.cache_info().misses

    for _ in range(2):
        with sessions.new_session() as session:
            for _ in range(2):
                assert session.get(secure_url).text == "hello"

    assert sessions._context.cache_info().misses == read_before + 1


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_connection_that_was_opened_before_is_the_requests_own(
    certified: ssl.SSLContext, version: ssl.TLSVersion
) -> None:
    """So no TLS takes time of the request's turn. TLS 1.3 sends tickets after the handshake."""
    certified.minimum_version = certified.maximum_version = version
    accepted, ready, closed = [], threading.Event(), threading.Event()

    def serve(listening: socket.socket) -> None:
        for answers in (1, 0, 1, 1):
            raw, _ = listening.accept()
            with certified.wrap_socket(raw, server_side=True) as connection:
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


def test_a_connection_that_cannot_be_opened_before_is_left_to_the_request_and_refused_there(
    secure_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    monkeypatch.delenv("CURL_CA_BUNDLE", raising=False)
    with sessions.new_session() as session:
        sessions.connect(session, secure_url, 5)
        sessions.connect(session, "https://localhost:1", 5)
        with pytest.raises(requests.exceptions.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            session.get(secure_url)


def test_a_certificate_of_another_host_is_refused(secure_url: str) -> None:
    with (
        sessions.new_session() as session,
        pytest.raises(requests.exceptions.SSLError, match=r"127\.0\.0\.1"),
    ):
        session.get(secure_url.replace("localhost", "127.0.0.1"))


def test_authorities_may_be_in_a_folder(
    secure_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, folder = os.environ["REQUESTS_CA_BUNDLE"], tmp_path / "authorities"
    folder.mkdir()
    # OpenSSL looks for an authority under its subject's hash.
    subject = subprocess.check_output(
        ["openssl", "x509", "-noout", "-subject_hash", "-in", bundle], text=True
    )
    Path(bundle).rename(folder / f"{subject.strip()}.0")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(folder))
    with sessions.new_session() as session:
        assert session.get(secure_url).text == "hello"


def test_a_netrc_replaces_no_token_and_goes_to_nobody(
    secure_server: RawServer, secure_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("default login somebody password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with sessions.new_session() as session:
        session.get(secure_url, headers={"Authorization": "Bearer token"})
        session.get(secure_url)
    with_token, without = secure_server.heads
    assert "Authorization: Bearer token\n" in with_token
    assert "Authorization" not in without
