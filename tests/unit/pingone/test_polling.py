"""PingOne is asked in time, then ever less often, and never after the deadline."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pingone_reports.errors import DeadlineExceeded, RateLimited
from pingone_reports.pingone.polling import seconds_until_next_poll

REQUESTED_AT = datetime(2026, 3, 1, 2, 0, tzinfo=UTC)
HALF_AN_HOUR = 1800.0


def wait_at(
    age: float,
    retry_after: float | None = None,
    *,
    usual: float = 0,
    deadline: float = HALF_AN_HOUR,
) -> int:
    """The wait of a report of this age, in seconds; a 429 may have asked for `retry_after`."""

    def after(seconds: float) -> datetime:
        return REQUESTED_AT + timedelta(seconds=seconds)

    limit = None if retry_after is None else RateLimited("Busy.", retry_after)
    return seconds_until_next_poll(after(age), REQUESTED_AT, after(deadline), limit, usual)


@pytest.mark.parametrize(
    ("age", "wait"),
    [(0, 6), (0.5, 6), (2, 5), (5, 5), (29, 5), (30, 6), (100, 20), (1000, 200), (1700, 100),
     (1700.5, 99)],
)  # fmt: skip
def test_the_wait_is_at_least_five_seconds_then_a_fifth_of_the_age_and_ends_at_the_deadline(
    age: float, wait: int
) -> None:
    assert wait_at(age) == wait


@pytest.mark.parametrize(
    ("age", "retry_after", "wait"),
    [(0, 30, 30), (0, 7.2, 8), (5, 1, 5), (100, 60, 60), (100, 1, 20)],
)
def test_the_pause_that_pingone_asks_for_may_lengthen_the_wait_but_not_shorten_it(
    age: float, retry_after: float, wait: int
) -> None:
    assert wait_at(age, retry_after) == wait


@pytest.mark.parametrize(("usual", "wait"), [(0, 6), (5.6, 6), (300, 250), (3600, 1800)])
def test_the_first_poll_comes_before_the_last_report_was_ready(usual: float, wait: int) -> None:
    assert wait_at(0, usual=usual) == wait


@pytest.mark.parametrize(
    ("age", "retry_after"),
    [(1800, None), (1801, None), (4000, None), (1500, 301), (1500, 3600), (1500, 10.0**9)],
)
def test_what_is_after_the_deadline_is_not_waited_for(
    age: float, retry_after: float | None
) -> None:
    with pytest.raises(DeadlineExceeded, match="2026-03-01T02:30:00"):
        wait_at(age, retry_after)


@given(st.floats(0, HALF_AN_HOUR), st.floats(0, 100), st.floats(60, HALF_AN_HOUR))
def test_no_wait_is_shorter_than_pingone_allows_or_longer_than_there_is_time(
    age: float, retry_after: float, deadline: float
) -> None:
    try:
        wait = wait_at(age, retry_after, deadline=deadline)
    except DeadlineExceeded:
        assert deadline - age < max(retry_after, 5) + 1
    else:
        assert wait >= max(retry_after, 5)
        assert age + wait <= deadline + 1


def calls_of(duration: float, answer_seconds: float, usual: float = 0) -> int:
    """How often PingOne is asked, and takes so long to answer, until a report is seen.

    It is seen a fifth of its own time late at most.
    """
    now, calls = 0.0, 0
    while now < duration:
        now += wait_at(now, usual=usual) + answer_seconds
        calls += 1
    assert now - duration <= max(5, duration * 0.2 + 1) + answer_seconds
    return calls


@given(st.floats(8, 1500), st.floats(0.8, 1.2), st.floats(0, 2))
@example(300.0, 1.0, 0.5)
@example(300.0, 1.2, 0.5)
@example(300.0, 0.8, 0.0)
def test_a_report_that_takes_as_long_as_the_last_one_is_seen_with_few_polls_and_no_later(
    usual: float, share: float, answer_seconds: float
) -> None:
    """As a rule three polls; whole seconds may cost one more."""
    assert calls_of(usual * share, answer_seconds, usual) <= (4 if usual > 25 else 5)


@given(st.floats(2, 1500), st.floats(0, 2))
@example(5.0, 0.0)
@example(30.001, 0.0)
def test_a_report_is_seen_a_fifth_of_its_own_time_late_at_most(
    duration: float, answer_seconds: float
) -> None:
    assert calls_of(duration, answer_seconds) <= 30
