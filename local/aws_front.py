"""A front of the local cloud for the functions' own calls, which fails the ones it is told to."""

import json
import os
import re
import signal
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from http import HTTPStatus
from threading import Lock
from urllib.parse import parse_qs, unquote_plus, urlsplit

from local.cloud import LocalCloud
from local.https_front import ForwardingHandler, HttpsFront, Reply


@dataclass(frozen=True)
class Refuse:
    """Answer with this error of AWS instead of doing the work."""

    status: int
    code: str


@dataclass(frozen=True)
class Reset:
    """Reset the connection instead of doing the work."""


@dataclass(frozen=True)
class LoseAnswer:
    """Do the work, then reset the connection."""


@dataclass(frozen=True)
class Hold:
    """Do the work after so many wall seconds."""

    seconds: float


@dataclass(frozen=True)
class Kill:
    """End the process of the function that calls, as `kill -9` does; first do the work, or not."""

    after_work: bool = False


Effect = Refuse | Reset | LoseAnswer | Hold | Kill


@dataclass
class AwsFault:
    """What happens to `times` calls (None: to all) of an operation, after the first `skip` of them.

    Only calls that name `about` are meant: in the key, the query or the body. `met` counts them.
    """

    operation: str
    effect: Effect
    about: str = ""
    times: int | None = 1
    skip: int = 0
    met: int = 0
    _seen: int = 0

    def meets(self, operation: str, text: str) -> bool:
        """Whether it happens to this call; counts it."""
        if operation != self.operation or self.about not in text:
            return False
        self._seen += 1
        hit = self._seen > self.skip and (
            self.times is None or self._seen <= self.skip + self.times
        )
        self.met += hit
        return hit


class AwsFront:
    """An endpoint of AWS for the functions of this cloud.

    Who calls is known by the process id that a function has for its application id.
    """

    def __init__(self, cloud: LocalCloud) -> None:
        self._server = _Server(_Handler, cloud.endpoint_url, cloud.certificate, cloud.ca_bundle)

    @property
    def url(self) -> str:
        """In place of the cloud's own."""
        return self._server.url

    def serving(self) -> AbstractContextManager[None]:
        """Pass calls on while the context lasts."""
        return self._server.serving()

    def set_faults(self, subject: str, faults: Iterable[AwsFault]) -> None:
        """What happens to calls about a subject, such as an environment, from now on."""
        with self._server.lock:
            self._server.faults[subject] = list(faults)


class _Server(HttpsFront):
    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.faults: dict[str, list[AwsFault]] = {}
        self.lock = Lock()

    def effect_on(self, operation: str, text: str) -> Effect | None:
        """What happens to a call; the first fault that meets it counts."""
        with self.lock:
            for subject, faults in self.faults.items():
                if subject in text:
                    for fault in faults:
                        if fault.meets(operation, text):
                            return fault.effect
        return None


class _Handler(ForwardingHandler):
    server: _Server

    def answer(self) -> None:
        body = self._body()
        target = self.headers["X-Amz-Target"]
        text = unquote_plus(self.path) + (body.decode(errors="replace") if target else "")
        operation = target.rpartition(".")[2] if target else _s3_operation(self.command, self.path)
        match self.server.effect_on(operation, text):
            case Refuse(status=status, code=code):
                self._refuse(status, code, in_json=bool(target))
                return
            case Reset():
                self.reset()
                return
            case Kill(after_work=after_work):
                if after_work:
                    self._passed_on(body)
                caller = re.search(r"app/(\d+)", self.headers["User-Agent"])
                assert caller
                os.kill(int(caller[1]), signal.SIGKILL)
                self.reset()
                return
            case Hold(seconds=seconds):
                if self.server.stopping.wait(seconds):
                    self.reset()
                    return
                status, headers, answer = self._passed_on(body)
            case LoseAnswer():
                self._passed_on(body)
                self.reset()
                return
            case None:
                status, headers, answer = self._passed_on(body)
        self.send_head(status, headers, len(answer))
        self.wfile.write(answer)

    def _body(self) -> bytes:
        if self.headers["Transfer-Encoding"] != "chunked":
            return self.rfile.read(int(self.headers["Content-Length"] or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _passed_on(self, body: bytes) -> Reply:
        own = ("expect", "transfer-encoding")
        headers = {k: v for k, v in self.headers.items() if k.lower() not in own}
        return self.forward(headers, body)

    def _refuse(self, status: int, code: str, *, in_json: bool) -> None:
        message = HTTPStatus(status).phrase
        if in_json:
            kind, text = (
                "application/x-amz-json-1.0",
                json.dumps({"__type": code, "message": message}),
            )
        else:
            kind = "application/xml"
            text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        self.send_head(status, {"Content-Type": kind}, len(text))
        if self.command != "HEAD":
            self.wfile.write(text.encode())


def _s3_operation(method: str, path: str) -> str:
    """The operation of S3's REST API, of those that the functions call."""
    query = parse_qs(urlsplit(path).query, keep_blank_values=True)
    part = next(
        (name for name in ("uploads", "partNumber", "uploadId", "list-type") if name in query), ""
    )
    return {
        ("POST", "uploads"): "CreateMultipartUpload",
        ("PUT", "partNumber"): "UploadPart",
        ("POST", "uploadId"): "CompleteMultipartUpload",
        ("DELETE", "uploadId"): "AbortMultipartUpload",
        ("GET", "uploads"): "ListMultipartUploads",
        ("GET", "list-type"): "ListObjectsV2",
        ("GET", ""): "GetObject",
        ("HEAD", ""): "HeadObject",
        ("PUT", ""): "PutObject",
        ("DELETE", ""): "DeleteObject",
    }.get((method, part), method)
