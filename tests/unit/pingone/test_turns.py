"""Exports of one environment call PingOne in turns; one that is alone never waits for one."""

import heapq
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingone_reports.errors import TurnPassed
from pingone_reports.pingone.turns import (
    Turn,
    Turns,
)
from tests.support.asking import ENVIRONMENT_ID
from tests.support.turns import FakeCalendar


class Line:
    """The turns of one environment, on a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_772_330_400.0
        self.calendar = FakeCalendar()
        self.turns = Turns(self.calendar, lambda: self.now)

    def create(self, held: Turn | None = None) -> tuple[Turn | None, int]:
        return self.turns.to_create(ENVIRONMENT_ID, held)

    def check(self, held: Turn | None) -> tuple[Turn, int]:
        return self.turns.to_check(ENVIRONMENT_ID, held)

    def fetch(self, held: Turn | None) -> tuple[Turn, int]:
        return self.turns.to_fetch(ENVIRONMENT_ID, held)


@pytest.fixture
def line() -> Line:
    return Line()


class TestAlone:
    def test_an_export_books_once_for_all_its_calls(self, line: Line) -> None:
        turn, wait = line.create()
        assert (wait, line.calendar.bookings) == (0, 1)
        line.now += 6.5
        assert line.check(turn) == (turn, 0)
        assert line.fetch(turn) == (turn, 5)
        line.now += 6.5
        line.turns.require_to_fetch(ENVIRONMENT_ID, turn)
        assert line.calendar.bookings == 1

    @given(st.lists(st.floats(5, 400), max_size=20))
    def test_an_export_that_is_alone_never_waits_for_a_turn(self, pauses: list[float]) -> None:
        line = Line()
        turn, wait = line.create()
        assert wait == 0
        for pause in pauses:
            line.now += pause
            turn, wait = line.check(turn)
            assert wait == 0

    def test_the_fetch_comes_five_seconds_after_the_check(self, line: Line) -> None:
        turn, _ = line.create()
        line.now += 100
        turn, wait = line.check(turn)
        assert wait == 0
        turn, wait = line.fetch(turn)
        assert wait == 5
        line.now += 5
        line.turns.require_to_fetch(ENVIRONMENT_ID, turn)


class TestAmongOthers:
    def test_the_second_export_waits_for_the_end_of_the_first_ones_turn(self, line: Line) -> None:
        first, _ = line.create()
        second, wait = line.create()
        assert first
        assert second
        assert second.begins == first.ends
        assert wait == (first.ends - first.begins) / 1000
        line.now += wait
        assert line.create(second) == (second, 0)
        assert line.calendar.bookings == 2

    def test_an_export_that_comes_back_too_early_keeps_its_turn(self, line: Line) -> None:
        line.create()
        turn, wait = line.create()
        line.now += wait - 2.5
        assert line.create(turn) == (turn, 3)

    def test_an_export_that_comes_back_too_late_gets_another_turn(self, line: Line) -> None:
        line.create()
        missed, wait = line.create()
        line.create()
        assert missed
        line.now += wait + (missed.ends - missed.begins) / 1000 - 5
        turn, wait = line.create(missed)
        assert turn
        assert turn.begins > missed.ends
        assert wait > 0

    def test_a_fetch_whose_turn_has_passed_is_not_to_call(self, line: Line) -> None:
        turn, _ = line.create()
        line.create()
        line.now += 30
        with pytest.raises(TurnPassed):
            line.turns.require_to_fetch(ENVIRONMENT_ID, turn)
        assert line.calendar.bookings == 2

    def test_a_fetch_before_its_turn_is_not_to_call(self, line: Line) -> None:
        line.create()
        turn, _ = line.create()
        with pytest.raises(TurnPassed):
            line.turns.require_to_fetch(ENVIRONMENT_ID, turn)

    def test_environments_have_turns_of_their_own(self, line: Line) -> None:
        line.create()
        _, wait = line.turns.to_create("11111111-2222-3333-4444-555555555555", None)
        assert wait == 0


class TestLongQueue:
    def test_a_running_report_does_not_wait_for_all_that_are_asked_for(self, line: Line) -> None:
        """However many creates there are, a running report's turn comes soon."""
        running, _ = line.create()
        refused = [line.create() for _ in range(200)][-1]
        assert refused[0] is None
        line.now += 60
        _, wait = line.check(running)
        assert wait < 330

    def test_a_refused_create_comes_back_before_the_queue_is_empty(self, line: Line) -> None:
        while (asked := line.create())[0]:
            last = asked[0]
        _, wait = asked
        assert wait > 0
        line.now += wait
        turn, wait = line.create()
        assert turn
        assert turn.begins == last.ends
        assert wait > 0


@given(
    exports=st.lists(
        st.tuples(
            st.floats(0, 60),  # when it is requested
            st.integers(0, 6),  # checks that find it unfinished
            st.lists(st.floats(0, 8), min_size=1, max_size=8),  # how late its functions are
            st.floats(0, 0.99),  # from the look at the clock to PingOne
        ),
        min_size=1,
        max_size=12,
    )
)
def test_no_two_calls_of_one_environment_come_within_five_seconds(
    exports: list[tuple[float, int, list[float], float]],
) -> None:
    line = Line()
    zero, made = line.now, list[float]()
    held: list[Turn | None] = [None] * len(exports)
    left = [["create", *["check"] * (n + 1)] for _, n, _, _ in exports]
    events = [(zero + export[0], 0, number) for number, export in enumerate(exports)]
    heapq.heapify(events)
    while events:
        line.now, step, number = heapq.heappop(events)
        _, _, lateness, delay = exports[number]
        late = lateness[step % len(lateness)]
        calls = left[number]
        if calls[0] == "create":
            held[number], wait = line.create(held[number])
        else:
            held[number], wait = line.check(held[number])
        if not wait:
            made.append(line.now + delay)
            calls.pop(0)
            wait = 5
            line.now += delay
        if calls and step < 200:
            heapq.heappush(events, (line.now + wait + late, step + 1, number))
    assert all(later - earlier >= 5 for earlier, later in pairwise(sorted(made)))


def test_a_turn_comes_back_from_its_state() -> None:
    turn = Turn(1_772_330_400_000, 1_772_330_419_000)
    assert Turn.from_state(turn.to_state()) == turn
    assert Turn.from_state(None) is None
