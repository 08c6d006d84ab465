"""The page about a fleet as text; tests/integration/test_page.py opens it in a browser."""

import re

import pytest

from pingone_reports.model.fleet_posture import FleetPosture, fleet_mail
from pingone_reports.tables.fleet_page import render_fleet
from tests.support.fleets import entry, fleet_posture, manifest, summary
from tests.support.postures import HOSTILE


def rows(page: str) -> int:
    return page.count("<tr><th") + page.count("<li>")


def test_the_weakest_come_first_and_those_where_most_happened() -> None:
    entries = [entry(1, "Many"), entry(2, "Weak"), entry(3, "Quiet"), entry(4, "Unknown")]
    summaries = dict(
        zip(
            (each["manifestKey"] for each in entries),
            (
                summary(100, 900, sms_added=1, changes=50),
                summary(9, 1, sms_added=2, changes=2),
                summary(0, 10),
                summary(0) | {"users": None, "changes": None, "events": {}},
            ),
            strict=True,
        )
    )
    posture = FleetPosture.of("nightly", manifest(*entries), summaries)
    assert [each.name for each in posture.weakest] == ["Weak", "Many", "Quiet"]
    assert [each.name for each in posture.changed] == ["Weak", "Many"]
    assert (posture.without_users, posture.number_with_users) == (1, 3)
    assert (posture.number_of_events, posture.changes) == (3, 52)


def test_a_page_of_very_many_shows_at_most_500_rows_and_says_so() -> None:
    page = render_fleet(fleet_posture(3_000))
    assert rows(page) <= 500 + len("strengths and events, which have a row each")
    assert page.count("more.</p>") == 4
    assert "And 2,800 more." in page


def test_names_of_others_are_text_on_the_page() -> None:
    page = render_fleet(fleet_posture(len(HOSTILE), HOSTILE))
    page.encode()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "⟨U+202E⟩" in page
    assert not re.search(r"[\u202e\u200b\u2028\x00]", page)


def test_a_page_asks_nobody_for_anything() -> None:
    page = render_fleet(fleet_posture())
    assert not re.search(r"https?:|url\(|@import|\son\w+=|src=", page)
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)


@pytest.mark.parametrize("environments", [0, 1])
def test_a_fleet_of_which_little_is_known_has_a_page_and_a_mail(environments: int) -> None:
    posture = fleet_posture(environments)
    assert ">None</" not in render_fleet(posture)
    subject, text = fleet_mail(posture, "s3://reports/page.html")
    assert subject.isascii()
    assert len(subject) <= 100
    assert "None" not in text
    assert text.endswith("s3://reports/page.html")
