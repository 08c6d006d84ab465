"""The bound of a fetch: each of its parts alone, on the same pieces that our fetch moves."""

import hashlib
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from isal import isal_zlib

from benchmarks import Cipher
from benchmarks.unzippers import Stopwatch, time_primitives
from pingone_reports.transfer.records import record_counter

PARTS = (
    "TLS in",
    "AES-CTR",
    "HMAC-SHA1",
    "ZipCrypto",
    "inflate",
    "CRC-32",
    "SHA-256",
    "records",
    "TLS out",
)


def time_parts(
    files: dict[str, dict[str, str]], sizes: Mapping[str, int], cipher: Cipher
) -> Callable[[], dict[str, Any]]:
    """The CPU seconds of the parts, and the files that landed meanwhile.

    `files` has for each format the zip's path, its link, and the link and key for the landed file.
    """

    def run() -> dict[str, Any]:
        watch, landed = Stopwatch(), []
        for name, file in files.items():
            digest, counter = hashlib.sha256(), record_counter(name)
            with (
                _request("GET", file["link"]) as source,
                _request("PUT", file["put"], sizes[name]) as target,
            ):
                _skip_head(source)
                for piece in time_primitives(file["archive"], cipher, watch):
                    with watch.timing("TLS in"):
                        _receive(source, len(piece.deflated))
                    with watch.timing("SHA-256"):
                        digest.update(piece.plain)
                    with watch.timing("records"):
                        counter.update(piece.plain)
                    # S3 checks each part against this.
                    with watch.timing("CRC-32"):
                        isal_zlib.crc32(piece.plain)
                    with watch.timing("TLS out"):
                        target.sendall(piece.plain)
                _skip_head(target)
            landed.append(
                {
                    "format": name,
                    "key": file["key"],
                    "sha256": digest.hexdigest(),
                    "records": counter.finish(),
                }
            )
        return {"seconds": watch.seconds, "files": landed}

    return run


def _request(method: str, link: str, size: int = 0) -> ssl.SSLSocket:
    """A connection that has sent a request's headers; handshakes are not timed."""
    url = urlsplit(link)
    context = ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"])
    plain = socket.create_connection((url.hostname or "", url.port or 443))
    connection = context.wrap_socket(plain, server_hostname=url.hostname)
    head = (
        f"{method} {url.path}?{url.query} HTTP/1.1",
        f"Host: {url.netloc}",
        f"Content-Length: {size}",
        "Connection: close",
    )
    connection.sendall("\r\n".join((*head, "", "")).encode())
    return connection


def _skip_head(connection: ssl.SSLSocket) -> None:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        if not byte:
            raise RuntimeError("The storage hung up.")
        head += byte
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"The storage answered {head[:40]!r}.")


def _receive(connection: ssl.SSLSocket, size: int) -> None:
    """Read `size` bytes, and drop them."""
    while size:
        received = len(connection.recv(size))
        if not received:
            raise RuntimeError("The storage hung up.")
        size -= received
