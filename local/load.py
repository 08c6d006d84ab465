"""Many exports requested at once: whether all succeed, and how near they come to PingOne's limits.

50 exports of one environment run on the whole stack. 500 exports over 100 environments need more
functions than a small machine can run at once. There, threads run the functions' code for start,
check and the fetch's turn, in the state machine's order, against the simulator and a table of the
local cloud. They read the links, but download no files.
"""

import math
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import requests
from rich.table import Table as Grid

from local.cloud import LocalCloud
from local.display import console
from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import create_table, deployed, simulated_pingone, simulator_parameters
from pingone_reports.aws.calendar import TurnCalendar
from pingone_reports.aws.idempotency import IdempotencyKeys, Starts
from pingone_reports.aws.table import Table
from pingone_reports.errors import ExportError, TurnPassed
from pingone_reports.model.exploration import Status
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import AccessTokens, ClientCredentials
from pingone_reports.pingone.link_hosts import LinkHosts
from pingone_reports.pingone.links import FreshLinks
from pingone_reports.pingone.rhythm import MIN_SECONDS_BETWEEN_CALLS
from pingone_reports.pingone.turns import CALLS_FROM_CREATE, Turn, Turns
from pingone_reports.steps.check import CheckReport
from pingone_reports.steps.start import NOT_STARTED, Queued, StartReport

_CALLS_A_MINUTE = 600
# How many of each function run at once on this machine.
_CONCURRENCY = 8
_TABLE = "coordination"


@dataclass(frozen=True)
class Load:
    """The results of a run. Seconds are in PingOne's time, from the first call to the last."""

    exports: int
    environments: int
    ended: Counter[str]
    calls: int
    refused: int
    elapsed: float

    @property
    def bound(self) -> float:
        """The least seconds from the first to the last call of these exports, at the limits."""
        calls = self.exports * CALLS_FROM_CREATE
        an_environment = (math.ceil(calls / self.environments) - 1) * MIN_SECONDS_BETWEEN_CALLS
        return max(an_environment, (math.ceil(calls / _CALLS_A_MINUTE) - 1) * 60)


def main() -> int:
    """Run both loads; returns the exit status."""
    grid = Grid(
        "", "exports", "environments", "succeeded", "calls", "429s", "bound", "took", "ratio"
    )
    status = 0
    for name, load in (
        ("whole stack", whole_stack(exports=50, environments=1, time_scale=0.2)),
        ("functions' code", functions_code(exports=500, environments=100, time_scale=0.5)),
    ):
        grid.add_row(
            name,
            *(f"{n}" for n in (load.exports, load.environments, load.ended["SUCCEEDED"])),
            *(f"{n}" for n in (load.calls, load.refused)),
            *(f"{seconds:.0f} s" for seconds in (load.bound, load.elapsed)),
            f"{load.elapsed / load.bound:.2f}",
        )
        if load.ended["SUCCEEDED"] < load.exports:
            console.print(dict(load.ended))
            status = 1
    console.print(grid)
    return status


def _ids(environments: int) -> list[str]:
    return [str(uuid4()) for _ in range(environments)]


def whole_stack(exports: int, environments: int, time_scale: float) -> Load:
    """Exports of a deployed stack."""
    ids = _ids(environments)
    with (
        LocalCloud(wait_scale=time_scale, log_name="load") as cloud,
        simulated_pingone(cloud, Scenario(rows=50), time_scale=time_scale) as pingone,
    ):
        stack = deployed(
            cloud, pingone.client_id, pingone.client_secret, simulator_parameters(pingone)
        )
        functions = cloud.client("lambda")
        for function in functions.list_functions()["Functions"]:
            functions.put_function_concurrency(
                FunctionName=function["FunctionName"], ReservedConcurrentExecutions=_CONCURRENCY
            )
        started = [
            stack.start_export({"environmentId": ids[number % environments]})
            for number in range(exports)
        ]
        ended = [stack.wait_for(arn, timeout_seconds=3600) for arn in started]
        return _load(
            exports,
            environments,
            Counter(str(description.get("error", "SUCCEEDED")) for description in ended),
            pingone,
        )


