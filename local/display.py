"""Shows an export's progress, and then its results, on a terminal."""

import csv
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table

from local.stack import Stack, states_entered

console = Console(highlight=False)

_MEANINGS = {
    "StartReport": "asks PingOne for the report",
    "WaitForPingOne": "PingOne wants 5 s between two calls",
    "CheckReport": "asks PingOne whether it is ready",
    "FetchReport": "downloads, decrypts, verifies and uploads it",
    "PublishCompleted": "sends the completed event",
    "DiscardReport": "removes what a failed export left",
    "PublishFailed": "sends the failed event",
}


@contextmanager
def step(what: str) -> Iterator[None]:
    """Print what is being done, and then how long it took."""
    started = time.monotonic()
    with console.status(what):
        yield
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - started:.1f} s[/]")


def follow(stack: Stack, execution_arn: str, total_bytes: int | None) -> dict[str, Any]:
    """Print each state as it is entered, and a progress bar over the bytes in the bucket.

    Returns the description of the ended execution. Without `total_bytes` the bar shows no end.
    """
    progress = Progress(
        TextColumn("            "),
        BarColumn(bar_width=30),
        DownloadColumn(),
        TransferSpeedColumn(),
        console=console,
        transient=True,
    )
    shown, started, checks = 0, None, 0
    with progress:
        landed = progress.add_task("landed", total=total_bytes, visible=False)
        while True:
            description = stack.describe(execution_arn)
            for entered, state in states_entered(stack.history(execution_arn))[shown:]:
                shown += 1
                started = started or entered
                if state not in _MEANINGS:
                    continue
                checks += state == "CheckReport"
                count = f" [dim](poll {checks})[/]" if state == "CheckReport" else ""
                seconds = (entered - started).total_seconds()
                console.print(f"  {seconds:5.1f} s  [bold]{state:17}[/] {_MEANINGS[state]}{count}")
                if state == "FetchReport":
                    progress.start_task(landed)
                    progress.update(landed, visible=True)
            if progress.tasks[landed].visible:
                progress.update(landed, completed=stack.bytes_landed())
            if description["status"] != "RUNNING":
                return description
            time.sleep(0.1)


def show_error(description: dict[str, Any]) -> None:
    """Why an execution failed."""
    console.print(f"[red]✗ {description.get('error', description['status'])}[/]")
    console.print(description.get("cause", ""), markup=False)


def show_objects(objects: list[dict[str, Any]]) -> None:
    """What landed in the bucket."""
    table = Table(title="What landed in S3", title_justify="left", show_edge=False, box=None)
    table.add_column("bytes", justify="right")
    table.add_column("key", overflow="fold")
    for item in objects:
        table.add_row(f"{item['Size']:,}", item["Key"])
    console.print()
    console.print(table)


def show_first_records(text: TextIO, rows: int = 4) -> None:
    """The header and the first records of a CSV."""
    records = csv.reader(text)
    table = Table(*next(records), title="The first records", title_justify="left", show_edge=False)
    for _, record in zip(range(rows), records, strict=False):
        table.add_row(*(value.replace("\n", "⏎") for value in record))
    console.print()
    console.print(table)


def show_rows(title: str, rows: Sequence[Mapping[str, str | None]]) -> None:
    """The rows of a query's answer."""
    table = Table(*rows[0], title=title, title_justify="left", show_edge=False)
    for row in rows:
        table.add_row(*row.values())
    console.print()
    console.print(table)


def show_json(title: str, document: object) -> None:
    """A JSON document under a title."""
    console.print(f"\n[italic]{title}[/]")
    console.print_json(json.dumps(document))
