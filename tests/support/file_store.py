"""A file store on this machine that answers with trouble, and links that lead to it."""

import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from pingone_reports.model.report_file import Format
from pingone_reports.pingone.links import FreshLinks
from tests.support.raw_server import RawServer, http


@dataclass(frozen=True)
class Trouble:
    """An answer with another status or other headers, or one that breaks after so many bytes.

    A "short" one is whole by its Content-Length and shorter than its Content-Range.
    """

    status: int = 206
    after: int = 0
    how: Literal["reset", "close", "stall", "short", "trickle"] = "close"
    content_range: str = ""
    etag: str = ""


class FileStore(RawServer):
    """One object behind links, which meets its troubles in their order, one a request.

    `asked` are the Range, the If-Match and the signature of each.
    """

    def __init__(self) -> None:
        super().__init__()
        self.script = self._answer
        self.resets = False
        self.put(b"")

    def put(self, blob: bytes, *troubles: Trouble | None, always: Trouble | None = None) -> None:
        """Start anew with this object."""
        self.blob = blob
        self.etag = f'"{hash(blob)}"'
        self.troubles = list(troubles)
        self.always = always
        self.asked: list[tuple[str, str | None, str]] = []

    @property
    def ranges(self) -> list[str]:
        return [byte_range for byte_range, _, _ in self.asked]

    def _answer(self, head: str) -> Iterator[bytes]:
        headers = dict(line.split(": ", 1) for line in head.splitlines()[1:])
        [signature] = re.findall(r"X-Amz-Signature=(\S+)", head)
        self.asked.append((headers["Range"], headers.get("If-Match"), signature))
        trouble = self.troubles.pop(0) if self.troubles else self.always
        self.keeps_open = self.resets = False
        if trouble and trouble.status != 206:
            yield http(b"no", f"{trouble.status} No", f"Location: {self.url}/elsewhere")
        elif headers.get("If-Match", self.etag) != self.etag:
            yield http(b"changed", "412 No")
        elif not self.blob:
            yield http(b"empty", "416 No")
        else:
            yield from self._part(headers["Range"], trouble)

    def _part(self, byte_range: str, trouble: Trouble | None) -> Iterator[bytes]:
        first, last = self._places(byte_range)
        body = self.blob[first : last + 1]
        content_range, etag = f"bytes {first}-{last}/{len(self.blob)}", self.etag
        if trouble and (trouble.content_range or trouble.etag):
            content_range, etag = trouble.content_range or content_range, trouble.etag or etag
            trouble = None
        elif trouble and trouble.how == "short":
            body, trouble = body[: trouble.after], None
        head = (
            f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(body)}\r\n"
            f"Content-Range: {content_range}\r\nETag: {etag}\r\n\r\n"
        ).encode()
        self.keeps_open = not trouble
        if not trouble:
            yield head + body
        elif trouble.how == "trickle":
            yield head
            for byte in body:
                yield bytes([byte])
                self.stopping.wait(0.001)
        else:
            yield head + body[: trouble.after]
            self.resets = trouble.how == "reset"
            if trouble.how == "stall":
                self.stopping.wait(600)

    def _places(self, byte_range: str) -> tuple[int, int]:
        first, last = byte_range.removeprefix("bytes=").split("-")
        size = len(self.blob)
        if not first:
            return max(size - int(last), 0), size - 1
        return int(first), min(int(last), size - 1)

    def get_request(self) -> Any:
        request, address = super().get_request()
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return request, address

    def shutdown_request(self, request: Any) -> None:
        if self.resets:
            request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_request(request)
        else:
            super().shutdown_request(request)


class Links(FreshLinks):
    """Presigned URLs that are numbered: one dies, the next is given."""

    zip_password = "qwertzuiop"

    def __init__(self, url: str) -> None:
        self._url = url
        self.number = 1

    def current(self, _: Format = Format.CSV) -> str:
        return f"{self._url}/devices.csv.zip?X-Amz-Signature=canary{self.number}"

    def renew(self, _: Format, dead: str) -> str:
        assert dead == self.current()
        self.number += 1
        return self.current()
