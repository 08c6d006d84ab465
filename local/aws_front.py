"""A proxy between the functions and the local cloud, which makes chosen calls fail."""

import json
import os
import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import parse_qs, unquote_plus, urlsplit

from local.cloud import LocalCloud
from local.faults import DropConnection, Effect, Fault, FaultPlan, LoseAnswer
from local.https_front import ForwardingHandler, HttpsFront, Reply


@dataclass(frozen=True)
class Refuse(Effect):
    """Answer with this error of AWS instead of doing the work."""

    status: int
    code: str


@dataclass(frozen=True)
class Delay(Effect):
    """Do the work after this many wall seconds."""

    seconds: float


@dataclass(frozen=True)
class Kill(Effect):
    """Kill the calling function's process (SIGKILL), before or after the work."""

    after_work: bool = False


AwsFault = Fault
"""A fault of an AWS operation; `about` is text in the key, the query or the body."""


class AwsFront(HttpsFront):
    """An AWS endpoint for the functions of this cloud, to use instead of the cloud's own.

    Each function sends its process id as the SDK's application id, so the caller is known.
    """

    def __init__(self, cloud: LocalCloud) -> None:
        super().__init__(_Handler, cloud.endpoint_url, cloud.certificate, cloud.ca_bundle)
        self._plans: dict[str, FaultPlan] = {}

    def set_faults(self, subject: str, faults: Iterable[Fault]) -> None:
        """Set the faults of calls about a subject, such as an environment, from now on."""
        self._plans[subject] = FaultPlan(tuple(faults))

    def unmet_faults(self, subject: str) -> list[Fault]:
        """The faults of a subject that no call has met yet."""
        return self._plans[subject].unmet if subject in self._plans else []

    def effect_on(self, operation: str, text: str) -> Effect | None:
        """The effect on a call: that of the first fault that meets it."""
        for subject, plan in list(self._plans.items()):
            if subject in text:
                for effect in plan.effects_of_next(operation, text):
                    return effect
        return None


class _Handler(ForwardingHandler):
    server: AwsFront

    def answer(self) -> None:
        body = self._body()
        target = self.headers["X-Amz-Target"]
        text = unquote_plus(self.path) + (body.decode(errors="replace") if target else "")
        operation = target.rpartition(".")[2] if target else _s3_operation(self.command, self.path)
        match self.server.effect_on(operation, text):
            case Refuse(status=status, code=code):
                self._refuse(status, code, in_json=bool(target))
                return
            case DropConnection():
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
            case Delay(seconds=seconds):
                if self.server.stopping.wait(seconds):
                    self.reset()
                    return
                status, headers, answer = self._passed_on(body)
            case LoseAnswer():
                self._passed_on(body)
                self.reset()
                return
            case _:
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
    """The operation of S3's REST API, among those that the functions call."""
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
