"""The simulator as a server in a thread of the process that starts it."""

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Self

from werkzeug.serving import make_server

from local.faults import Fault
from local.pingone_simulator.clock import Clock, ScaledClock
from local.pingone_simulator.environments import Environments, ListedEnvironment
from local.pingone_simulator.explorations import Explorations, Settings
from local.pingone_simulator.rate_limits import RateLimits
from local.pingone_simulator.report_files import ReportBucket, ReportFiles, make_report_files
from local.pingone_simulator.request_log import (
    IssuedSecret,
    RecordedDownload,
    RecordedRequest,
    RequestLog,
)
from local.pingone_simulator.routes import create_app
from local.pingone_simulator.scenario import Scenario
from local.pingone_simulator.worker_apps import WorkerApps

# The log of requests is `PingOneSimulator.requests`.
logging.getLogger("werkzeug").setLevel(logging.WARNING)


class PingOneSimulator:
    """PingOne's token endpoint, dataExplorations and files, over HTTP on this machine.

    Use `with PingOneSimulator(bucket) as simulator:`, or `start()` and `stop()`. Any thread may
    call everything else at any time.
    """

    def __init__(
        self,
        bucket: ReportBucket,
        *,
        default_scenario: Scenario | None = None,
        rate_limits: bool = True,
        time_scale: float = 1.0,
        clock: Clock | None = None,
    ) -> None:
        """`time_scale` is the wall seconds that an API second takes; a `clock` replaces it."""
        self.clock = clock or ScaledClock(time_scale)
        self.log = RequestLog()
        self.bucket = bucket
        self.environments = Environments(default_scenario or Scenario())
        self.worker_apps = WorkerApps(self.clock, self.log)
        self.rate_limits = RateLimits(self.clock) if rate_limits else None
        self.explorations = Explorations(self.clock, self._generate_files)
        self.stopping = threading.Event()
        self.link_host = bucket.host
        """Replaces p1-reports-prod-<region>.s3.<region>.amazonaws.com; with its port."""
        self.client_id = self.worker_apps.client_id
        self.client_secret = self.worker_apps.client_secret
        self.keyed_client_id = self.worker_apps.keyed.client_id
        """Of another worker application, which has no secret but a JWKS."""
        self.register_jwks = self.worker_apps.keyed.register_jwks
        self.revoke_tokens = self.worker_apps.revoke_tokens
        self.rotate_client_secret = self.worker_apps.rotate_secret
        self.finish_reports = self.explorations.finish
        self.organization_id = self.environments.organization_id
        """The scenario of this id has the faults of `GET /environments`."""
        self._generators = ThreadPoolExecutor(thread_name_prefix="report")
        self._serving_files = ExitStack()
        self._server = make_server("127.0.0.1", 0, create_app(self), threaded=True)
        self._thread = threading.Thread(
            target=self._server.serve_forever,
            kwargs={"poll_interval": 0.02},  # what stop() waits for
            name="PingOne simulator",
            daemon=True,
        )

    def start(self) -> Self:
        self._serving_files.enter_context(self.bucket.serve(self.environments.faults_of, self.log))
        self._thread.start()
        return self

    def stop(self) -> None:
        """End hanging calls, and close the port. Do not start an instance twice."""
        self.stopping.set()
        self._serving_files.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._generators.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_error: object) -> None:
        self.stop()

    @property
    def auth_url(self) -> str:
        """Replaces https://auth.pingone.com; `/as/token` on it is a custom domain's endpoint."""
        return f"http://{self._server.host}:{self._server.port}"

    @property
    def api_url(self) -> str:
        """Replaces https://api.pingone.com/v1."""
        return f"{self.auth_url}/v1"

    def token_url(self, environment_id: str) -> str:
        return f"{self.auth_url}/{environment_id}/as/token"

    @property
    def requests(self) -> list[RecordedRequest]:
        return list(self.log.requests)

    def requests_of(self, environment_id: str) -> list[RecordedRequest]:
        return [request for request in self.requests if request.environment_id == environment_id]

    def downloads_of(self, environment_id: str) -> list[RecordedDownload]:
        return [
            download for download in self.log.downloads if download.environment_id == environment_id
        ]

    @property
    def issued_secrets(self) -> list[IssuedSecret]:
        return self.log.secrets

    def list_environments(self, listed: Sequence[ListedEnvironment]) -> None:
        """Let the worker application see these environments from now on."""
        self.environments.listed = tuple(listed)

    def set_scenario(self, environment_id: str, scenario: Scenario) -> None:
        """Use this scenario from now on; its faults count from zero, and no file is cached."""
        self.environments.set_scenario(environment_id, scenario)
        self.explorations.forget_files(environment_id)

    def unmet_faults(self, environment_id: str) -> list[Fault]:
        """The faults of the environment's scenario that no call has met yet."""
        return self.environments.faults_of(environment_id).unmet

    def _generate_files(
        self, environment_id: str, settings: Settings, scenario: Scenario
    ) -> Future[ReportFiles]:
        return self._generators.submit(
            make_report_files, self.bucket, environment_id, settings.fields, scenario
        )
