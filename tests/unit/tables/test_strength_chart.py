from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingone_reports.model.posture import Day
from pingone_reports.model.strength import Strength
from pingone_reports.tables.strength_chart import DAYS, bar, columns, pillars

USERS = st.dictionaries(st.sampled_from(Strength), st.integers(0, 10_000_000))


def day(at: str, **users: int) -> Day:
    return Day(exported_at=at, users={Strength[name]: number for name, number in users.items()})


def test_a_bar_has_a_part_for_each_strength_that_somebody_has() -> None:
    parts = bar({Strength.WEAK: 1, Strength.PHISHING_RESISTANT: 3, Strength.NONE: 0})
    assert [part.strength for part in parts] == [Strength.PHISHING_RESISTANT, Strength.WEAK]
    assert [part.start for part in parts] == [0, 75]
    assert bar({Strength.WEAK: 1, Strength.NONE: 1_000_000})[0].length < 2


@given(USERS)
def test_a_bar_shows_everybody_and_ends_at_its_end(users: dict[Strength, int]) -> None:
    parts = bar(users)
    assert {part.strength for part in parts} == {name for name, n in users.items() if n}
    assert all(part.length > 0.5 for part in parts)
    assert all(one.start + one.length < other.start for one, other in pairwise(parts))
    assert not parts or 99 < parts[-1].start + parts[-1].length <= 100


def test_one_export_is_a_column_at_the_end() -> None:
    chart = columns([day("2026-03-31T02:00:00Z", PHISHABLE=10)])
    assert [column.place for column in chart.columns] == [DAYS - 1]
    assert [f"{date:%d %b}" for date in chart.dates] == ["01 Mar", "16 Mar", "31 Mar"]


def test_a_day_has_the_column_of_its_last_export_and_no_export_is_a_gap() -> None:
    late = day("2026-03-29T23:59:59.999Z", PHISHABLE=2)
    past = [
        day("2026-02-28T02:00:00Z", PHISHABLE=9),  # 31 days before
        day("2026-03-01T02:00:00Z", PHISHABLE=1),
        day("2026-03-29T02:00:00Z", PHISHABLE=8),
        late,
        day("2026-03-31T01:00:00+02:00", PHISHABLE=3),  # the 30th
        day("2026-03-31T02:00:00", PHISHABLE=4),
    ]
    chart = columns(past)
    assert [column.place for column in chart.columns] == [0, 28, 29, 30]
    assert chart.columns[1].day is late


@pytest.mark.parametrize(
    ("most", "ticks"),
    [
        (0, [2, 1, 0]),
        (1, [2, 1, 0]),
        (7, [8, 6, 4, 2, 0]),
        (9_412, [10_000, 7_500, 5_000, 2_500, 0]),
        (12_340, [12_500, 10_000, 7_500, 5_000, 2_500, 0]),
    ],
)
def test_the_scale_is_of_round_numbers_from_zero(most: int, ticks: list[int]) -> None:
    assert columns([day("2026-03-31T02:00:00Z", PHISHABLE=most)]).ticks == ticks


@pytest.mark.parametrize(
    ("users", "labels"),
    [
        ({"PHISHABLE": 8}, {"PHISHABLE": 110.44}),
        (
            {"PHISHING_RESISTANT": 1, "PHISHABLE": 1, "WEAK": 996, "NONE": 1, "MFA_OFF": 1},
            {"MFA_OFF": 8.5, "NONE": 25.5, "WEAK": 110.44, "PHISHABLE": 194.5}
            | {"PHISHING_RESISTANT": 211.5},
        ),
    ],
)
def test_labels_are_at_the_middle_of_their_parts_or_the_next_free_line_of_the_chart(
    users: dict[str, int], labels: dict[str, float]
) -> None:
    chart = columns([day("2026-03-31T02:00:00Z", **users)])
    assert {label.strength.name: round(label.y, 2) for label in chart.labels} == labels


def test_a_quiet_day_has_a_low_pillar_and_one_that_was_not_compared_has_none() -> None:
    past = [
        Day(exported_at=f"2026-03-{number}T02:00:00Z", users={}, events=events)
        for number, events in ((28, None), (29, 0), (30, 4), (31, 8))
    ]
    assert [(place, height) for place, _, height in pillars(past)] == [(28, 2), (29, 50), (30, 100)]
    assert pillars(past[:1]) == pillars(()) == []
