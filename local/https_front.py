"""An HTTPS proxy on this machine that forwards requests to another server, and can fail.

A signature covers the host's name. So a request is forwarded unchanged, `Host` included, and the
server behind still accepts or refuses its signature.
"""

import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import urllib3

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}

Reply = tuple[int, Mapping[str, str], bytes]


class HttpsFront(ThreadingHTTPServer):
    """`certificate` is for 127.0.0.1, with its key; `ca_bundle` is to trust the server behind."""

    request_queue_size = 64

    def __init__(
        self, handler: type["ForwardingHandler"], url: str, certificate: Path, ca_bundle: Path
    ) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.stopping = threading.Event()
        self.behind = urllib3.connection_from_url(url, maxsize=16, ca_certs=str(ca_bundle))
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate)
        # Each connection's own thread does its handshake.
        self.socket = tls.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Answer while the context lasts; then end hanging calls, and close the port."""
        thread = threading.Thread(
            target=self.serve_forever,
            kwargs={"poll_interval": 0.02},  # what shutdown() waits for
            name=type(self).__name__,
            daemon=True,
        )
        thread.start()
        try:
            yield
        finally:
            self.stopping.set()
            self.shutdown()
            self.server_close()
            thread.join()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up; any other error is a defect of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class ForwardingHandler(BaseHTTPRequestHandler):
    """Forwards requests and answers; the base of a proxy's handler."""

    protocol_version = "HTTP/1.1"
    server: HttpsFront

    def answer(self) -> None:
        """Answer one request; subclasses implement it."""
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 -- names of methods

    def forward(self, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """The answer of the server behind to this request with these headers."""
        answer = self.server.behind.request(
            self.command,
            self.path,
            body=body,
            headers=headers,
            redirect=False,
            retries=False,
            decode_content=False,
        )
        kept = {k: v for k, v in answer.headers.items() if k.lower() not in _OF_ONE_CONNECTION}
        if self.command == "HEAD" and "Content-Length" in answer.headers:
            # To a HEAD, this is the length of a body that does not come.
            kept["Content-Length"] = answer.headers["Content-Length"]
        return answer.status, kept, answer.data

    def send_head(self, status: int, headers: Mapping[str, str], length: int) -> None:
        """Send the status line and the headers."""
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def reset(self) -> None:
        """Reset the connection: TCP sends an RST, and data on its way is lost."""
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.rfile.close()
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing: a line would quote a link."""
