"""Exports a simulated report of two days on this machine, from the deployment to what changed.

It exits with 0 only if files, manifests, events and the page are there and agree.
"""

import hashlib
import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from local.athena import run_query, saved_queries
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
from local.paths import WORK
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.days import security_events_of_day
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.stack import (
    ENVIRONMENT_ID,
    Stack,
    deployed,
    simulated_pingone,
    simulator_parameters,
)
from local.waiting import wait_until
from pingone_reports.model.announcements import COMPARED, SECURITY_EVENT_DETECTED

_DAYS = (4, 5)
_SCENARIO = Scenario(rows=200_000, day=_DAYS[0])
_FIELDS = (*DEFAULT_FIELDS, "mfaEnabled", "deviceType", "deviceBlocked", "deviceLocked")
_QUESTION = "Who has MFA"
_SHOWN = 8

_COMPLETED = "PingOne Report Export Completed"

Event = dict[str, Any]


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
            return _two_days(stack, pingone, size.result())


def _two_days(stack: Stack, pingone: PingOneSimulator, total_bytes: int) -> int:
    events: list[Event] = []
    first = _export(stack, "yesterday", total_bytes, events)
    if not first:
        return 1
    manifest = json.loads(stack.read(first["detail"]["manifestKey"]))
    show_objects(stack.objects(manifest["files"][0]["key"].rpartition("/")[0]))
    report = next(file["key"] for file in manifest["files"] if file["format"] == "csv")
    show_first_records(io.StringIO(stack.read(report).decode(), newline=""))
    show_json("The manifest", manifest)
    show_json("The event, as a subscriber received it", first)

    pingone.set_scenario(ENVIRONMENT_ID, replace(_SCENARIO, day=_DAYS[1]))
    second = _export(stack, "today", total_bytes, events)
    if not second:
        return 1
    with step("Waiting for what changed since yesterday"):
        arn = second["detail"]["executionArn"]
        told = _received(stack, events, COMPARED, arn)
        # They come before it.
        security = _about(arn, SECURITY_EVENT_DETECTED, events)
    show_json("What changed, as a subscriber received it", told)
    show_rows(
        f"{len(security)} security events came with it; the first",
        [
            {name: event["detail"][name] or "" for name in ("event", "userId", "strengthAfter")}
            for event in security[:_SHOWN]
        ],
    )
    show_rows(
        f"{_QUESTION}: a saved query, on the local cloud's Athena (DuckDB)",
        run_query(stack, saved_queries()[_QUESTION]["QueryString"]),
    )
    page = WORK / "posture.html"
    page.write_bytes(stack.read(told["detail"]["pageKey"]))
    console.print(f"\nThe page of the morning: file://{page}", soft_wrap=True)

    right = {
        "Every file is what its manifest says": all(
            _whole(stack, event) for event in (first, second)
        ),
        "Each planted change was told, and no other": _planted(security),
    }
    console.print()
    for what, holds in right.items():
        console.print(f"[green]✓[/] {what}." if holds else f"[red]✗ Not true: {what}.[/]")
    return 0 if all(right.values()) else 1


def _export(stack: Stack, day: str, total_bytes: int, events: list[Event]) -> Event | None:
    """Export and watch; returns the event of an export that completed."""
    request = {"correlationId": day}
    console.print(f"\n[bold]start-execution[/] {json.dumps(request)}")
    ended = follow(stack, stack.start_export(request), total_bytes)
    if ended["status"] != "SUCCEEDED":
        show_error(ended)
        return None
    stack.wait_for_tables(ended["executionArn"])
    return _received(stack, events, _COMPLETED, ended["executionArn"])


def _received(stack: Stack, events: list[Event], detail_type: str, execution_arn: str) -> Event:
    """The event about an export; `events` are those that came, of any."""

    def look() -> Event | None:
        events.extend(stack.receive_events(wait_seconds=1))
        return next(iter(_about(execution_arn, detail_type, events)), None)

    return wait_until(look, f"{detail_type!r} was received")


def _about(execution_arn: str, detail_type: str, events: list[Event]) -> list[Event]:
    return [
        event
        for event in events
        if event["detail-type"] == detail_type and event["detail"]["executionArn"] == execution_arn
    ]


def _whole(stack: Stack, event: Event) -> bool:
    files = event["detail"]["files"]
    return all(
        file["sha256"] == hashlib.sha256(stack.read(file["key"])).hexdigest() for file in files
    )


def _planted(security: list[Event]) -> bool:
    found = sorted((event["detail"]["event"], event["detail"]["userId"]) for event in security)
    return found == security_events_of_day(_DAYS[1])


def _report_bytes() -> int:
    report = DevicesReport(_SCENARIO.rows, _FIELDS, seed=_SCENARIO.seed, day=_SCENARIO.day)
    blocks = (report.csv_blocks(_SCENARIO.csv_line_end), report.json_blocks(_SCENARIO.json_shape))
    return sum(len(block.encode()) for kind in blocks for block in kind)


if __name__ == "__main__":
    sys.exit(main())
