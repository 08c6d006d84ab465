"""The page about a fleet as text; tests/integration/test_page.py opens it in a browser."""

import re
from dataclasses import replace
from posixpath import dirname, normpath

import pytest

from local.sample_posture import sample_posture
from pingone_reports.model.fleet_posture import FleetPosture, summary_of
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.mail import fleet_mail
from pingone_reports.model.security_events import Event
from pingone_reports.tables.fleet_page import render_fleet
from tests.support.fleets import KEYS, alone, entry, fleet_posture, manifest, summary
from tests.support.postures import HOSTILE, asked_for_little, first_export

LINK = "https://console.aws.amazon.com/s3/object/reports?prefix=nightly.html"


def fleet(*exports: tuple[dict[str, object], dict[str, object]]) -> FleetPosture:
    """A fleet of these entries of the manifest, each with its summary."""
    summaries = {str(each["manifestKey"]): numbers for each, numbers in exports}
    return FleetPosture.of(KEYS, manifest(*(each for each, _ in exports)), summaries)


def test_the_gravest_comes_first_whatever_there_is_of_the_others() -> None:
    posture = fleet(
        (entry(1, "Many"), summary(0, 9, DEVICE_BLOCKED=900)),
        (entry(2, "Quiet"), summary(0, 9)),
        (entry(3, "Grave"), summary(0, 9, ALL_FACTORS_REPLACED=1)),
        (entry(4, "Unusual"), summary(0, 9, DEVICE_LOCKED=1) | {"unusual": "Far more."}),
        (entry(5, "Usual"), summary(0, 9, FACTOR_ADDED=70)),
    )
    assert [each.name for each in posture.happened] == ["Unusual", "Grave", "Many"]
    assert posture.above_info == 902
    assert "<b>900</b> device blocked" in render_fleet(posture)


def test_the_weakest_are_those_of_the_most_users_and_production_comes_first() -> None:
    off = summary(1) | {"users": {"MFA_OFF": 4, "NONE": 2, "WEAK": 1}, "protected": 1}
    posture = fleet(
        (entry(1, "Play"), summary(900)),
        (entry(2, "Some", type_="PRODUCTION"), summary(6, 9_000)),
        (entry(3, "Off", type_="PRODUCTION"), off),
        (entry(4, "Blind"), summary(0) | {"users": None, "protected": None}),
    )
    assert [each.name for each in posture.weakest] == ["Off", "Some", "Play"]
    page = render_fleet(posture)
    assert "<b>7</b> of 7 users: 100%" in page
    assert "14.3% protected" in page
    assert "1 export does not show how strong users are" in page
    assert page.count('<span class="chip">production</span>') == 2


def test_what_failed_comes_before_what_happened_and_that_before_the_weakest() -> None:
    page = render_fleet(fleet_posture())
    ids = ["failed", "untabulated", "happened", "weakest", "strength"]
    assert sorted(ids, key=lambda id_: page.index(f'id="{id_}"')) == ids


def test_not_compared_is_never_zero() -> None:
    posture = fleet((entry(1), alone()), (entry(2), alone()), (entry(3, error="No"), {}))
    page = render_fleet(posture)
    assert posture.events is None
    assert '<dt>Security events</dt>\n<dd class="big"><span class="no">not compared</span>' in page
    assert page.count("not compared</span>: <bdi") == 2
    assert {posture.seen(event) for event in Event} == {"not compared"}
    subject, text = fleet_mail(posture, LINK)
    assert subject == "PingOne fleet: 1 failed, not compared"
    assert text.count(": It is the first export.\n") == 2


def test_what_some_exports_can_show_is_a_number_and_what_none_can_is_not() -> None:
    posture = fleet(
        (entry(1), summary(1, MFA_DISABLED="not asked", PHONE_SHARED="not asked")),
        (entry(2), summary(1, MFA_DISABLED=2, PHONE_SHARED="hidden by the filter")),
        (entry(3), alone()),
    )
    assert posture.seen(Event.MFA_DISABLED) == 2
    assert posture.seen(Event.PHONE_SHARED) == "not known"
    assert posture.seen(Event.DEVICE_BLOCKED) == 0
    assert "; 1 not compared" in render_fleet(posture)


def test_the_summary_of_an_export_says_what_its_page_says() -> None:
    posture = sample_posture()
    [shown] = fleet((entry(1), summary_of(posture))).weakest
    assert posture.protection
    assert posture.changes
    assert shown.users == posture.protection.users
    assert shown.protected == posture.protection.protected
    assert shown.events == {event: posture.changes.seen(event) for event in Event}
    assert sum(shown.happened.values()) == posture.changes.above_info
    little = fleet((entry(1), summary_of(asked_for_little())))
    assert little.users is None
    assert {little.seen(event) for event in Event} == {"not known"}
    [first] = fleet((entry(1), summary_of(first_export()))).not_compared
    assert first.why == first_export().not_compared
    unusual = replace(posture, changes=replace(posture.changes, unusual="Far more."))
    [told] = fleet((entry(1), summary_of(unusual))).happened
    assert told.unusual == "Far more."


def test_a_page_is_linked_as_the_fleets_page_sees_it() -> None:
    posture = fleet_posture()
    [link] = {each.page for each in posture.weakest if each.name == "Customers 1"}
    assert f'href="{link}"' in render_fleet(posture)
    exports = ExportKeys.parse(entry(1)["manifestKey"])
    assert exports
    assert normpath(f"{dirname(KEYS.page)}/{link}") == exports.page


def test_a_page_of_very_many_shows_450_rows_and_says_how_many_more_there_are() -> None:
    page = render_fleet(fleet_posture(3_000))
    assert page.count("<li class=") + page.count("<li><p>") == 450
    more = re.findall(r"And ([\d,]+) more\.</p>", page)
    assert more == ["2,950", "2,950", "2,507", "2,950", "5,850"]


def test_names_of_others_are_text_on_the_page() -> None:
    page = render_fleet(fleet_posture(len(HOSTILE), HOSTILE))
    page.encode()
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page
    assert "⟨U+202E⟩" in page
    assert not re.search(r"[\u202e\u200b\u2028\x00]", page)


@pytest.mark.parametrize("environments", [0, 1])
def test_a_fleet_of_which_little_is_known_has_a_page_and_a_mail(environments: int) -> None:
    posture = fleet_posture(environments)
    assert ">None</" not in render_fleet(posture)
    _, text = fleet_mail(posture, LINK)
    assert "None" not in text
    assert text.endswith(f"\n{LINK}")


def test_the_mail_has_the_events_of_each_environment_the_gravest_first_and_no_zero() -> None:
    happened = summary(2, 8, DEVICE_LOCKED=3, ALL_FACTORS_REPLACED=1)
    subject, text = fleet_mail(fleet((entry(1, "Play"), happened)), LINK)
    assert subject.endswith(": all factors replaced (1), 4 security events in 1 environments")
    assert ": all factors replaced (1), device locked (3)\n" in text
    assert ": 0" not in text
