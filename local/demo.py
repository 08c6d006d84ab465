"""Exports a simulated report on this machine, from the deployment to the event.

It exits with 0 only if the files, the manifest and the event are there and agree.
"""

import hashlib
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor

from local.athena import Row, run_query, saved_queries
from local.cloud import LocalCloud
from local.display import (
    console,
    follow,
    show_error,
    show_first_records,
    show_json,
    show_objects,
    show_rows,
    step,
)
from local.pingone_simulator import Scenario
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.stack import Stack, deployed, simulated_pingone, simulator_parameters

_SCENARIO = Scenario(rows=200_000)
_FIELDS = (*DEFAULT_FIELDS, "mfaEnabled", "deviceType")
_REQUEST = {"correlationId": "demo"}
_QUESTION = "Factors in use"


def main() -> int:
    """Run the demonstration; returns the exit status."""
    with ThreadPoolExecutor(1) as background:
        size = background.submit(_report_bytes)
        with LocalCloud() as cloud, simulated_pingone(cloud, _SCENARIO) as pingone:
            console.print("[green]✓[/] A local cloud with IAM enforced, and a PingOne simulator")
            with step("Deploying template.yaml with `sam deploy`"):
                stack = deployed(
                    cloud,
                    pingone.client_id,
                    pingone.client_secret,
                    simulator_parameters(pingone)
                    | {"ReportFields": ",".join(_FIELDS), "Analytics": "enabled"},
                )
            return _export(stack, size.result())


def _export(stack: Stack, total_bytes: int) -> int:
    console.print(f"\n[bold]start-execution[/] {json.dumps(_REQUEST)}")
    ended = follow(stack, stack.start_export(_REQUEST), total_bytes)
    events = stack.receive_events(wait_seconds=10)
    if ended["status"] != "SUCCEEDED" or len(events) != 1:
        show_error(ended)
        return 1
    event = events[0]
    manifest = json.loads(stack.read(event["detail"]["manifestKey"]))
    files = {file["key"]: stack.read(file["key"]) for file in manifest["files"]}
    show_objects(stack.objects(manifest["files"][0]["key"].rpartition("/")[0]))
    report = next(body for key, body in files.items() if key.endswith(".csv"))
    show_first_records(io.StringIO(report.decode(), newline=""))
    show_json("The manifest", manifest)
    show_json("The event, as a subscriber received it", event)
    whole = all(
        file["sha256"] == hashlib.sha256(files[file["key"]]).hexdigest()
        and file["records"] == _SCENARIO.rows
        for file in manifest["files"]
    )
    console.print(
        "\n[green]✓ Every file is what the manifest says.[/]"
        if whole
        else "\n[red]✗ A file is not what the manifest says.[/]"
    )
    show_rows(
        f"{_QUESTION}: a saved query, on the local cloud's Athena (DuckDB)",
        _answer(stack, ended["executionArn"]),
    )
    return 0 if whole else 1


def _answer(stack: Stack, execution_arn: str) -> list[Row]:
    with step("Waiting for the tables of Athena, and asking it"):
        stack.wait_for_tables(execution_arn)
        return run_query(stack, saved_queries()[_QUESTION]["QueryString"])


def _report_bytes() -> int:
    report = DevicesReport(_SCENARIO.rows, _FIELDS, seed=_SCENARIO.seed)
    blocks = (report.csv_blocks(_SCENARIO.csv_line_end), report.json_blocks(_SCENARIO.json_shape))
    return sum(len(block.encode()) for kind in blocks for block in kind)


if __name__ == "__main__":
    sys.exit(main())
