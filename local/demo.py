"""Exports a simulated report of two nights on this machine, and shows who lost a factor between.

It exits with 0 only if files, manifests, events and the page are there and agree.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

from local.athena import run_query, saved_queries
from local.display import console, show_error, show_page, simulated, step
from local.paths import ROOT, WORK
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.days import security_events_of_day
from local.pingone_simulator.report_data import DEFAULT_FIELDS
from local.pingone_simulator.report_files import content_of
from local.pingone_simulator.scenario import ReportFormat
from local.stack import ENVIRONMENT_ID, Stack
from local.waiting import wait_until
from pingone_reports.model.announcements import COMPARED, SECURITY_EVENT_DETECTED
from pingone_reports.model.security_events import RULES, Event

_DAY = 1
_NIGHTS = {
    "last night": Scenario(rows=200_000, day=_DAY - 1),
    "tonight": Scenario(rows=200_000, day=_DAY),
}
_FIELDS = (*DEFAULT_FIELDS, "mfaEnabled", "deviceType", "deviceBlocked", "deviceLocked")
_SHOWN = Event.NO_BETTER_THAN_WEAK
_QUESTION = "Who has MFA"
_FOLDER = WORK / "demo"
_NAMES = {"html": "page.html", "parquet": "changes.parquet"}
_ABOUT = {
    "changes.parquet": "what changed, for Athena",
    "devices.csv": "the report",
    "devices.json": "the report",
    "event-compared.json": "the numbers of what changed",
    "event-completed.json": "that the report has landed",
    "events-security.json": "what happened, one event for each user",
    "manifest.json": "what landed, written last",
    "page.html": "the page of the morning",
    "who-has-mfa.json": f"Athena's answer to {_QUESTION!r}",
}

Told = dict[str, Any]


def main() -> int:
    """Run the demonstration; returns the exit status."""
    with ThreadPoolExecutor(1) as background:
        # PingOne has its data before anybody asks for it.
        for night in _NIGHTS.values():
            for format_ in get_args(ReportFormat):
                background.submit(content_of, night, _FIELDS, format_)
        fields = ",".join(_FIELDS)
        with simulated("demo", ReportFields=fields, Analytics="enabled") as (stack, pingone):
            return _two_nights(stack, pingone)


def _two_nights(stack: Stack, pingone: PingOneSimulator) -> int:
    events: list[Told] = []
    for name, scenario in _NIGHTS.items():
        pingone.set_scenario(ENVIRONMENT_ID, scenario)
        with step(f"Exporting {scenario.rows:,} devices {name}"):
            ended = stack.wait_for(stack.start_export({"correlationId": name.split()[-1]}))
        if ended["status"] != "SUCCEEDED":
            show_error(ended)
            return 1
    with step("Comparing both nights"):
        wait_until(lambda: _received(stack, events) == len(_NIGHTS), "both nights are compared")
    tonight = [e for e in events if e["detail"]["executionArn"] == ended["executionArn"]]
    (compared,) = (e["detail"] for e in tonight if e["detail-type"] == COMPARED)
    security = [e["detail"] for e in tonight if e["detail-type"] == SECURITY_EVENT_DETECTED]
    console.print()
    for line in _story(compared, security):
        console.print(line, markup=False)
    _keep(stack, tonight, compared)

    found = sorted((event["event"], event["userId"]) for event in security)
    right = {
        "Every file is what its manifest says": all(_is_whole(stack, event) for event in events),
        "Each planted change was told, and no other": found == security_events_of_day(_DAY),
    }
    console.print()
    for what, holds in right.items():
        console.print(f"[green]✓[/] {what}." if holds else f"[red]✗ Not true: {what}.[/]")
    return 0 if all(right.values()) else 1


def _received(stack: Stack, events: list[Told]) -> int:
    """Take what the subscriber got; returns how many exports have told that they are compared."""
    events += stack.receive_events(wait_seconds=1)
    return sum(event["detail-type"] == COMPARED for event in events)


def _story(compared: Mapping[str, Any], security: Sequence[Told]) -> Iterator[str]:
    """Whom it happened to, with ids that can be copied, and what else there is."""
    shown = [event for event in security if event["code"] == _SHOWN.name]
    yield f"{len(shown)} users lost their last strong factor: {_SHOWN}."
    yield f"Each {RULES[_SHOWN].sentence}."
    for event in shown:
        yield f"  {event['userId']}: {event['strengthBefore']} before, {event['strengthAfter']} now"
        for device in event["devices"]:
            yield f"    {device['deviceId']}  {device['deviceType']} {device['what']}"
    others = [
        f"{Event[code]} ({number})"
        for code, number in compared["securityEvents"].items()
        if number and code != _SHOWN.name
    ]
    yield f"Beside them: {', '.join(others)}."


def _keep(stack: Stack, events: Sequence[Told], compared: Mapping[str, Any]) -> None:
    """Copy tonight's files and documents into a folder, and say where they are."""
    shutil.rmtree(_FOLDER, ignore_errors=True)
    _FOLDER.mkdir(parents=True)
    landed = stack.objects(compared["manifestKey"].rpartition("/")[0])
    for key in (*(item["Key"] for item in landed), compared["pageKey"], compared["changesKey"]):
        with (_FOLDER / _NAMES.get(key.rpartition(".")[2], Path(key).name)).open("wb") as file:
            stack.download(key, file)
    by_type: dict[str, list[Told]] = {}
    for event in events:
        by_type.setdefault(event["detail-type"], []).append(event)
    security = by_type.pop(SECURITY_EVENT_DETECTED)
    _write("events-security.json", security)
    for kind, [event] in by_type.items():
        _write(f"event-{kind.rpartition(' ')[2].lower()}.json", event)
    _write("who-has-mfa.json", run_query(stack, saved_queries()[_QUESTION]["QueryString"]))
    console.print()
    show_page("The page of the morning", _FOLDER / "page.html")
    console.print(f"\nEverything of tonight is in {_FOLDER.relative_to(ROOT)}:")
    for name in sorted(each.name for each in _FOLDER.iterdir()):
        size = (_FOLDER / name).stat().st_size
        console.print(f"  {name:20} {size:>11,} bytes  {_ABOUT[name]}", markup=False)


def _write(name: str, document: object) -> None:
    (_FOLDER / name).write_text(json.dumps(document, indent=2) + "\n")


def _is_whole(stack: Stack, event: Told) -> bool:
    return all(
        file["sha256"] == hashlib.sha256(stack.read(file["key"])).hexdigest()
        for file in event["detail"].get("files", ())
    )


if __name__ == "__main__":
    sys.exit(main())
