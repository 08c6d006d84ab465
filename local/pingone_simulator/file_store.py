"""PingOne's file store: a bucket of the local cloud, behind a front that can fail.

A link names the front, and its signature covers that name: the front passes a request on as it is,
`Host` included, and it is still S3 that accepts or refuses it.
"""

import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.config import Config

from local.pingone_simulator.faults import (
    Answer,
    CutOff,
    DropConnection,
    Effect,
    FaultPlan,
    FlipBit,
    Hang,
    IgnoreRange,
    ReplaceObject,
    Reset,
    ShortBody,
    Stall,
)
from local.pingone_simulator.report_files import environment_and_format, replacement_of
from local.pingone_simulator.request_log import RecordedDownload, RequestLog

_ERROR_CODES = {400: "ExpiredToken", 403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}
_ERROR = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{0}</Code><Message>{0}</Message></Error>'
)
_HTML_PAGE = b"<!DOCTYPE html><html><body><h1>Something went wrong</h1></body></html>\n"
_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}


LINK_CONFIG = Config(signature_version="s3v4", s3={"addressing_style": "path"})


def temporary_session(
    sts_url: str, access_key_id: str, region: str, ca_bundle: Path
) -> boto3.Session:
    """A session whose links carry X-Amz-Security-Token, as PingOne's do.

    The local cloud checks the signature of these too; it refuses links that its administrator
    signed.
    """
    administrator = boto3.Session(access_key_id, "local", region_name=region)
    sts = administrator.client("sts", endpoint_url=sts_url, verify=str(ca_bundle))
    credentials = sts.get_session_token()["Credentials"]
    return boto3.Session(
        credentials["AccessKeyId"],
        credentials["SecretAccessKey"],
        credentials["SessionToken"],
        region_name=region,
    )


class FileStore:
    """A ReportBucket in S3. `certificate` is the front's, key included, for 127.0.0.1."""

    def __init__(
        self,
        s3_url: str,
        bucket: str,
        *,
        certificate: Path,
        ca_bundle: Path,
        access_key_id: str,
        region: str,
    ) -> None:
        self._bucket = bucket
        self._front = _Front(s3_url, certificate, ca_bundle, self._replace)
        session = temporary_session(s3_url, access_key_id, region, ca_bundle)
        self._s3 = session.client(
            "s3", endpoint_url=s3_url, verify=str(ca_bundle), config=LINK_CONFIG
        )
        self._signer = session.client("s3", endpoint_url=self._front.url, config=LINK_CONFIG)

    @property
    def host(self) -> str:
        return self._front.url.removeprefix("https://")

    def upload(self, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def presigned_link(self, key: str, seconds: int) -> str:
        return self._signer.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )

    @contextmanager
    def serve(self, faults_of: Callable[[str], FaultPlan], log: RequestLog) -> Iterator[None]:
        self._front.faults_of, self._front.log = faults_of, log
        thread = threading.Thread(
            target=self._front.serve_forever,
            kwargs={"poll_interval": 0.02},  # what shutdown() waits for
            name="file store",
            daemon=True,
        )
        thread.start()
        try:
            yield
        finally:
            self._front.stopping.set()
            self._front.shutdown()
            self._front.server_close()
            thread.join()

    def _replace(self, key: str) -> None:
        source = f"{self._bucket}/{replacement_of(key)}"
        self._s3.copy_object(Bucket=self._bucket, Key=key, CopySource=source)


class _Front(ThreadingHTTPServer):
    request_queue_size = 64
    faults_of: Callable[[str], FaultPlan]
    log: RequestLog

    def __init__(
        self, s3_url: str, certificate: Path, ca_bundle: Path, replace: Callable[[str], None]
    ) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replace = replace
        self.stopping = threading.Event()
        self.s3 = urllib3.connection_from_url(s3_url, maxsize=16, ca_certs=str(ca_bundle))
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.server_port}"

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        # Its handshake is left to its own thread.
        return self._tls.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        ), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client may hang up; anything else is a defect of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Front

    def do_GET(self) -> None:
        key = urlsplit(self.path).path.rpartition("/")[2]
        environment_id, format_ = environment_and_format(key)
        effects = self.server.faults_of(environment_id).effects_of_next("download", format_)
        status, headers, body = self._answer_of(key, effects)
        dropped = any(isinstance(effect, DropConnection) for effect in effects)
        self.server.log.record_download(
            RecordedDownload(
                environment_id,
                format_,
                self.headers["Range"],
                self.headers["If-Match"],
                None if dropped else status,
            )
        )
        self.server.stopping.wait(sum(e.seconds for e in effects if isinstance(e, Hang)))
        if dropped:
            self.close_connection = True
        else:
            self._send(status, headers, body, effects)

    def _answer_of(self, key: str, effects: list[Effect]) -> tuple[int, dict[str, str], bytes]:
        asked = dict(self.headers)
        for effect in effects:
            match effect:
                case Answer(status=status, html=True):
                    return status, {"Content-Type": "text/html"}, _HTML_PAGE
                case Answer(status=status):
                    error = _ERROR.format(_ERROR_CODES.get(status, "Redirect")).encode()
                    location = {"Location": self.path} if 300 <= status < 400 else {}
                    return status, {"Content-Type": "application/xml", **location}, error
                case ReplaceObject():
                    self.server.replace(key)
                case IgnoreRange():
                    asked.pop("Range", None)
                case _:
                    pass
        answer = self.server.s3.request(
            "GET", self.path, headers=asked, redirect=False, retries=False, decode_content=False
        )
        headers = {k: v for k, v in answer.headers.items() if k.lower() not in _OF_ONE_CONNECTION}
        return answer.status, headers, answer.data

    def _send(
        self, status: int, headers: Mapping[str, str], body: bytes, effects: list[Effect]
    ) -> None:
        for effect in effects:
            match effect:
                case ShortBody(size=size):
                    body = body[:size]
                case FlipBit(at=at):
                    body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
                case _:
                    pass
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for effect in effects:
            match effect:
                case CutOff(after=after):
                    self.wfile.write(body[:after])
                    self.close_connection = True
                    return
                case Reset(after=after):
                    self.wfile.write(body[:after])
                    self._reset()
                    return
                case Stall(after=after, seconds=seconds):
                    self.wfile.write(body[:after])
                    self.server.stopping.wait(seconds)
                    body = body[after:]
                case _:
                    pass
        self.wfile.write(body)

    def _reset(self) -> None:
        """Close without the usual goodbye: what is on its way is lost, and TCP sends an RST."""
        at_once = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
        self.rfile.close()
        self.connection.close()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would quote links."""