def functions_code(exports: int, environments: int, time_scale: float) -> Load:
    """Exports of the functions' own code in threads of this process."""
    ids = _ids(environments)
    with (
        LocalCloud(log_name="load") as cloud,
        simulated_pingone(cloud, Scenario(rows=50), time_scale=time_scale) as pingone,
        requests.Session() as session,
    ):
        create_table(cloud, _TABLE)
        run = _Run(cloud, pingone, session, time_scale)
        with ThreadPoolExecutor(exports) as pool:
            ended = Counter(pool.map(run.export, [ids[n % environments] for n in range(exports)]))
        return _load(exports, environments, ended, pingone)


class _Run:
    """Runs the functions' code in the state machine's order, without retries."""

    def __init__(
        self,
        cloud: LocalCloud,
        pingone: PingOneSimulator,
        session: requests.Session,
        time_scale: float,
    ) -> None:
        credentials = ClientCredentials(pingone.client_id, pingone.client_secret)
        tokens = AccessTokens(session, pingone.token_url(str(uuid4())), credentials.proof)
        tokens.renew()
        table = Table(cloud.client("dynamodb"), _TABLE)
        self._pingone = PingOne(session, pingone.api_url, tokens)
        self._turns = Turns(TurnCalendar(table), lambda: time.time() / time_scale)
        self._start = StartReport(
            pingone=self._pingone,
            turns=self._turns,
            keys=IdempotencyKeys(table, cloud.client("stepfunctions")),
            starts=Starts(table, 1800).within(self),
            polling_limit=timedelta(seconds=1800),
        )
        self._check = CheckReport(pingone=self._pingone, turns=self._turns)
        self._hosts = LinkHosts([pingone.link_host])
        self._time_scale = time_scale

    def get_remaining_time_in_millis(self) -> int:
        """The value of Lambda's context when a function begins."""
        return 80_000

    def export(self, environment_id: str) -> str:
        """SUCCEEDED, or the name of the error."""
        try:
            self._export(environment_id)
        except ExportError as error:
            return type(error).__name__
        return "SUCCEEDED"

    def _export(self, environment_id: str) -> None:
        now, name = datetime.now(UTC), str(uuid4())
        execution = Execution(arn=f"arn:{name}", name=name, started_at=now)
        request = ExportRequest.parse(
            {
                "environmentId": environment_id,
                "reportName": "devices",
                "fields": [],
                "filter": "",
                "formats": ["csv"],
                "correlationId": name,
            },
            {},
        )
        state: dict[str, Any] = {"status": NOT_STARTED, "turn": None}
        while True:
            turn = Turn.from_state(state["turn"])
            if state["status"] == NOT_STARTED:
                state = self._start.run(request, execution, Queued(now, turn))
                export = state["export"] and Export.from_state(state["export"])
            elif state["status"] == Status.IN_PROGRESS:
                state = self._check.run(export, turn)
            else:
                try:
                    self._turns.require_to_fetch(environment_id, turn)
                except TurnPassed:
                    state = self._check.run(export, turn)
                else:
                    FreshLinks(self._pingone, export, self._hosts, lambda: 900, self._sleep)
                    return
            self._sleep(state["waitSeconds"])

    def _sleep(self, seconds: float) -> None:
        time.sleep(seconds * self._time_scale)


def _load(exports: int, environments: int, ended: Counter[str], pingone: PingOneSimulator) -> Load:
    calls = [call for call in pingone.requests if "dataExplorations" in call.path]
    answered = [call.seconds for call in calls if call.status in (200, 201)]
    return Load(
        exports=exports,
        environments=environments,
        ended=ended,
        calls=len(calls),
        refused=sum(call.status == 429 for call in calls),
        elapsed=max(answered) - min(answered),
    )


if __name__ == "__main__":
    sys.exit(main())
