"""A server that writes the bytes it is told to, whether they are HTTP or not."""

import socketserver
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, Self

import boto3
from botocore.config import Config

Script = Callable[[str], Iterable[bytes]]


class RawServer(socketserver.ThreadingTCPServer):
    """Writes what `script` yields for each request's head, and hangs up unless `keeps_open`.

    `sent` is how many bytes of the last answer went out before the other side hung up, `heads` and
    `bodies` are those of all requests.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.stopping = threading.Event()
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.sent = self.connections = 0
        self.keeps_open = False
        self.script: Script = lambda _: []
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02})

    def say(self, *pieces: bytes) -> None:
        """Answer every request so."""
        self.script = lambda _: pieces

    def trickle(self, before: bytes, slowly: bytes, after: bytes = b"", seconds: float = 3) -> None:
        """Write the middle of an answer byte by byte, in so many seconds."""

        def pieces(_: str) -> Iterable[bytes]:
            yield before
            for at in range(len(slowly)):
                self.stopping.wait(seconds / len(slowly))
                yield slowly[at : at + 1]
            yield after

        self.script = pieces

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def aws_client(self, service: str) -> Any:
        """A client of this AWS service, which this server is; it tries once."""
        return boto3.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self.url,
            region_name="eu-central-1",
            aws_access_key_id="local",
            aws_secret_access_key="local",
            config=Config(retries={"total_max_attempts": 1}),
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self.shutdown()
        self._thread.join()
        self.server_close()


class _Handler(socketserver.StreamRequestHandler):
    server: RawServer

    def handle(self) -> None:
        self.server.connections += 1
        with suppress(OSError):
            while self.answer() and self.server.keeps_open:
                pass

    def answer(self) -> bool:
        """Answer the next request, if there is one."""
        head = ""
        while line := self.rfile.readline().decode("latin-1").rstrip("\r\n"):
            head += f"{line}\n"
        if not head:
            return False
        sizes = [line for line in head.lower().splitlines() if line.startswith("content-length")]
        self.server.bodies.append(self.rfile.read(int(sizes[0].partition(":")[2]) if sizes else 0))
        self.server.heads.append(head)
        self.server.sent = 0
        for piece in self.server.script(head):
            self.request.sendall(piece)
            self.server.sent += len(piece)
        return True


def http(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """An answer of HTTP."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body
