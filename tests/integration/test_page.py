"""The page about an export in Chromium, from disk: on a screen and on a phone, light and dark."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver import Chrome

from local.browser import browser, logged, opened, show
from local.paths import ENVIRONMENTS
from local.sample_posture import sample_posture
from pingone_reports.model.fleet_posture import FleetPosture
from pingone_reports.model.posture import Posture
from pingone_reports.model.strength import Strength
from tests.support.fleets import fleet_posture
from tests.support.postures import (
    HOSTILE,
    asked_for_little,
    filtered,
    first_export,
    hostile,
    with_events,
)

AXE = ENVIRONMENTS / "node" / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
POSTURES: dict[str, Posture | FleetPosture] = {
    "sample": sample_posture(),
    "no-event": with_events(0),
    "one-event": with_events(1),
    "10000-events": with_events(10_000),
    "first-export": first_export(),
    "little-asked": asked_for_little(),
    "filtered": filtered(),
    "hostile": hostile(),
    "fleet": fleet_posture(60),
    "hostile-fleet": fleet_posture(len(HOSTILE), HOSTILE),
}
WIDTHS = (360, 1280)


@pytest.fixture(scope="module")
def started() -> Iterator[Chrome]:
    with browser() as chrome:
        yield chrome


@pytest.fixture
def chrome(started: Chrome) -> Chrome:
    """A browser that shows nothing, on a screen, with empty logs."""
    show(started, 1280)
    started.get("about:blank")
    for log in ("browser", "performance"):
        logged(started, log)
    return started


@pytest.mark.parametrize("name", POSTURES)
def test_a_page_fits_a_screen_and_a_phone_and_asks_nobody_for_anything(
    chrome: Chrome, name: str
) -> None:
    page = opened(chrome, POSTURES[name], name).as_uri()
    for width in WIDTHS:
        show(chrome, width)
        chrome.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
        widest, seen = chrome.execute_script(
            "return [document.documentElement.scrollWidth, window.innerWidth]"
        )
        assert seen == width
        assert widest <= width
    assert _asked(chrome) == [page]
    assert logged(chrome, "browser") == []


# Of 10,000 events, the rows of one are as those of the others.
@pytest.mark.parametrize("name", sorted(POSTURES.keys() - {"10000-events"}))
def test_a_page_is_accessible_in_light_and_dark(chrome: Chrome, name: str) -> None:
    opened(chrome, POSTURES[name], name)
    chrome.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    chrome.execute_script(AXE.read_text(encoding="utf-8"))
    colors = set()
    for width, dark in ((1280, False), (1280, True), (360, True)):
        show(chrome, width, dark)
        colors.add(chrome.execute_script("return getComputedStyle(document.body).backgroundColor"))
        found = chrome.execute_async_script(
            "axe.run({runOnly: arguments[0], resultTypes: ['violations', 'incomplete']})"
            ".then(arguments[1])",
            WCAG,
        )
        assert [_told(rule) for rule in found["violations"]] == []
        # What axe leaves open is text in a drawing, and what is scrolled out of view on a phone.
        assert [
            _told(rule)
            for rule in found["incomplete"]
            if width > 360 and not all(node["html"].startswith("<text") for node in rule["nodes"])
        ] == []
    assert len(colors) == 2


@pytest.mark.parametrize("dark", [False, True])
def test_what_is_drawn_stands_out_from_its_ground(chrome: Chrome, dark: bool) -> None:
    show(chrome, 1280, dark)
    opened(chrome, POSTURES["sample"], "sample")
    ground, *drawn = chrome.execute_script(
        "const style = (name) => getComputedStyle(document.querySelector(name));"
        "return [style('.card').backgroundColor, style('.names text').fill,"
        " ...[...document.querySelectorAll('td .key, th .key')].map(e => getComputedStyle(e).fill)]"
    )
    assert len(set(drawn)) == 1 + len(Strength)
    assert _contrast(ground, drawn[0]) >= 4.5
    assert all(_contrast(ground, color) >= 3 for color in drawn)


def test_names_of_others_are_shown_as_text_and_do_nothing(chrome: Chrome) -> None:
    opened(chrome, hostile([f"name {number}" for number in range(len(HOSTILE))]), "harmless")
    harmless = _elements(chrome)
    opened(chrome, POSTURES["hostile"], "hostile")
    assert _elements(chrome) == harmless
    assert chrome.title.startswith("MFA posture, 31 March 2026: <script>")
    shown = chrome.execute_script(
        "return [...document.querySelectorAll('bdi')].map(name => name.textContent)"
    )
    assert set(HOSTILE[:7]) <= set(shown)
    assert "admin⟨U+202E⟩gnp.exe⟨U+202C⟩" in shown


def test_the_page_runs_no_script_and_takes_no_style_of_others(chrome: Chrome) -> None:
    """Its policy holds even if something got through."""
    opened(chrome, POSTURES["no-event"], "no-event")
    before = logged(chrome, "browser")
    color = "return getComputedStyle(document.querySelector('h1')).color"
    painted = chrome.execute_script(color)
    chrome.execute_script(
        "const script = document.createElement('script');"
        "script.textContent = 'document.title = \"run\"';"
        "const style = document.createElement('style');"
        "style.textContent = 'h1 {color: rgb(1, 2, 3)}';"
        "document.body.append(script, style);"
        "document.querySelector('h1').setAttribute('style', 'color: rgb(1, 2, 3)')"
    )
    assert before == []
    assert chrome.title != "run"
    assert chrome.execute_script(color) == painted
    refused = " ".join(line["message"] for line in logged(chrome, "browser"))
    assert "Content Security Policy" in refused


@pytest.mark.parametrize("width", WIDTHS)
def test_who_and_what_is_read_without_scrolling_sideways_or_opening_anything(
    chrome: Chrome, width: int
) -> None:
    show(chrome, width)
    opened(chrome, POSTURES["one-event"], "one-event")
    shown = chrome.execute_script(
        "return [...document.querySelectorAll('#happened ~ .rows > li > *')].map(part => {"
        " const {left, right} = part.getBoundingClientRect();"
        " return [part.innerText, left, right, part.checkVisibility()]})"
    )
    assert len(shown) == 3
    assert "Phishing resistance lost" in shown[0][0]
    assert "name-0" in shown[1][0]
    assert "device-0" in shown[2][0]
    for _, left, right, visible in shown:
        assert visible
        assert 0 <= left < right <= width
    scrolled = (
        "return [...document.querySelectorAll('*')].filter(e => e.scrollWidth > e.clientWidth + 1"
    )
    scrolled += " && getComputedStyle(e).overflowX !== 'visible').map(e => e.className)"
    assert set(chrome.execute_script(scrolled)) <= {"unseen"}


def test_a_fleets_page_leads_to_the_pages_of_its_exports(chrome: Chrome) -> None:
    opened(chrome, POSTURES["fleet"], "fleet")
    link = chrome.execute_script("return document.querySelector('.rows a').href")
    assert re.search(
        r"/report=devices/environment=[0-9a-f-]+/date=2026-03-01/fleet-\d+\.html$", link
    )


def _asked(chrome: Chrome) -> list[str]:
    """What has been asked for since the last question, from the network or from disk."""
    messages = [json.loads(line["message"])["message"] for line in logged(chrome, "performance")]
    return [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]


def _elements(chrome: Chrome) -> list[str]:
    script = "return [...document.querySelectorAll('*')].map(element => element.localName)"
    return list(chrome.execute_script(script))


def _contrast(one: str, other: str) -> float:
    """As WCAG 2 defines it."""
    darker, lighter = sorted(map(_luminance, (one, other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: str) -> float:
    parts = [int(part) / 255 for part in re.findall(r"\d+", color)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(factor * part for factor, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def _told(rule: dict[str, Any]) -> str:
    return f"{rule['id']}: {rule['help']}: {[node['html'][:300] for node in rule['nodes'][:5]]}"
