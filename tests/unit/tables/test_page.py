"""The page as text; tests/integration/test_page.py opens it in a browser."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from local.sample_posture import sample_posture
from pingone_reports.model.posture import (
    MOST_EVENTS,
    MOST_OTHERS,
    Factor,
    Kind,
    Posture,
)
from pingone_reports.model.security_events import Event
from pingone_reports.model.series import FIRST
from pingone_reports.model.strength import Strength
from pingone_reports.tables.page import MOST_FACTORS, SHORT, render
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
POSTURES = {
    "sample": sample_posture(),
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


def cut(text: str) -> str:
    """As a page writes what a browser shows."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", POSTURES)
def test_a_page_is_whole_and_the_same_each_time(name: str) -> None:
    page = Page(POSTURES[name])
    assert page.html == render(POSTURES[name])
    assert page.html.encode().decode() == page.html
    assert (
        page.names.count("h1")
        == page.names.count("main")
        == page.names.count("title")
        - (page.html.count("<title id=") + page.html.count("<g><title>"))
    )
    assert ("lang", "en") in page.attributes


@pytest.mark.parametrize("name", POSTURES)
def test_a_page_runs_nothing_and_loads_nothing(name: str) -> None:
    page = Page(POSTURES[name])
    assert not {"script", "img", "link", "iframe", "object", "base", "form"} & set(page.names)
    given = dict(page.attributes)
    assert not [key for key in given if key.startswith("on") or key in ("src", "style")]
    links = {value for key, value in page.attributes if key == "href"}
    assert all(re.fullmatch("#[a-z0-9-]+", link or "") for link in links)
    assert {f"#{value}" for key, value in page.attributes if key == "id"} >= links
    style = page.html.split("<style>")[1].split("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in page.html
    assert not re.search(r"https?:|url\(|@import", page.html)


@pytest.mark.parametrize("name", POSTURES)
def test_ids_are_unique_and_what_is_named_is_there(name: str) -> None:
    page = Page(POSTURES[name])
    ids = [value for key, value in page.attributes if key == "id"]
    assert len(ids) == len(set(ids))
    named = {value for key, value in page.attributes if key == "aria-labelledby"}
    assert set(" ".join(filter(None, named)).split()) <= set(ids)


def test_a_usual_page_is_small() -> None:
    assert len(render(sample_posture()).encode()) < 90_000


def test_names_of_others_are_text() -> None:
    page = Page(hostile())
    for text in HOSTILE[:7]:
        assert cut(text) in page.text
    assert "admin⟨U+202E⟩gnp.exe⟨U+202C⟩" in page.text
    assert "line⟨U+2028⟩separator⟨U+000D⟩⟨U+000A⟩⟨U+0000⟩⟨U+001B⟩[31m⟨U+0085⟩" in page.text
    assert "lone⟨U+D800⟩surrogate" in page.text
    assert "W" * 301 not in page.text
    assert "(2,700 more characters)" in page.text
    assert "export_id = 'it''s <b>'" in page.text


def test_the_environment_has_its_name_beside_its_id() -> None:
    id_ = sample_posture().environment
    assert f"Customers Europe Environment {id_}" in Page(sample_posture()).text
    unknown = Page(replace(sample_posture(), environment_name=""))
    assert f"Environment {id_}" in unknown.text
    assert "<h2></h2>" not in unknown.html
    assert "<h2><bdi" not in unknown.html


def test_the_headline_is_who_is_protected_and_of_these_who_resists_phishing() -> None:
    users = protected(PHISHING_RESISTANT=2, PHISHABLE=1, WEAK=1, NONE=3, MFA_OFF=2, UNKNOWN=1)
    page = Page(replace(sample_posture(), protection=users))
    assert "Protected users 40.0% 4 of 10 users have a second factor tonight" in page.text
    assert "Phishing-resistant users 50.0% 2 of the protected" in page.text
    assert "Weak or worse 60.0% 1 weak, 3 without a factor, 2 with MFA off" in page.text


@pytest.mark.parametrize(
    ("protected_users", "others", "share"),
    [
        (0, 1, "0%"),
        (1, 1_000, "<0.1%"),
        (1, 999, "0.1%"),
        (999, 1, "99.9%"),
        (1_000, 1, ">99.9%"),
        (1, 0, "100%"),
    ],
)
def test_a_share_is_never_0_or_100_for_what_is_not(
    protected_users: int, others: int, share: str
) -> None:
    users = protected(PHISHABLE=protected_users, NONE=others)
    page = Page(replace(sample_posture(), protection=users))
    assert f"Protected users {share} " in page.text


def test_each_number_of_the_users_is_text() -> None:
    posture = sample_posture()
    page = Page(posture)
    assert "Phishing-resistant FIDO2, a security key or a platform 3,968 43.1% +24" in page.text
    assert "Unknown something that nobody documents 7 <0.1% ±0 +7" in page.text
    rows = page.text.split("The numbers of each day", 1)[1]
    for day in posture.past:
        for strength in Strength:
            assert f" {day.users[strength]:,} " in rows


def test_what_cannot_be_used_and_what_is_old_is_told() -> None:
    page = Page(sample_posture())
    assert "FIDO2 phishing-resistant 4,388 61 3,911" in page.text
    assert "Enrolled, cannot be used 103" in page.text
    assert "Locked for the moment 9" in page.text
    assert "FIDO2, bound to a device 1,204" in page.text
    assert "FIDO2, synced 3,123" in page.text
    assert "Dormant 412 not used for 90 days" in page.text


def test_times_are_utc_and_the_age_of_the_data_is_told() -> None:
    page = Page(replace(sample_posture(), exported_at="2026-04-01T01:30:00+02:00"))
    assert "exported 31 March 2026, 23:30 UTC" in page.text
    assert "with data that is at most 23 h 45 min old" in page.text
    assert "between 30 March 2026, 23:45 UTC and 31 March 2026, 02:00 UTC" in page.text


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
    not_before = "2026-03-01T02:00:00Z"
    posture = replace(sample_posture(), exported_at=exported_at, data_not_before=not_before)
    assert f"with data that is at most {age} old" in Page(posture).text


def test_an_event_is_one_row_with_who_how_grave_and_what_happened() -> None:
    one = event(1, Event.ALL_FACTORS_REPLACED, Event.PHISHING_RESISTANCE_LOST, name="Ada")
    page = Page(replace(sample_posture(), changes=changed([one])))
    assert (
        "All factors replaced critical also phishing resistance lost Ada user-1 "
        "phishing-resistant → phishable FIDO2 removed device-1"
    ) in page.text
    assert page.text.count("user-1") == page.text.count("device-1") == 1


def test_no_row_repeats_an_id() -> None:
    same = replace(event(1), username="user-1")
    rows = [row(2, Kind.ADDED), row(3)]
    page = Page(replace(sample_posture(), changes=changed([same], rows)))
    for id_ in ("user-1", "device-2", "device-3"):
        assert page.text.count(id_) == 1, id_
    assert "device-3 changed: deviceStatus ACTIVATION_REQUIRED → ACTIVE" in page.text


def test_a_user_who_was_not_asked_for_is_no_user() -> None:
    nobody = replace(event(1), user_id="", username="", before=None, after=None)
    page = Page(replace(sample_posture(), changes=changed([nobody])))
    assert "Phishing resistance lost high not asked FIDO2 removed device-1" in page.text


def test_a_first_export_says_why_it_was_not_compared() -> None:
    page = Page(first_export())
    assert "Security events not compared why" in page.text
    assert page.text.count(FIRST) == 1
    assert "since 1 Mar" not in page.text
    # One column, and one pillar of its events.
    assert page.html.count("<g><title>") == 2


def test_a_second_export_is_compared_with_one_day() -> None:
    posture = sample_posture()
    page = Page(replace(posture, past=posture.past[-2:]))
    assert page.text.count("Change since") == 1
    assert "+24" in page.text


def test_a_day_that_was_not_compared_has_no_events_but_not_zero() -> None:
    posture = sample_posture()
    first = Page(replace(posture, past=posture.past[:1]))
    assert "Users with a security event" not in first.text
    assert first.text.split("The numbers of each day")[1].count("not compared") == 3


def test_what_was_not_asked_is_never_zero() -> None:
    page = Page(asked_for_little())
    for tile in ("Protected users", "Phishing-resistant users", "Weak or worse", "Security events"):
        assert f"{tile} not asked" in page.text
    for each in Event:
        assert re.search(f"{each.value}[^0-9]*not asked", page.text, re.IGNORECASE), each
    assert "Factors not asked" in page.text
    assert "Users who joined not asked" in page.text
    assert "Users who left not asked" in page.text
    assert "These exports cannot show security events." in page.text
    assert "30 days" not in page.text


def test_a_number_that_the_fields_cannot_give_is_not_asked() -> None:
    posture = sample_posture()
    assert posture.protection
    page = Page(replace(posture, protection=replace(posture.protection, locked=None, dormant=None)))
    assert "Locked for the moment not asked" in page.text
    assert "Dormant not asked" in page.text


def test_a_part_that_was_not_asked_is_told_beside_the_number() -> None:
    changes = changed([event(1)])
    events = {each: n for each, n in changes.events.items() if each.name != "MFA_DISABLED"}
    page = Page(
        replace(
            sample_posture(),
            changes=replace(changes, events=events, not_asked=(Event.MFA_DISABLED,)),
        )
    )
    assert f"1 of {len(Event)} kinds cannot be told" in page.text
    assert "is not asked for a second factor any more not asked" in page.text


def test_the_filter_is_told_with_what_it_hides() -> None:
    posture = filtered()
    assert posture.changes
    page = Page(posture)
    assert '(mfaEnabled eq "true")' in page.text
    assert "Protected users hidden by the filter" in page.text
    for each in posture.changes.filtered:
        assert re.search(f"{each.value}[^0-9]*hidden by the filter", page.text, re.IGNORECASE)
    assert "so these events cannot be told: all factors replaced, MFA disabled," in page.text
    assert "Left 12 do not match the filter any more" in page.text


def test_a_night_without_a_change_says_so() -> None:
    page = Page(with_events(0))
    assert "No security event." in page.text
    assert "Changed 0" in page.text
    came = Page(replace(sample_posture(), changes=changed([event(1, Event.FACTOR_ADDED)])))
    assert "No security event, but factors came and went." in came.text
    assert "Security events 0 since" in came.text


def test_an_unusual_night_says_so_first() -> None:
    unusual = "212 users lost a factor: on no day of the last 30 were there more than 9."
    changes = replace(changed([event(1)]), unusual=unusual)
    page = Page(replace(sample_posture(), changes=changes))
    assert f"Who, and what happened Unusual: {unusual}" in page.text


def test_who_joined_and_left_is_a_line_each() -> None:
    changes = replace(changed(), users_joined=600, users_left=3, ids_left_out=1)
    page = Page(replace(sample_posture(), changes=changes))
    assert "Users who joined 600" in page.text
    assert "Users who left 3" in page.text
    assert "Repeated device ids 1 tell no device apart, so they were left out" in page.text


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


def test_rows_that_were_not_handed_over_are_told_too() -> None:
    changes = changed([event(1)], number=7, others=5)
    page = Page(replace(sample_posture(), changes=changes))
    assert "6 more in the table changes" in page.text
    assert " 5 in the table changes" in page.text


def test_the_first_rows_are_open_and_what_only_came_or_went_is_closed() -> None:
    events = [*map(event, range(SHORT + 3)), event(99, Event.FACTOR_REMOVED)]
    page = Page(replace(sample_posture(), changes=changed(events)))
    shown = page.html.split("<details>")[0]
    assert shown.count('<li class="high">') == SHORT
    assert "3 more security events" in page.text
    assert "Factors that only came or went: 1 user" in page.text
    assert "<details open" not in page.html


def test_a_report_of_countless_types_lists_some() -> None:
    posture = sample_posture()
    assert posture.protection
    factors = [
        Factor(device_type=f"TYPE-{n}", strength=Strength.UNKNOWN, devices=n, users=n, unusable=0)
        for n in range(MOST_FACTORS + 7)
    ]
    page = Page(replace(posture, protection=replace(posture.protection, factors=factors)))
    assert "TYPE-56 unknown 56 0 56" in page.text
    assert "TYPE-6 " not in page.text
    assert "7 more in the table latest" in page.text


@pytest.mark.parametrize("past", [sample_posture().past, ()])
def test_a_report_without_a_device_has_a_page(past: Any) -> None:
    page = Page(replace(sample_posture(), protection=protected(), past=past))
    assert "0 of 0 users" in page.text
    assert "The report has no device." in page.text


def test_doubts_come_before_the_numbers() -> None:
    page = Page(replace(sample_posture(), doubts=("3 device ids repeat.",)))
    assert "Doubtful 3 device ids repeat. At a glance" in page.text
    assert "Doubtful" not in Page(sample_posture()).text
