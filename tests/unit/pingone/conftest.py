"""A server with a certificate for localhost, whose authority is trusted."""

import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from tests.support.raw_server import RawServer, http


@pytest.fixture
def certified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    authority, context = trustme.CA(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    return context


@pytest.fixture
def secure_server(certified: ssl.SSLContext) -> Iterator[RawServer]:
    """It says hello and hangs up, so each request opens a connection of its own."""
    server = RawServer()
    server.say(http(b"hello"))
    server.socket = certified.wrap_socket(server.socket, server_side=True)
    with server:
        yield server


@pytest.fixture
def secure_url(secure_server: RawServer) -> str:
    return f"https://localhost:{secure_server.server_address[1]}"
