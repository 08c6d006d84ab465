"""The page as text; tests/integration/test_page.py opens it in a browser."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from local.sample_posture import sample_posture
from pingone_reports.model.posture import MOST_EVENTS, MOST_OTHERS, Factor, Kind, Posture
from pingone_reports.model.security_events import Event
from pingone_reports.model.series import FIRST
from pingone_reports.model.strength import Strength
from pingone_reports.tables.page import MOST_FACTORS, render
from tests.support.postures import (
    HOSTILE,
    asked_for_little,
    changed,
    event,
    filtered,
    first_export,
    hostile,
    protected,
    row,
    with_events,
)

# Elements that have no end.
VOID = {"meta"}
SAMPLE = sample_posture()
POSTURES = {
    "sample": SAMPLE,
    "no event": with_events(0),
    "one event": with_events(1),
    "first export": first_export(),
    "little asked": asked_for_little(),
    "filtered": filtered(),
    "hostile": hostile(),
}


class Page(HTMLParser):
    """Elements, attributes and visible text of a page, and whether its elements are closed."""

    def __init__(self, posture: Posture) -> None:
        super().__init__()
        self.html = render(posture)
        self.names: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(self.html)
        self.close()
        assert self._open == []

    @property
    def text(self) -> str:
        """With each run of spaces as one."""
        return " ".join("".join(self.texts).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.append(tag)
        self.attributes += attrs
        if tag not in VOID and not self.get_starttag_text().endswith("/>"):  # type: ignore[union-attr]
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        # `<path/>` begins and ends.
        if self._open and self._open[-1] == tag:
            self._open.pop()
        else:
            assert tag in ("path", "rect")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.texts.append(f"{data} ")


def says(posture: Posture, *texts: str) -> str:
    """The text of a page, in which these are."""
    text = Page(posture).text
    assert [each for each in texts if each not in text] == []
    return text


def night(*args: Any, **given: Any) -> Posture:
    """A night that changed this."""
    others = {name: given.pop(name) for name in ("number", "others") if name in given}
    return replace(SAMPLE, changes=replace(changed(*args, **others), **given))


def shown(**protection: Any) -> Posture:
    """The sample, with other numbers of its users and factors."""
    assert SAMPLE.protection
    return replace(SAMPLE, protection=replace(SAMPLE.protection, **protection))


@pytest.mark.parametrize("name", POSTURES)
def test_a_page_is_whole_and_the_same_each_time_and_runs_and_loads_nothing(name: str) -> None:
    page = Page(POSTURES[name])
    assert page.html == render(POSTURES[name])
    assert page.html.encode().decode() == page.html
    assert (page.names.count("h1"), page.names.count("main")) == (1, 1)
    assert ("lang", "en") in page.attributes
    assert not {"script", "img", "link", "iframe", "object", "base", "form"} & set(page.names)
    names = {name for name, _ in page.attributes}
    assert not [name for name in names if name.startswith("on") or name in ("src", "style")]
    style = page.html.split("<style>")[1].split("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page.html
    assert not re.search(r"https?:|url\(|@import", page.html)


@pytest.mark.parametrize("name", POSTURES)
def test_ids_are_unique_and_what_is_linked_or_named_is_there(name: str) -> None:
    values: dict[str, list[str]] = {"id": [], "href": [], "aria-labelledby": []}
    for attribute, value in Page(POSTURES[name]).attributes:
        values.get(attribute, []).append(value or "")
    ids = values["id"]
    assert len(ids) == len(set(ids))
    assert {f"#{each}" for each in ids} >= {*values["href"]}
    assert {*" ".join(values["aria-labelledby"]).split()} <= {*ids}


def test_a_usual_page_is_small() -> None:
    assert len(render(SAMPLE).encode()) < 90_000


def test_names_of_others_are_text() -> None:
    text = says(
        hostile(),
        *(" ".join(name.split()) for name in HOSTILE[:7]),
        "admin⟨U+202E⟩gnp.exe⟨U+202C⟩",
        "line⟨U+2028⟩separator⟨U+000D⟩⟨U+000A⟩⟨U+0000⟩⟨U+001B⟩[31m⟨U+0085⟩",
        "lone⟨U+D800⟩surrogate",
        "(2,700 more characters)",
        "export_id = 'it''s <b>'",
    )
    assert "W" * 301 not in text


def test_the_environment_has_its_name_beside_its_id() -> None:
    says(SAMPLE, f"Customers Europe Environment {SAMPLE.environment}")
    unknown = Page(replace(SAMPLE, environment_name=""))
    assert f"Environment {SAMPLE.environment}" in unknown.text
    assert not re.search("<h2>(</h2>|<bdi)", unknown.html)


def test_the_headline_is_who_is_protected_and_of_these_who_resists_phishing() -> None:
    users = protected(PHISHING_RESISTANT=2, PHISHABLE=1, WEAK=1, NONE=3, MFA_OFF=2, UNKNOWN=1)
    says(
        replace(SAMPLE, protection=users),
        "Protected users 40.0% 4 of 10 users have a second factor tonight",
        "Phishing-resistant users 50.0% 2 of the protected",
        "Weak or worse 60.0% 1 weak, 3 without a factor, 2 with MFA off",
    )


@pytest.mark.parametrize(
    ("safe", "others", "share"),
    [
        (0, 1, "0%"),
        (1, 1_000, "<0.1%"),
        (1, 999, "0.1%"),
        (999, 1, "99.9%"),
        (1_000, 1, ">99.9%"),
        (1, 0, "100%"),
    ],
)
def test_a_share_is_never_0_or_100_for_what_is_not(safe: int, others: int, share: str) -> None:
    users = protected(PHISHABLE=safe, NONE=others)
    says(replace(SAMPLE, protection=users), f"Protected users {share} ")


def test_each_number_of_users_and_devices_is_text() -> None:
    text = says(
        SAMPLE,
        "Phishing-resistant FIDO2, a security key or a platform 3,968 43.1% +24",
        "Unknown something that nobody documents 7 <0.1% ±0 +7",
        "FIDO2 phishing-resistant 4,388 61 3,911",
        "Enrolled, cannot be used 103",
        "Locked for the moment 9",
        "FIDO2, bound to a device 1,204",
        "FIDO2, synced 3,123",
        "Dormant 412 not used for 90 days",
    )
    rows = text.split("The numbers of each day", 1)[1]
    for day in SAMPLE.past:
        assert all(f" {day.users[strength]:,} " in rows for strength in Strength)


def test_times_are_utc() -> None:
    says(
        replace(SAMPLE, exported_at="2026-04-01T01:30:00+02:00"),
        "exported 31 March 2026, 23:30 UTC",
        "between 30 March 2026, 23:45 UTC and 31 March 2026, 02:00 UTC",
    )


@pytest.mark.parametrize(
    ("exported_at", "age"),
    [
        ("2026-03-01T01:59:59Z", "0 min"),
        ("2026-03-01T02:00:00Z", "0 min"),
        ("2026-03-01T02:00:01Z", "1 min"),
        ("2026-03-01T03:00:00Z", "1 h"),
        ("2026-03-02T02:00:00Z", "1 d"),
        ("2026-03-03T04:01:00Z", "2 d 2 h 1 min"),
    ],
)
def test_the_age_of_the_data_is_told_in_whole_minutes(exported_at: str, age: str) -> None:
    posture = replace(SAMPLE, exported_at=exported_at, data_not_before="2026-03-01T02:00:00Z")
    says(posture, f"with data that is at most {age} old")


def test_an_event_is_one_row_with_who_how_grave_and_what_happened() -> None:
    one = event(1, Event.ALL_FACTORS_REPLACED, Event.PHISHING_RESISTANCE_LOST, name="Ada")
    told = "All factors replaced critical also phishing resistance lost Ada user-1 "
    says(night([one]), f"{told}phishing-resistant → phishable FIDO2 removed device-1")
    nobody = replace(event(1), user_id="", username="", before=None, after=None)
    says(night([nobody]), "Phishing resistance lost high not asked FIDO2 removed device-1")


def test_no_row_repeats_an_id() -> None:
    same = replace(event(1), username="user-1")
    text = says(
        night([same], [row(2, Kind.ADDED), row(3)]),
        "device-3 changed: deviceStatus ACTIVATION_REQUIRED → ACTIVE",
    )
    ids = ("user-1", "device-1", "device-2", "device-3")
    assert {id_: text.count(id_) for id_ in ids} == dict.fromkeys(ids, 1)


def test_a_first_export_says_why_it_was_not_compared() -> None:
    page = Page(first_export())
    assert "Security events not compared why" in page.text
    assert page.text.count(FIRST) == 1
    assert "since 1 Mar" not in page.text
    # One column, and one pillar of its events.
    assert page.html.count("<g><title>") == 2


def test_a_second_export_is_compared_with_one_day_and_a_first_one_with_none() -> None:
    second = says(replace(SAMPLE, past=SAMPLE.past[-2:]), "+24")
    assert second.count("Change since") == 1
    first = says(replace(SAMPLE, past=SAMPLE.past[:1]))
    assert "Users with a security event" not in first
    assert first.split("The numbers of each day")[1].count("not compared") == 3


def test_what_was_not_asked_is_never_zero() -> None:
    tiles = ("Protected users", "Phishing-resistant users", "Weak or worse", "Security events")
    lines = ("Factors", "Users who joined", "Users who left")
    text = says(
        asked_for_little(),
        *(f"{each} not asked" for each in (*tiles, *lines)),
        "These exports cannot show security events.",
    )
    for each in Event:
        assert re.search(f"{each.value}[^0-9]*not asked", text, re.IGNORECASE), each
    assert "30 days" not in text
    says(
        shown(locked=None, dormant=None),
        "Locked for the moment not asked",
        "Dormant not asked",
    )


def test_a_part_that_was_not_asked_is_told_beside_the_number() -> None:
    events = {each: 0 for each in Event if each is not Event.MFA_DISABLED}
    says(
        night(events=events, not_asked=(Event.MFA_DISABLED,)),
        f"1 of {len(Event)} kinds cannot be told",
        "is not asked for a second factor any more not asked",
    )


def test_the_filter_is_told_with_what_it_hides() -> None:
    posture = filtered()
    assert posture.changes
    text = says(
        posture,
        '(mfaEnabled eq "true")',
        "Protected users hidden by the filter",
        "so these events cannot be told: all factors replaced, MFA disabled,",
        "Left 12 do not match the filter any more",
    )
    for each in posture.changes.filtered:
        assert re.search(f"{each.value}[^0-9]*hidden by the filter", text, re.IGNORECASE)


def test_a_night_without_a_change_says_so() -> None:
    says(night(), "No security event.", "Changed 0")
    came = "No security event, but factors came and went."
    gone = "Factors that only came or went: 1 user"
    says(night([event(1, Event.FACTOR_ADDED)]), came, gone, "Security events 0 since")


def test_what_is_unusual_repeated_or_doubtful_and_who_came_and_went_is_told() -> None:
    says(
        night(unusual="Far more.", users_joined=600, users_left=3, ids_left_out=1),
        "Who, and what happened Unusual: Far more.",
        "Users who joined 600",
        "Users who left 3",
        "Repeated device ids 1 tell no device apart, so they were left out",
    )
    doubtful = replace(SAMPLE, doubts=("3 device ids repeat.",))
    says(doubtful, "Doubtful 3 device ids repeat. At a glance")
    assert "Doubtful" not in says(SAMPLE)


def test_ten_thousand_events_are_counted_and_a_thousand_listed() -> None:
    page = Page(with_events(10_000))
    assert page.html.count('<small class="id"><bdi class="v">user-') == MOST_EVENTS + MOST_OTHERS
    assert "Security events 10,000" in page.text
    assert "9,000 more in the table changes : SELECT * FROM changes WHERE" in page.text
    assert "export_id = 'nightly-2026-03-31' AND change = 'event'" in page.text
    assert "date >= DATE '2026-03-30'" in page.text
    assert "9,800 more in the table changes : SELECT * FROM changes WHERE" in page.text
    assert "AND change <> 'event'" in page.text
    assert len(page.html.encode()) < 800_000
    handed_over = night([event(1)], number=7, others=5)
    says(handed_over, "6 more in the table changes", " 5 in the table changes")


def test_a_report_of_countless_types_lists_some() -> None:
    factors = [
        Factor(device_type=f"TYPE-{n}", strength=Strength.UNKNOWN, devices=n, users=n, unusable=0)
        for n in range(MOST_FACTORS + 7)
    ]
    text = says(shown(factors=factors), "TYPE-56 unknown 56 0 56", "7 more in the table latest")
    assert "TYPE-6 " not in text


@pytest.mark.parametrize("past", [SAMPLE.past, ()])
def test_a_report_without_a_device_has_a_page(past: Any) -> None:
    posture = replace(SAMPLE, protection=protected(), past=past)
    says(posture, "0 of 0 users", "The report has no device.")
