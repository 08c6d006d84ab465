"""Chromium without a window, as Debian and Ubuntu package it: `make browser` installs it."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from local.paths import WORK
from pingone_reports.model.fleet_posture import FleetPosture
from pingone_reports.model.posture import Posture
from pingone_reports.tables.fleet_page import render_fleet
from pingone_reports.tables.page import render

_FLAGS = (
    "--headless=new",
    # Pages of our own alone are opened, and root has no sandbox.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    # It asks its maker for nothing.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--force-color-profile=srgb",
)


@contextmanager
def browser() -> Iterator[Chrome]:
    """A browser with an empty profile, which logs what it asks the network for."""
    driver = shutil.which("chromedriver")
    if driver is None:
        sys.exit("chromedriver is missing: `make browser` installs it, or says what to install.")
    options = ChromeOptions()
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    chrome = Chrome(options=options, service=ChromeService(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


def show(chrome: Chrome, width: int, dark: bool = False, height: int = 800) -> None:
    """Let the screen be that wide and high, and light or dark."""
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 640},
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})


def opened(chrome: Chrome, posture: Posture | FleetPosture, name: str) -> Path:
    """Let it open the page of a posture from disk, where the page then is."""
    # Not in /tmp, of which a snap has its own.
    page = WORK / "pages" / f"{name}.html"
    page.parent.mkdir(parents=True, exist_ok=True)
    text = render(posture) if isinstance(posture, Posture) else render_fleet(posture)
    page.write_bytes(text.encode())
    chrome.get(page.as_uri())
    return page


def logged(chrome: Chrome, kind: str) -> list[dict[str, Any]]:
    """What it has written since the last look into its log `browser` or `performance`."""
    return list(chrome.get_log(kind))  # type: ignore[no-untyped-call]
