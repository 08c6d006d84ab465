"""PingOne is asked in time, then ever less often, and never after the deadline."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pingone_reports.errors import DeadlineExceeded, RateLimited
from pingone_reports.pingone.polling import pause_after, seconds_until_next_poll

REQUESTED_AT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
HALF_AN_HOUR = 1800.0


def wait_at(age: float, retry_after: float = 0, deadline: float = HALF_AN_HOUR) -> int:
    """The wait of a report of this age, in seconds; a 429 has asked for `retry_after` or less."""

    def after(seconds: float) -> datetime:
        return REQUESTED_AT + timedelta(seconds=seconds)

    limit = RateLimited("Busy.", retry_after)
    return seconds_until_next_poll(after(age), REQUESTED_AT, after(deadline), limit)


@pytest.mark.parametrize(
    ("age", "wait"), [(0, 6), (0.5, 6), (2, 5), (5, 5), (29, 5), (30, 6), (100, 20), (1000, 200)]
)
def test_the_wait_is_at_least_five_seconds_and_then_a_fifth_of_the_age(
    age: float, wait: int
) -> None:
    assert wait_at(age) == wait


def test_the_last_wait_ends_at_the_deadline() -> None:
    assert wait_at(1700) == 100
    assert wait_at(1700.5) == 99


@pytest.mark.parametrize(("age", "retry_after", "wait"), [(0, 30, 30), (100, 60, 60), (0, 7.2, 8)])
def test_the_pause_that_pingone_asks_for_wins_over_the_schedule(
    age: float, retry_after: float, wait: int
) -> None:
    assert wait_at(age, retry_after) == wait


def test_a_short_pause_that_pingone_asks_for_does_not_quicken_the_schedule() -> None:
    assert wait_at(5, retry_after=1) == 5
    assert wait_at(100, retry_after=1) == 20


@pytest.mark.parametrize(
    ("retry_after", "pause"), [(0, 5), (1, 5), (5, 5), (5.1, 6), (17, 17), (86_400, 86_400)]
)
def test_a_pause_is_in_whole_seconds_and_no_shorter_than_five(
    retry_after: float, pause: int
) -> None:
    assert pause_after(RateLimited("Busy.", retry_after)) == pause


def test_a_poll_without_a_429_comes_in_the_schedule() -> None:
    now, deadline = REQUESTED_AT + timedelta(seconds=100), REQUESTED_AT + timedelta(seconds=1800)
    assert seconds_until_next_poll(now, REQUESTED_AT, deadline) == 20
    assert seconds_until_next_poll(REQUESTED_AT, REQUESTED_AT, deadline) == 6


@given(st.floats(8, 1500), st.floats(0.8, 1.2), st.floats(0, 2))
@example(300.0, 1.0, 0.5)
@example(300.0, 1.2, 0.5)
@example(300.0, 0.8, 0.0)
def test_a_report_that_takes_as_long_as_the_last_one_is_seen_with_few_polls_and_no_later(
    usual: float, share: float, answer_seconds: float
) -> None:
    """As a rule three polls; whole seconds may cost one more."""
    now, calls, duration = 0.0, 0, usual * share
    while now < duration:
        now += seconds_until_next_poll(
            REQUESTED_AT + timedelta(seconds=now),
            REQUESTED_AT,
            REQUESTED_AT + timedelta(seconds=HALF_AN_HOUR),
            usual=usual,
        )
        now += answer_seconds
        calls += 1
    assert now - duration <= max(5, duration * 0.2 + 1) + answer_seconds
    assert calls <= (4 if usual > 25 else 5)


@pytest.mark.parametrize(("usual", "wait"), [(0, 6), (5.6, 6), (300, 250), (3600, 1800)])
def test_the_first_poll_comes_before_the_last_report_was_ready(usual: float, wait: int) -> None:
    deadline = REQUESTED_AT + timedelta(seconds=HALF_AN_HOUR)
    assert seconds_until_next_poll(REQUESTED_AT, REQUESTED_AT, deadline, usual=usual) == wait


@pytest.mark.parametrize("age", [1800, 1801, 4000])
def test_after_the_deadline_there_is_no_wait(age: float) -> None:
    with pytest.raises(DeadlineExceeded, match="2026-03-01T02:30:00"):
        wait_at(age)


@pytest.mark.parametrize("retry_after", [301, 3600, 10.0**9])
def test_a_pause_beyond_the_deadline_is_not_waited_for(retry_after: float) -> None:
    with pytest.raises(DeadlineExceeded):
        wait_at(1500, retry_after)


@given(st.floats(0, HALF_AN_HOUR), st.floats(0, 100), st.floats(60, HALF_AN_HOUR))
def test_no_wait_is_shorter_than_pingone_allows_or_longer_than_there_is_time(
    age: float, retry_after: float, deadline: float
) -> None:
    try:
        wait = wait_at(age, retry_after, deadline)
    except DeadlineExceeded:
        assert deadline - age < max(retry_after, 5) + 1
    else:
        assert wait >= max(retry_after, 5)
        assert age + wait <= deadline + 1


@given(st.floats(2, 1500), st.floats(0, 2))
@example(5.0, 0.0)
@example(30.001, 0.0)
def test_a_report_is_seen_a_fifth_of_its_own_time_late_at_most(
    duration: float, answer_seconds: float
) -> None:
    """PingOne is asked so few times that it is cheap: each call takes `answer_seconds`."""
    now, calls = 0.0, 0
    while now < duration:
        now += wait_at(now) + answer_seconds
        calls += 1
    assert now - duration <= max(5, duration * 0.2 + 1) + answer_seconds
    assert calls <= 30


def test_half_an_hour_of_polling_is_few_calls_and_ends_at_the_deadline() -> None:
    now, calls = 0.0, 0
    while now < HALF_AN_HOUR:
        now += wait_at(now)
        calls += 1
    assert now == HALF_AN_HOUR
    assert calls < 35
