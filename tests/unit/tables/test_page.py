"""The page as text; tests/integration/test_page.py opens it in a browser."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any

import pytest

from local.sample_posture import sample_posture
from pingone_reports.model.posture import MOST_EVENTS, MOST_OTHERS, Event, Factor, Posture, Strength
from pingone_reports.tables.page import MOST_FACTORS, render
from tests.support.postures import (
    HOSTILE,
    asked_for_little,
    changed,
    filtered,
    first_export,
    hostile,
    renamed,
    sms_added,
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
    assert len(render(sample_posture()).encode()) < 60_000


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


def test_each_number_of_the_users_is_text() -> None:
    posture = sample_posture()
    assert posture.users
    page = Page(posture)
    rows = page.text.split("Users by the strongest factor", 1)[1]
    for strength in Strength:
        assert f"{posture.users[strength]:,}" in rows
    assert "Phishing-resistant FIDO2 3,968 43.2% +24 +428" in page.text
    assert "Unknown a type that is not known, and may be the strongest 7 <0.1% ±0 +7" in page.text
    for day in posture.past:
        assert f"{day.users[Strength.WEAK]:,}" in rows


def test_times_are_utc_and_the_age_of_the_data_is_told() -> None:
    page = Page(replace(sample_posture(), exported_at="2026-04-01T01:30:00+02:00"))
    assert "exported 31 March 2026, 23:30 UTC" in page.text
    assert "Age of the data ≤ 23 h 45 min" in page.text
    assert "between 30 March 2026, 23:45 UTC and 31 March 2026, 02:00 UTC" in page.text


def test_a_first_export_says_why_it_was_not_compared() -> None:
    page = Page(first_export())
    assert "Security events not compared why" in page.text
    reason = "It is the first export of its report, environment and filter."
    assert page.text.count(reason) == 2
    assert "since 1 Mar" not in page.text
    assert page.html.count("<g><title>") == 1


def test_a_second_export_is_compared_with_one_day() -> None:
    posture = sample_posture()
    page = Page(replace(posture, past=posture.past[-2:]))
    assert page.text.count("Change since") == 1
    assert "+24" in page.text


def test_what_was_not_asked_is_never_zero() -> None:
    page = Page(asked_for_little())
    assert "Phishing-resistant users not asked" in page.text
    assert "Users with a weak factor, or none not asked" in page.text
    assert "Security events not asked" in page.text
    for event in Event:
        assert re.search(f"{event.value}[^0-9]*not asked", page.text, re.IGNORECASE), event
    assert "Factors in use not asked" in page.text
    assert "Users who left the report not asked" in page.text
    assert "These exports cannot show security events." in page.text
    assert "30 days" not in page.text


def test_a_part_that_was_not_asked_is_told_beside_the_number() -> None:
    changes = changed(sms_added(1))
    events = dict(changes.events)
    del events[Event.MFA_DISABLED]
    page = Page(
        replace(
            sample_posture(),
            changes=replace(changes, events=events, not_asked=(Event.MFA_DISABLED,)),
        )
    )
    assert "1 of 7 kinds cannot be told" in page.text
    assert "MFA disabled MFA of the user was switched off not asked" in page.text


def test_the_filter_is_told_with_what_it_hides() -> None:
    page = Page(filtered())
    assert '(mfaEnabled eq "true")' in page.text
    assert page.text.count("hidden by the filter") == 3
    assert (
        "so these events cannot be told: no strong factor left, MFA disabled, FIDO2 removed"
        in page.text
    )
    assert "Left 12 a device that does not match the filter any more" in page.text


def test_a_night_without_a_change_says_so() -> None:
    page = Page(with_events(0))
    assert "No security event." in page.text
    assert "All changes 0" in page.text


def test_the_gravest_events_come_first_whatever_the_order_of_the_rows() -> None:
    posture = sample_posture()
    assert posture.changes
    rows = tuple(reversed(posture.changes.rows))
    page = Page(replace(posture, changes=replace(posture.changes, rows=rows)))
    headings = re.findall(r"<summary><h3>(.*?) <span", page.html)
    assert headings == [
        "No strong factor left", "MFA disabled", "FIDO2 removed", "SMS added", "Device blocked",
        "Device locked", "Changes that are no security event",
    ]  # fmt: skip


def test_ten_thousand_events_are_counted_and_a_thousand_listed() -> None:
    page = Page(with_events(10_000))
    assert page.html.count('<small class="id"><bdi class="v">user-') == MOST_EVENTS + MOST_OTHERS
    assert "SMS added 10,000" in page.text
    assert "9,000 more in the table changes : SELECT * FROM changes WHERE" in page.text
    assert "export_id = 'nightly-2026-03-31' AND event = 'SMS added'" in page.text
    assert "date >= DATE '2026-03-30'" in page.text
    assert "9,800 more in the table changes : SELECT * FROM changes WHERE" in page.text
    assert "AND event IS NULL" in page.text
    assert len(page.html.encode()) < 500_000


def test_rows_that_were_not_handed_over_are_told_too() -> None:
    page = Page(replace(sample_posture(), changes=changed(sms_added(1), events=7, others=5)))
    assert "6 more in the table changes" in page.text
    assert " 5 in the table changes" in page.text


def test_a_short_list_is_open_and_a_long_one_is_not() -> None:
    rows = [sms_added(1), *map(renamed, range(21))]
    html = render(replace(sample_posture(), changes=changed(*rows)))
    assert html.count("<details open>") == 1


def test_a_report_of_countless_types_lists_some() -> None:
    factors = [
        Factor(device_type=f"TYPE-{n}", strength=Strength.UNKNOWN, devices=n, users=n)
        for n in range(MOST_FACTORS + 7)
    ]
    page = Page(replace(sample_posture(), factors=factors))
    assert "TYPE-56 unknown 56 56" in page.text
    assert "TYPE-6 " not in page.text
    assert "7 more in the table latest" in page.text


@pytest.mark.parametrize(
    "empty",
    [
        {"users": dict.fromkeys(Strength, 0), "factors": (), "devices": 0},
        {"users": {}, "factors": (), "devices": 0, "past": ()},
    ],
)
def test_a_report_without_a_device_has_a_page(empty: dict[str, Any]) -> None:
    page = Page(replace(sample_posture(), **empty))
    assert "0 of 0 users" in page.text
    assert "The report has no device." in page.text


def test_doubts_come_before_the_numbers() -> None:
    page = Page(replace(sample_posture(), doubts=("3 device ids repeat.",)))
    assert "Doubtful 3 device ids repeat. At a glance" in page.text
    assert "Doubtful" not in Page(sample_posture()).text
