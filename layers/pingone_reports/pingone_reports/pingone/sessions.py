"""HTTPS sessions that load the certificate authorities once, and limit every answer's time.

Neither requests, urllib3 nor http.client has a public way for the second, or to connect early. What
is borrowed of them is marked below as `Private`, with what it relies on; the layer pins all three.
"""

import http.client
import io
import logging
import socket
import ssl
import time
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import certifi
import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

# The limit for one answer, or for each piece of an answer that is streamed. A page of environments
# is the longest; most answers have a lower limit of their own.
_MOST_BYTES = 18 * 1024 * 1024


def new_session() -> requests.Session:
    """A session whose connections open fast; certificates are always verified.

    Its read timeout covers the whole answer with its headers, and starts again with each `read1` of
    the body. Python's own timeout covers each receive alone, so a slow trickle would never end.
    """
    # Its warnings about odd headers quote the URL, and a link is secret.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
    session = _Session()
    # Without an own one, requests takes a password from ~/.netrc in place of our token.
    session.auth = lambda request: request
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter())
    return session


def connect(session: requests.Session, url: str, seconds: float) -> None:
    """Open a connection for the next request, unless one is open. Raises nothing."""
    with suppress(requests.RequestException, HTTPError, OSError, ValueError):
        settings: Any = session.merge_environment_settings(url, {}, None, None, None)
        del settings["stream"]
        adapter: Any = session.get_adapter(url)
        request = requests.Request("GET", url).prepare()
        pool = adapter.get_connection_with_tls_context(request, **settings)
        # Private: what HTTPConnectionPool.urlopen does with a connection when a request begins.
        connection = pool._get_conn()
        connection.timeout = seconds
        try:
            if connection.is_closed:
                (pool._prepare_proxy if pool.proxy else pool._validate_conn)(connection)
        except (HTTPError, OSError):
            connection.close()
        pool._put_conn(connection)


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:  # noqa: ARG002
        """None: redirects are not followed.

        Otherwise requests reads a redirect's whole body, even if it may not follow.
        """
        return None


class _Adapter(HTTPAdapter):
    """Shares the TLS context. requests loads the authorities again for every connection: 20 ms of
    CPU, which is a tenth of a second or more in a function of 256 MB."""

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """The attributes of a connection pool, with our TLS context."""
        host, pool = super().build_connection_pool_key_attributes(request, True, cert)
        if host["scheme"] == "https":
            # The bundle that REQUESTS_CA_BUNDLE names arrives as `verify`.
            pool["ssl_context"] = _context(verify if isinstance(verify, str) else certifi.where())
        return host, pool

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Do nothing: the TLS context has the authorities, and `verify=True` above demands them."""

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        """A pool of connections that limit their answers."""
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        # Private: the pool makes each new connection with this class.
        pool.ConnectionCls = _HttpsConnection if pool.scheme == "https" else _HttpConnection
        return pool


@cache
def _context(bundle: str) -> ssl.SSLContext:
    if Path(bundle).is_dir():
        return ssl.create_default_context(capath=bundle)
    return ssl.create_default_context(cafile=bundle)


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # Private: http.client reads from `fp`, and has read nothing yet.
        self._received = _Received(sock, self.fp.detach())
        self.fp = io.BufferedReader(self._received)

    def read1(self, n: int = -1) -> bytes:
        """The next piece of a streamed answer, with limits of its own."""
        self._received.begin_anew()
        return super().read1(n)


class _HttpConnection(HTTPConnection):
    response_class = _Response


class _HttpsConnection(HTTPSConnection):
    response_class = _Response

    @property
    def is_connected(self) -> bool:
        """Whether it is open. Session tickets, which TLS 1.3 sends unasked, do not mean its end."""
        if self.sock is None:
            return False
        # HTTPConnection.request sets the timeout again; one that has read a byte is not used again.
        self.sock.settimeout(0)
        try:
            self.sock.recv(1)
        except OSError as error:
            return isinstance(error, ssl.SSLWantReadError)
        return False


class _Received(io.RawIOBase):
    """The bytes of a socket: all of them within one timeout, and no more than the limit."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        self._socket, self._raw = sock, raw
        # urllib3 has just set it to the read timeout of this request.
        self._timeout = sock.gettimeout()
        self.begin_anew()

    def begin_anew(self) -> None:
        self._until: float | None = None
        self._bytes_left = _MOST_BYTES

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._bytes_left <= 0:
            raise OSError("The answer is too long.")
        now = time.monotonic()
        if self._timeout is None or self._until is None:
            self._until = now + (self._timeout or 0)
            received = self._raw.readinto(buffer)
        elif now >= self._until:
            raise TimeoutError("timed out")
        else:
            self._socket.settimeout(self._until - now)
            try:
                received = self._raw.readinto(buffer)
            finally:
                self._socket.settimeout(self._timeout)
        self._bytes_left -= received or 0
        return received

    def close(self) -> None:
        self._raw.close()
        super().close()
