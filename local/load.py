"""Many exports requested at one moment: how long PingOne's limits make them take, and what they do.

The whole stack carries 50 of one environment. 500 over 100 environments are more processes than a
small machine holds: then threads run the functions' own code in the state machine's order, against
the simulator and the table of the local cloud, and read the links but no files.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from uuid import uuid4

from rich.table import Table

from local.cloud import LocalCloud
from local.display import console
from local.pingone_simulator import PingOneSimulator, RecordedRequest, Scenario
from local.stack import deployed, simulated_pingone, simulator_parameters

_CALLS_AN_EXPORT = 3
_SECONDS_BETWEEN_CALLS = 5
_CALLS_A_MINUTE = 600


def main() -> int:
    rows = [_whole_stack(exports=int(sys.argv[1]), environments=1, time_scale=float(sys.argv[2]))]
    return 0


def _whole_stack(exports: int, environments: int, time_scale: float) -> None:
    ids = [str(uuid4()) for _ in range(environments)]
    with (
        LocalCloud(wait_scale=time_scale, log_name="load") as cloud,
        simulated_pingone(cloud, Scenario(rows=50), time_scale=time_scale) as pingone,
    ):
        stack = deployed(
            cloud, pingone.client_id, pingone.client_secret, simulator_parameters(pingone)
        )
        started = [
            stack.start_export(
                {"environmentId": ids[number % environments], "reportName": f"r{number}"}
            )
            for number in range(exports)
        ]
        ended = Counter()
        for arn in started:
            d = stack.wait_for(arn, timeout_seconds=3000)
            ended[d["status"], d.get("error")] += 1
        calls = [c for c in pingone.requests if "dataExplorations" in c.path]
        good = [c for c in calls if c.status and c.status < 400]
        print(
            ended, len(calls), Counter(c.status for c in calls), good[-1].seconds - good[0].seconds
        )


if __name__ == "__main__":
    sys.exit(main())
