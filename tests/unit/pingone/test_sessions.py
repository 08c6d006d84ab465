"""Connections verify certificates like those of requests, and read the authorities once."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests
import trustme

from pingone_reports.pingone import sessions


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        # Each request opens a connection of its own.
        self.send_header("Connection", "close")
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[tuple[int, str]]:
    """The port of a server for localhost, and the bundle that trusts it."""
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with ThreadingHTTPServer(("127.0.0.1", 0), _Hello) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, str(tmp_path / "ca.pem")
        server.shutdown()


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
