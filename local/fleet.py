"""Exports a simulated organisation of 40 environments in one start, and shows how they end.

One environment is forbidden, one fails, one is slow and one has a hostile name. It exits with 0
only if each is accounted for as it must be, once, in the fleet's one manifest.
"""

import json
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import uuid4

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from local.display import console, show_error, simulated, visible_whole
from local.kept_exports import copy_bucket
from local.paths import ROOT, WORK
from local.pingone_simulator import Answer, Fault, ListedEnvironment, PingOneSimulator, Scenario
from local.stack import Stack
from pingone_reports.model.text import one_line

_TIME_SCALE = 0.2
# How many exports run at once on this machine.
_CONCURRENCY = 8
_ENVIRONMENTS = 40
_SMALL = Scenario(rows=200)
_REQUEST = {"correlationId": "fleet-demo", "formats": ["csv"], "toleratedFailurePercent": 5}
_HOSTILE = (
    "<script>alert('1')</script>; DROP TABLE devices --\u202e ${jndi:ldap://x} {% $eval('1') %}"
)
# By name: the scenario, and the error that the manifest must tell.
_SPECIAL = {
    "Forbidden": (Scenario(faults=(Fault("create", Answer(403), times=None),)), "AccessDenied"),
    "Failing": (Scenario(final_status="FAILED"), "ReportFailed"),
    "Slow": (Scenario(rows=200, generation_seconds=90), None),
    _HOSTILE: (_SMALL, None),
}
_FOLDER = WORK / "fleet"
_STYLES = {"waiting": "dim", "RUNNING": "yellow", "SUCCEEDED": "green", "FAILED": "red"}


def main() -> int:
    """Run the demonstration; returns the exit status."""
    concurrency = str(_CONCURRENCY)
    with simulated("fleet", _SMALL, _TIME_SCALE, MaxConcurrency=concurrency) as (stack, pingone):
        names = _organisation(pingone)
        console.print(f"[green]✓[/] An organisation of {len(names)} environments")
        console.print(f"\n[bold]start-execution[/] {json.dumps(_REQUEST)}")
        ended = _follow(stack, stack.start_fleet(_REQUEST), names)
        return _show(stack, ended, names)


def _organisation(pingone: PingOneSimulator) -> dict[str, str]:
    """Make the environments; returns their names by id."""
    customers = [f"Customers {number:02}" for number in range(_ENVIRONMENTS - len(_SPECIAL))]
    listed = [ListedEnvironment(str(uuid4()), name) for name in [*_SPECIAL, *customers]]
    for environment in listed:
        if environment.name in _SPECIAL:
            pingone.set_scenario(environment.id, _SPECIAL[environment.name][0])
    pingone.list_environments(listed)
    return {environment.id: environment.name for environment in listed}


def _follow(stack: Stack, execution_arn: str, names: Mapping[str, str]) -> dict[str, Any]:
    """Show how the exports are until the fleet ends; returns its execution's description."""
    columns = TextColumn("{task.description}"), BarColumn(40), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("", total=len(names))
        while True:
            description = stack.describe(execution_arn)
            counts = Counter(_statuses(stack, names).values())
            shown = (
                f"[{style}]{counts[each]} {each.lower()}[/]" for each, style in _STYLES.items()
            )
            ended = counts["SUCCEEDED"] + counts["FAILED"]
            progress.update(task, completed=ended, description="  ".join(shown))
            if description["status"] != "RUNNING":
                return description
            time.sleep(0.5)


def _statuses(stack: Stack, names: Mapping[str, str]) -> dict[str, str]:
    """Each environment's export, by the environment's id: waiting, or its execution's status."""
    pages = stack.cloud.client("stepfunctions").get_paginator("list_executions")
    statuses = dict.fromkeys(names, "waiting")
    for page in pages.paginate(stateMachineArn=stack.outputs["StateMachineArn"]):
        for execution in page["executions"]:
            # The name ends with the environment's id.
            statuses[str(execution["name"])[-36:]] = str(execution["status"])
    return statuses


def _show(stack: Stack, ended: dict[str, Any], names: Mapping[str, str]) -> int:
    """What came of it. The bucket goes with the cloud, so its files are copied before."""
    # The exports' own events come first.
    events: list[dict[str, Any]] = []
    while received := stack.receive_events(wait_seconds=2):
        events += [event for event in received if "Fleet" in event["detail-type"]]
    shutil.rmtree(_FOLDER, ignore_errors=True)
    files = copy_bucket(stack, _FOLDER)
    manifests = [file for file in files if file.name == "fleet.json"]
    environments: list[dict[str, Any]] = [
        each for file in manifests for each in json.loads(file.read_text())["environments"]
    ]
    console.print()
    for each in environments:
        if each["error"]:
            told = f"{each['name']}: {each['error']}: {each['message']}"
            console.print(Text(visible_whole(told)), soft_wrap=True)
    for file in (*manifests, *(f for f in files if "/posture/fleet/" in f.as_posix())):
        console.print(Text(str(file.relative_to(ROOT))), soft_wrap=True)
    console.print(f"Everything that landed in its bucket is in {_FOLDER.relative_to(ROOT)}.\n")
    wrong = list(_wrong(environments, names))
    if len(events) != 1:
        wrong.append(f"The fleet sent {len(events)} events in place of one.")
    for line in wrong:
        console.print(Text(f"✗ {visible_whole(line)}", "red"), soft_wrap=True)
    if ended["status"] != "SUCCEEDED":
        show_error(ended)
    elif not wrong:
        console.print("[green]✓ Each environment is accounted for once, as it should be.[/]")
        return 0
    console.print(f"[red]✗ {len(wrong)} things are not as they should be.[/]")
    return 1


def _wrong(environments: Sequence[dict[str, Any]], names: Mapping[str, str]) -> Iterator[str]:
    """Each environment that is not accounted for as it must be, once."""
    found = Counter((e["environmentId"], e["name"], e["error"]) for e in environments)
    expected = Counter(
        (id_, one_line(name), _SPECIAL.get(name, (_SMALL, None))[1]) for id_, name in names.items()
    )
    for what, entries in (("lacks", expected - found), ("has", found - expected)):
        for _, name, error in entries.elements():
            yield f"The manifest {what} {name!r}: {error or 'exported'}."
    for each in environments:
        if not each["error"] and not (_FOLDER / each["manifestKey"]).is_file():
            yield f"The bucket lacks the manifest of {each['name']!r}."


if __name__ == "__main__":
    sys.exit(main())
