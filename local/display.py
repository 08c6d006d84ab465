"""Shows what is done and what came of it on a terminal, or in lines where there is none."""

import os
import sys
import threading
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from local.cloud import LocalCloud
from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import (
    Stack,
    deployed,
    simulated_pingone,
    simulator_parameters,
    states_entered,
)
from pingone_reports.model.text import visible

console = Console(highlight=False)

_MEANINGS = {
    "StartReport": "asks PingOne for the report",
    "WaitForPingOne": "waits: PingOne generates it, or wants a pause between calls",
    "CheckReport": "asks PingOne whether it is ready",
    "FetchReport": "downloads, decrypts, verifies and uploads it",
    "PublishCompleted": "sends the completed event",
    "DiscardReport": "removes what a failed export left",
    "PublishFailed": "sends the failed event",
}


# Nobody waits longer without a line that says for what.
_SILENCE_SECONDS = 10


@contextmanager
def step(what: str) -> Iterator[None]:
    """Say what is being done, again every ten seconds, and then how long it took."""
    what = escape(what)
    started, done = time.monotonic(), threading.Event()

    def remind() -> None:
        while not done.wait(_SILENCE_SECONDS):
            console.print(f"[dim]… {what}, {time.monotonic() - started:.0f} s[/]")

    # A terminal shows all the time what is waited for.
    reminder = threading.Thread(target=remind, daemon=True)
    if not console.is_terminal:
        reminder.start()
    try:
        with console.status(what):
            yield
    finally:
        done.set()
        if not console.is_terminal:
            reminder.join()
    console.print(f"[green]✓[/] {what} [dim]{time.monotonic() - started:.1f} s[/]")


@contextmanager
def simulated(
    log_name: str, scenario: Scenario | None = None, time_scale: float = 1.0, **parameters: str
) -> Iterator[tuple[Stack, PingOneSimulator]]:
    """A deployed stack with these template parameters, and the PingOne that it calls."""
    with (
        LocalCloud(wait_scale=time_scale, log_name=log_name) as cloud,
        simulated_pingone(cloud, scenario, time_scale) as pingone,
    ):
        console.print("[green]✓[/] A local cloud with IAM enforced, and a PingOne simulator")
        with step("Deploying template.yaml with `sam deploy`"):
            stack = deployed(
                cloud,
                pingone.client_id,
                pingone.client_secret,
                simulator_parameters(pingone) | parameters,
            )
        yield stack, pingone


def follow(stack: Stack, execution_arn: str) -> dict[str, Any]:
    """Print each state as it is entered; returns the description of the ended execution."""
    shown, state, entered = 0, "", None
    began = said = time.monotonic()
    while True:
        description = stack.describe(execution_arn)
        for at, state in states_entered(stack.history(execution_arn))[shown:]:
            shown, entered = shown + 1, entered or at
            if state in _MEANINGS:
                seconds, said = (at - entered).total_seconds(), time.monotonic()
                console.print(f"  {seconds:5.1f} s  [bold]{state:17}[/] {_MEANINGS[state]}")
        if description["status"] != "RUNNING":
            return description
        if time.monotonic() - said > _SILENCE_SECONDS:
            said = time.monotonic()
            console.print(f"[dim]  {said - began:5.1f} s  … {_MEANINGS.get(state, state)}[/]")
        time.sleep(0.1)


def show_error(description: dict[str, Any]) -> None:
    """Why an execution failed."""
    console.print(f"[red]✗ {description.get('error', description['status'])}[/]")
    console.print(Text(visible_whole(description.get("cause", ""))))


def visible_whole(text: str) -> str:
    """A text of others on a terminal: nothing in it is an order to the terminal, or hidden."""
    return "".join(visible(character) for character in text)


def show_page(title: str, page: Path) -> None:
    """Where a page is. It is opened too, if somebody sits at a desktop."""
    console.print(f"{title}: {page.absolute().as_uri()}", soft_wrap=True, markup=False)
    desktop = (
        sys.platform == "darwin" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    )
    if console.is_terminal and desktop and not os.environ.get("CI"):
        webbrowser.open(page.absolute().as_uri())
