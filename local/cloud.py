"""AWS on this machine: a ministack process with IAM enforced, which ends when its user does."""

import os
import re
import socket
import ssl
import subprocess
import urllib.request
from pathlib import Path
from typing import Any, Self

import boto3
import certifi
import trustme
from botocore.config import Config

from local.paths import WORK, program_of
from local.waiting import wait_until

REGION = "us-east-1"
# Only these: some of the others listen on fixed ports.
_SERVICES = (
    "athena,cloudformation,dynamodb,events,glue,iam,kms,lambda,logs,monitoring,s3,scheduler,"
    "secretsmanager,sns,sqs,states,sts"
)
# Under IAM enforcement, ministack takes an account id as the access key of its administrator.
ACCOUNT_ID = "123456789012"
# It reads until the process at the other end closes the pipe or dies, even by SIGKILL. Nothing else
# detects that on both Linux and macOS. Then it kills the cloud's process group, functions included.
_WATCHDOG = 'read -r _; kill -s KILL -- "-$1"; rm -rf -- "$2"'

_MOST_PORTS = 5


class LocalCloud:
    """A running local cloud; a context manager.

    `wait_scale` shortens the waits and retry intervals of Step Functions, and the retry intervals
    of asynchronous invocations: 0.1 makes 5 s half a second.
    """

    def __init__(self, wait_scale: float = 1.0, log_name: str = "cloud") -> None:
        self.port = free_port()
        self.ca_bundle = WORK / f"{log_name}-ca.pem"
        self.certificate = WORK / f"{log_name}-certificate.pem"
        self.log = WORK / f"{log_name}.log"
        self.wait_scale = wait_scale
        self.data = WORK / f"{log_name}-data"
        self._clients: dict[str, Any] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._watchdog: subprocess.Popen[bytes] | None = None

    @property
    def endpoint_url(self) -> str:
        """Where it answers. The bucket's policy refuses plain HTTP, here as on AWS."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables with which AWS's tools call this cloud, and nothing else."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_CA_BUNDLE": str(self.ca_bundle),
            "REQUESTS_CA_BUNDLE": str(self.ca_bundle),
        }

    @property
    def process_group(self) -> int:
        """The id of the group that the cloud and its functions run in."""
        if self._process is None:
            raise RuntimeError("The local cloud is not running.")
        return self._process.pid

    def client(self, service: str) -> Any:
        """The administrator's boto3 client, made once for each service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,  # type: ignore[call-overload]
                endpoint_url=self.endpoint_url,
                region_name=REGION,
                aws_access_key_id=ACCOUNT_ID,
                aws_secret_access_key="local",  # noqa: S106 -- any secret will do, on this machine
                verify=str(self.ca_bundle),
                config=Config(s3={"addressing_style": "path"}, max_pool_connections=50),
            )
        return self._clients[service]

    def __enter__(self) -> Self:
        WORK.mkdir(exist_ok=True)
        reach_loopback_directly()
        self._issue_certificate()
        for _ in range(_MOST_PORTS):
            self._start()
            try:
                self._wait_until_healthy()
            except BaseException:
                self._stop()
                if not is_taken(self.port, self.log.read_text(errors="replace")):
                    raise
                # By somebody else, since it was found to be free.
                self.port = free_port()
            else:
                return self
        raise RuntimeError(f"No port stayed free for the local cloud: see {self.log}.")

    def _start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 -- our own environment's program
                [program_of("cloud", "ministack")],
                env=self.environment
                | {
                    "GATEWAY_PORT": str(self.port),
                    "BIND_HOST": "127.0.0.1",
                    "USE_SSL": "1",
                    "MINISTACK_SSL_CERT": str(self.certificate),
                    "MINISTACK_SSL_KEY": str(self.certificate),
                    "AUTH": "true",
                    "SERVICES": _SERVICES,
                    "SFN_WAIT_SCALE": str(self.wait_scale),
                    "LAMBDA_ASYNC_RETRY_BASE_SECONDS": str(self.wait_scale),
                    "MINISTACK_REGION": REGION,
                    "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
                    "S3_DATA_DIR": str(self.data),
                },
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._watchdog = subprocess.Popen(  # noqa: S603 -- our own script
            ["/bin/sh", "-c", _WATCHDOG, "sh", str(self.process_group), str(self.data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Ctrl-C must reach only the user's process, which then stops in order.
            start_new_session=True,
        )

    def __exit__(self, *_error: object) -> None:
        self._stop()

    def _issue_certificate(self) -> None:
        """Issue a certificate, from an authority that only this run's processes trust."""
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(
            str(self.certificate)
        )
        self.ca_bundle.write_bytes(trusted_authorities())
        authority.cert_pem.write_to_path(str(self.ca_bundle), append=True)

    def _wait_until_healthy(self) -> None:
        context = ssl.create_default_context(cafile=self.ca_bundle)

        def answers() -> bool:
            try:
                urllib.request.urlopen(  # noqa: S310 -- our own https URL
                    f"{self.endpoint_url}/_ministack/health", timeout=5, context=context
                ).close()
            except OSError:
                if self._process is None or self._process.poll() is not None:
                    raise RuntimeError(f"The local cloud did not start: see {self.log}.") from None
                return False
            return True

        wait_until(answers, f"the local cloud answers; its log is {self.log}")

    def _stop(self) -> None:
        # It is killed: to stop in order, it would wait for idle connections, and it keeps nothing.
        if self._watchdog is not None:
            self._watchdog.communicate()
        # Waited for last, so that no other process can get its id before.
        if self._process is not None:
            self._process.wait()


def is_taken(port: int, log: str) -> bool:
    """Whether the log of a cloud that did not start says that this port is, or ends with a port's.

    It may also say so, earlier, of a port that is not needed. It ends so if it shares 443 with
    another cloud that starts at the same moment: then it cannot go back to its own port alone.
    """
    named = re.search(rf"(:|, ){port}\b.*already in use", log)
    return bool(named) or log.rstrip().endswith("Address already in use")


def reach_loopback_directly() -> None:
    """Let no proxy be asked for addresses of this machine, here and in every process from here."""
    given = os.environ.get("NO_PROXY") or os.environ.get("no_proxy") or ""
    hosts = dict.fromkeys([*filter(None, given.split(",")), "127.0.0.1", "localhost"])
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(hosts)


def trusted_authorities() -> bytes:
    """The certificates that this machine's programs trust (PEM); a folder's in one file.

    Raises OSError if REQUESTS_CA_BUNDLE names what is not there.
    """
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    usual = Path(named or certifi.where())
    if not usual.is_dir():
        return usual.read_bytes()
    # Each is there once more under its hash, as a link.
    files = sorted({file.resolve() for file in usual.iterdir() if file.is_file()})
    return b"\n".join(text for file in files if b"-BEGIN " in (text := file.read_bytes()))


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
