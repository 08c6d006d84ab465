"""Each call has its turn: an environment's time, and a place in the licence's minute."""

import math
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.memory_calendar import MemoryCalendar
from local.virtual_load import VirtualLoad
from pingone_reports.aws.calendar import Booking
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.turns import Turn, Turns
from tests.support.asking import REQUEST

LICENCE, OTHER_LICENCE = str(UUID(int=1)), str(UUID(int=2))


class Line:
    """Turns on a clock that the test moves."""

    def __init__(self, calls_per_minute: int = 600) -> None:
        self.now = 1_772_330_400.0
        self.calendar = MemoryCalendar()
        self.turns = Turns(self.calendar, calls_per_minute, lambda: self.now, self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def create(self, held: Turn | None = None, of: int = 0) -> tuple[Turn | None, int]:
        return self.turns.to_create(request_of(of), held)

    def read(self, held: Turn | None = None, of: int = 0, **more: bool) -> tuple[Turn, int]:
        return self.turns.to_read(request_of(of), held, **more)

    def call(self, of: int = 0) -> float:
        """When a read is made that begins now, and waits as often as it is told."""
        turn, wait = self.read(of=of)
        while wait:
            self.now += wait
            turn, wait = self.read(turn, of)
        self.turns.begin(turn)
        return self.now


def request_of(number: int, licence: str | None = None) -> ExportRequest:
    return replace(REQUEST, environment_id=str(UUID(int=number)), license_id=licence)


@pytest.fixture
def line() -> Line:
    return Line()


class TestAlone:
    @given(st.lists(st.floats(5.5, 400), max_size=20))
    def test_an_export_that_is_alone_never_waits_for_a_turn(self, pauses: list[float]) -> None:
        line = Line()
        assert line.create()[1] == 0
        for pause in pauses:
            line.now += pause
            began = line.now
            # Some of the time is for the booking itself.
            assert line.call() == pytest.approx(began + 0.3, abs=0.001)

    def test_a_read_after_five_seconds_is_half_a_second_late_at_most(self, line: Line) -> None:
        began = line.call()
        line.now += 5
        assert line.call() == pytest.approx(began + 5.5, abs=0.001)


class TestAmongOthers:
    def test_a_call_waits_for_the_end_of_the_one_before(self, line: Line) -> None:
        first, _ = line.create()
        line.create()
        third, wait = line.create()
        assert first
        assert third
        assert third.begins == first.begins + 11_000
        # A state machine knows whole seconds alone: it waits for fewer, and the function for more.
        assert wait == 9
        line.now += wait + 0.3
        assert line.create(third) == (replace(third, place=3), 0)
        line.turns.begin(third)
        assert line.now == pytest.approx(third.begins / 1000)

    @pytest.mark.parametrize("late", [2.9, 3.4, 4, 8, 12])
    def test_a_function_that_was_late_once_is_woken_early_enough(
        self, line: Line, late: float
    ) -> None:
        for _ in range(9):
            turn, wait = line.read()
        line.now += wait + late
        while wait:
            missed, (turn, wait) = turn, line.read(turn)
            line.now += wait + (late if wait else 0)
            assert missed.early < turn.early or not wait
        assert line.turns.begin(turn)

    def test_a_late_function_is_woken_earlier_for_its_next_calls_too(self, line: Line) -> None:
        turn, _ = line.read()
        line.now += 4
        late, _ = line.read(turn)
        assert turn.spent() is None
        line.now += 60
        assert line.read(late.spent())[0].early == late.early > turn.early
        # A pause is no lateness.
        assert line.create(late.spent(), of=1)[0].early == late.early  # type: ignore[union-attr]

    def test_no_function_is_woken_earlier_than_it_may_sleep(self, line: Line) -> None:
        turn, _ = line.read()
        line.now += 3600
        assert line.read(turn)[0].early == 15

    def test_a_turn_that_has_passed_is_given_up(self, line: Line) -> None:
        turn, _ = line.read()
        line.now = turn.begins / 1000 + 0.2
        assert line.turns.begin(turn)
        line.now += 0.1
        assert not line.turns.begin(turn)

    def test_whoever_has_missed_a_turn_calls_in_another(self, line: Line) -> None:
        turn, _ = line.read()
        line.now += 2
        moved, wait = line.turns.on_time(request_of(0), turn)
        assert wait == 0
        assert line.now == pytest.approx(moved.begins / 1000)
        line.read()
        line.now += 2
        behind, wait = line.turns.on_time(request_of(0), moved)
        assert wait > 0
        assert behind.begins >= moved.begins + 2 * 5500

    @pytest.mark.parametrize(("unused", "later"), [(False, 5500), (True, 1000)])
    def test_only_an_unused_turn_moves(self, line: Line, unused: bool, later: int) -> None:
        """In another one, a try before this one may have called, and its answer got lost."""
        turn, _ = line.read()
        line.now += 1
        assert line.read(turn, unused=unused)[0].begins == turn.begins + later

    def test_a_turn_that_passes_while_it_is_booked_moves(self, line: Line) -> None:
        """The table is slow, and stays so."""
        book = line.calendar.book

        def slow(*of: Any, **asked: Any) -> Booking:
            line.now += 2
            return book(*of, **asked)

        line.calendar.book = slow  # type: ignore[method-assign]
        turn, wait = line.read()
        assert wait <= 3
        assert line.now <= turn.begins / 1000 + 0.25


class TestLicence:
    def test_no_minute_has_more_calls_than_the_licence(self) -> None:
        line = Line(calls_per_minute=3)
        began = line.now
        turns = [line.read(of=number)[0] for number in range(7)]
        assert [int(turn.begins / 1000 - began) for turn in turns] == [0, 0, 0, 61, 61, 61, 122]

    def test_a_turn_waits_for_the_licence_and_its_environment_with_it(self) -> None:
        line = Line(calls_per_minute=1)
        line.read(of=1)
        waiting, wait = line.read(of=2)
        assert wait == 59
        line.now += wait
        assert line.read(waiting, of=2) == (waiting, 0)
        assert line.read(of=2)[0].begins >= waiting.begins + 5500

    def test_a_turn_that_moves_keeps_its_place(self, line: Line) -> None:
        """A fleet takes a minute longer if its calls take one place more than the licence has."""
        turn, _ = line.read()
        line.now += 1
        assert line.read(turn, unused=True)[0].place == turn.place
        assert line.calendar.ticket("stack", 0) == 2

    def test_a_turn_far_ahead_takes_no_place_from_others(self, line: Line) -> None:
        for _ in range(20):
            turn, _ = line.read()
        assert turn.place is None
        line.now = turn.begins / 1000 - 2.5
        assert line.read(turn)[0].place is not None

    @pytest.mark.parametrize(
        ("licences", "waits"),
        [
            ((LICENCE, OTHER_LICENCE), [0, 0]),
            ((LICENCE, None), [0, 59]),
            ((None, LICENCE), [0, 59]),
        ],
    )
    def test_each_licence_has_its_minute_and_whoever_tells_none_shares_that_of_the_first_one(
        self, licences: tuple[str | None, ...], waits: list[int]
    ) -> None:
        line = Line(calls_per_minute=1)
        asked = [request_of(number, licence) for number, licence in enumerate(licences)]
        assert [line.turns.to_read(each, None)[1] for each in asked] == waits

    def test_an_environment_keeps_the_licence_that_was_told(self) -> None:
        """So a single export shares its licence with the fleet's."""
        line = Line(calls_per_minute=1)
        line.turns.to_read(request_of(1, LICENCE), None)
        line.now += 100
        assert line.read(of=1)[0].licence == LICENCE
        assert line.turns.to_read(request_of(2, LICENCE), None)[1] > 0


class TestLongQueue:
    def test_a_running_report_does_not_wait_for_all_that_are_asked_for(self, line: Line) -> None:
        """However many creates there are, a running report's turn comes soon."""
        line.create()
        refused = [line.create() for _ in range(200)][-1]
        assert refused[0] is None
        line.now += 60
        assert line.read()[1] < 330

    def test_a_refused_create_comes_back_before_the_queue_is_empty(self, line: Line) -> None:
        while (asked := line.create())[0]:
            last = asked[0]
        _, wait = asked
        assert wait > 0
        line.now += wait
        turn, _ = line.create()
        assert turn
        assert turn.begins == last.ends >= line.now * 1000

    def test_a_create_that_waits_too_long_for_the_licence_gives_its_turn_back(self) -> None:
        line = Line(calls_per_minute=1)
        for number in range(1, 6):
            assert line.create(of=number)[0]
        turn, wait = line.create(of=6)
        assert turn is None
        assert 150 <= wait <= 305
        line.now += 0.3
        assert line.calendar.book(f"pace#{UUID(int=6)}", 0, 1, 0, 10**15)[0] <= line.now * 1000


def run_and_check(load: VirtualLoad, most: float = math.inf) -> None:
    """No call is refused or more than needed, and the load takes so many times its least."""
    run = load.run()
    assert (run.refused, run.expired) == (0, 0)
    assert run.calls == 3 * sum(load.environments)
    assert run.ratio <= most


class TestLoads:
    """Whole loads in virtual time. Each says by itself how long PingOne's limits are for it."""

    @pytest.mark.parametrize(
        "environments", [[50], [5] * 100, [1] * 1000], ids=["50 of one", "500 of 100", "1000"]
    )
    @pytest.mark.parametrize("seed", [1, 2])
    def test_the_limits_are_kept_and_used(self, environments: list[int], seed: int) -> None:
        run_and_check(VirtualLoad(environments, seed=seed), most=1.2)

    def test_a_fleet_and_a_third_of_the_rate_are_kept(self) -> None:
        run_and_check(VirtualLoad([1] * 2000, at_once=200))
        run_and_check(VirtualLoad([50] * 30, calls_per_minute=210))

    def test_slow_reports_beside_a_fleet_are_not_forgotten(self) -> None:
        slow = VirtualLoad([20] * 5 + [1] * 300, generating=lambda dice: dice.choice([5, 20, 300]))
        run = slow.run()
        assert (run.refused, run.expired) == (0, 0)

    @pytest.mark.parametrize("load", [[3], [50], [5] * 100], ids=["3", "50", "500 of 100"])
    @pytest.mark.parametrize("late", [(2, 4), (2.9, 4), (3, 5), (0.2, 8)])
    def test_functions_that_start_late_get_their_turns(
        self, load: list[int], late: tuple[float, float]
    ) -> None:
        run_and_check(VirtualLoad(load, start=lambda dice: dice.uniform(*late)), most=2)

    @pytest.mark.parametrize("at_once", [200, 10**9])
    def test_exports_that_tell_their_licence_and_others_share_its_minute(
        self, at_once: int
    ) -> None:
        run_and_check(
            VirtualLoad([1] * 1000, at_once, licence=lambda n: LICENCE if n % 2 else None)
        )

    @pytest.mark.parametrize(("seconds", "at_once"), [(4, 200), (15, 200), (15, 20), (60, 10)])
    def test_an_account_that_runs_ten_functions_at_once_loses_no_export(
        self, seconds: float, at_once: int
    ) -> None:
        run_and_check(VirtualLoad([1] * 200, at_once, quota=10, fetching=seconds))

    def test_a_load_without_turns_would_be_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Turns, "on_time", lambda _self, _request, turn, _wait=0: (turn, 0))
        assert VirtualLoad([3] * 10).run().refused > 0

    @pytest.mark.parametrize("load", [[50], [5] * 100], ids=["50", "500 of 100"])
    def test_clocks_that_are_wrong_let_no_export_fail(self, load: list[int]) -> None:
        run = VirtualLoad(load, clocks=0.25).run()
        assert run.expired == 0
        assert run.refused < 0.01 * run.calls


@given(
    exports=st.lists(st.integers(1, 4), min_size=1, max_size=6),
    calls_per_minute=st.integers(3, 20),
    seed=st.integers(0, 1000),
)
def test_whatever_the_load_no_call_is_refused(
    exports: list[int], calls_per_minute: int, seed: int
) -> None:
    run = VirtualLoad(exports, calls_per_minute=calls_per_minute, seed=seed).run()
    assert run.refused == 0
    assert run.calls >= 3 * sum(exports)
    assert math.isfinite(run.elapsed)


@pytest.mark.parametrize(
    "more", [{}, {"ends": 1_772_330_405_000}, {"licence": LICENCE, "place": None}]
)
def test_a_turn_of_an_older_version_is_read(more: dict[str, Any]) -> None:
    turn = Turn.from_state({"begins": 1_772_330_400_000, **more})
    assert turn == Turn(1_772_330_400_000, more.get("licence", "stack"))
