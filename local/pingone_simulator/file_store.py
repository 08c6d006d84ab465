"""PingOne's file store: a bucket of the local cloud, behind a proxy that can fail.

A link names the proxy, but S3 still accepts or refuses its signature.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import boto3
from botocore.config import Config

from local.faults import DropConnection
from local.https_front import ForwardingHandler, HttpsFront, Reply
from local.pingone_simulator.faults import (
    Answer,
    CutOff,
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
from local.pingone_simulator.zip_damage import HTML_PAGE

_ERROR_CODES = {400: "ExpiredToken", 403: "AccessDenied", 500: "InternalError", 503: "SlowDown"}
_ERROR = "<Error><Code>{0}</Code><Message>{0}</Message></Error>"
LINK_CONFIG = Config(signature_version="s3v4", s3={"addressing_style": "path"})


def temporary_session(
    sts_url: str, access_key_id: str, region: str, ca_bundle: Path
) -> boto3.Session:
    """A session whose links carry X-Amz-Security-Token, as PingOne's do.

    The local cloud checks these signatures, too. It refuses links that its administrator signed.
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


class FileStore(HttpsFront):
    """A ReportBucket in S3. `certificate` is the proxy's, for 127.0.0.1, with its key."""

    faults_of: Callable[[str], FaultPlan]
    log: RequestLog

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
        super().__init__(_Handler, s3_url, certificate, ca_bundle)
        self._bucket = bucket
        session = temporary_session(s3_url, access_key_id, region, ca_bundle)
        self._s3 = session.client(
            "s3", endpoint_url=s3_url, verify=str(ca_bundle), config=LINK_CONFIG
        )
        self._signer = session.client("s3", endpoint_url=self.url, config=LINK_CONFIG)

    @property
    def host(self) -> str:
        return self.url.removeprefix("https://")

    def upload(self, key: str, body: bytes) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=body)

    def presigned_link(self, key: str, seconds: int) -> str:
        return self._signer.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=seconds
        )

    @contextmanager
    def serve(self, faults_of: Callable[[str], FaultPlan], log: RequestLog) -> Iterator[None]:
        self.faults_of, self.log = faults_of, log
        with self.serving():
            yield

    def replace(self, key: str) -> None:
        """Replace an object by another one with the same content."""
        source = f"{self._bucket}/{replacement_of(key)}"
        self._s3.copy_object(Bucket=self._bucket, Key=key, CopySource=source)


class _Handler(ForwardingHandler):
    server: FileStore

    def answer(self) -> None:
        key = urlsplit(self.path).path.rpartition("/")[2]
        environment_id, format_ = environment_and_format(key)
        effects = self.server.faults_of(environment_id).effects_of_next("download", series=format_)
        status, headers, body = self._answer_of(key, effects)
        dropped = any(isinstance(effect, DropConnection) for effect in effects)
        self.server.log.downloads.append(
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

    def _answer_of(self, key: str, effects: list[Effect]) -> Reply:
        asked = dict(self.headers)
        for effect in effects:
            match effect:
                case Answer(status=status, html=True):
                    return status, {"Content-Type": "text/html"}, HTML_PAGE
                case Answer(status=status):
                    error = _ERROR.format(_ERROR_CODES.get(status, "Redirect")).encode()
                    location = {"Location": self.path} if 300 <= status < 400 else {}
                    return status, {"Content-Type": "application/xml", **location}, error
                case ReplaceObject():
                    self.server.replace(key)
                case IgnoreRange():
                    asked.pop("Range", None)
        return self.forward(asked)

    def _send(
        self, status: int, headers: Mapping[str, str], body: bytes, effects: list[Effect]
    ) -> None:
        for effect in effects:
            match effect:
                case ShortBody(size=size):
                    body = body[:size]
                case FlipBit(at=at):
                    body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        self.send_head(status, headers, len(body))
        for effect in effects:
            match effect:
                case CutOff(after=after):
                    self.wfile.write(body[:after])
                    self.close_connection = True
                    return
                case Reset(after=after):
                    self.wfile.write(body[:after])
                    self.reset()
                    return
                case Stall(after=after, seconds=seconds):
                    self.wfile.write(body[:after])
                    self.server.stopping.wait(seconds)
                    body = body[after:]
        self.wfile.write(body)
