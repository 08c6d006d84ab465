"""Turns, keys and starts in a real table, for many who ask at once."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
import time_machine

from local.cloud import LocalCloud
from local.memory_calendar import MemoryCalendar
from local.stack import create_table
from pingone_reports.aws.calendar import TurnCalendar
from pingone_reports.aws.durations import Durations
from pingone_reports.aws.fleets import FleetHistory, FleetResults
from pingone_reports.aws.idempotency import IdempotencyKeys, Starts
from pingone_reports.aws.series import Series, Trend
from pingone_reports.aws.table import EXPIRY, KEY, Table
from pingone_reports.errors import StartInProgress, TableUnavailable
from pingone_reports.model.export import Export
from pingone_reports.model.filters import without_values
from pingone_reports.model.posture import Day
from pingone_reports.model.report_file import Format
from pingone_reports.model.series import PublishedExport
from pingone_reports.model.strength import Strength
from pingone_reports.pingone.turns import Turns
from tests.support.asking import export_of
from tests.support.documents import sample

_NOW = 1_772_330_400_000
EXPORT = export_of("made")


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloud]:
    with LocalCloud(log_name="test-table") as cloud:
        create_table(cloud, "coordination")
        yield cloud


@pytest.fixture
def table(cloud: LocalCloud) -> Table:
    return Table(cloud.client("dynamodb"), "coordination")


@pytest.fixture
def missing_table(cloud: LocalCloud) -> Table:
    return Table(cloud.client("dynamodb"), "missing")


class TestTurns:
    def test_all_who_ask_at_once_get_turns_of_their_own(self, table: Table) -> None:
        environment, bookings = str(uuid4()), TurnCalendar(table)
        with ThreadPoolExecutor(16) as pool:
            booked = list(
                pool.map(
                    lambda _: bookings.book(environment, _NOW, 19_000, 0, _NOW + 10**7), range(48)
                )
            )
        assert sorted(begins for begins, _, _ in booked) == [
            _NOW + number * 19_000 for number in range(48)
        ]

    def test_turns_are_booked_as_in_memory(self, table: Table) -> None:
        environment, real, fake = str(uuid4()), TurnCalendar(table), MemoryCalendar()
        for earliest, own_end, ahead in (
            (0, 0, 300),
            (3, 0, 300),  # behind the first
            (60, 0, 300),  # free again
            (70, 79, 300),  # in a turn that is the last
            (71, 79, 300),  # in one that is not any more
            (72, 0, 20),  # too far ahead
            (200, 0, 0),
        ):
            asked = (environment, _NOW + earliest * 1000, 19_000, _NOW + own_end * 1000)
            latest = _NOW + (earliest + ahead) * 1000
            assert real.book(*asked, latest) == fake.book(*asked, latest)

    def test_a_time_that_is_given_back_is_free_again(self, table: Table) -> None:
        for calendar in (TurnCalendar(table), MemoryCalendar()):
            environment = str(uuid4())
            for begins, length, own_end in ((0, 5, 0), (0, 5, 0), (5, 0, 10), (0, 5, 0)):
                booked = calendar.book(environment, begins, length, own_end, 100)
            assert booked == (5, True, None)

    def test_an_environment_keeps_the_licence_that_was_told(self, table: Table) -> None:
        for calendar in (TurnCalendar(table), MemoryCalendar()):
            environment = str(uuid4())
            told = [
                calendar.book(environment, _NOW, 5, 0, _NOW + 12, licence)[2]
                for licence in (None, "first", None, "other", None)
            ]
            assert told == [None, "first", "first", "first", "first"]

    def test_exports_of_a_licence_that_ask_at_once_keep_to_its_minute(self, table: Table) -> None:
        turns, licence = Turns(TurnCalendar(table), 10, lambda: _NOW / 1000), str(uuid4())

        def ask(_: int) -> int:
            request = replace(EXPORT.request, environment_id=str(uuid4()), license_id=licence)
            return turns.to_read(request, None)[0].begins

        with ThreadPoolExecutor(16) as pool:
            begin = sorted(pool.map(ask, range(32)))
        assert begin == [begin[0] + minute * 61_000 for minute in range(4) for _ in range(10)][:32]

    def test_exports_of_the_same_environments_keep_apart_there_and_in_their_minute(
        self, table: Table
    ) -> None:
        environments, licence = (str(uuid4()), str(uuid4())), str(uuid4())

        def call(number: int) -> tuple[str, float]:
            """When an export calls that waits as the state machine lets it."""
            clock = [_NOW / 1000]

            def wait_for(seconds: float) -> None:
                clock[0] += seconds

            turns = Turns(TurnCalendar(table), 3, lambda: clock[0], wait_for)
            environment = environments[number % 2]
            request = replace(EXPORT.request, environment_id=environment, license_id=licence)
            turn, wait = turns.on_time(request, *turns.to_read(request, None))
            while wait:
                wait_for(wait)
                turn, wait = turns.on_time(request, *turns.to_read(request, turn))
            return environment, clock[0]

        with ThreadPoolExecutor(16) as pool:
            calls = list(pool.map(call, range(16)))
        for environment in environments:
            times = sorted(at for of, at in calls if of == environment)
            assert min(b - a for a, b in pairwise(times)) > 5
        times = sorted(at for _, at in calls)
        assert min(b - a for a, b in zip(times, times[3:], strict=False)) > 60

    def test_the_licence_that_was_told_first_shares_its_pool(self, cloud: LocalCloud) -> None:
        create_table(cloud, "licences")
        table = Table(cloud.client("dynamodb"), "licences")
        first, other = str(uuid4()), str(uuid4())
        for calendar in (TurnCalendar(table), TurnCalendar(table), MemoryCalendar()):
            pools = [calendar.pool(licence, _NOW) for licence in (first, other, first)]
            assert pools == ["stack", other, "stack"]


@dataclass
class States:
    """Step Functions, as far as it is asked how executions are."""

    status: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def describe_execution(
        self,
        *,
        executionArn: str,  # noqa: N803 -- boto3's
        includedData: str,  # noqa: N803
    ) -> dict[str, Any]:
        assert includedData == "METADATA_ONLY"  # more may be encrypted
        self.asked.append(executionArn)
        return {"status": self.status.get(executionArn, "RUNNING")}


def _failed(status: str) -> dict[str, Any]:
    """The note of an export that its fleet saw fail."""
    told = {"Status": status, "ExecutionArn": "arn:x", "Error": "AccessDenied", "Cause": "No."}
    return {"status": "UNKNOWN", "error": "States.TaskFailed", "message": json.dumps(told)}


def _note(table: Table, execution_name: str, result: dict[str, Any]) -> None:
    """As the fleet's state machine does it."""
    table.client.put_item(
        TableName=table.name,
        Item={
            KEY: {"S": f"result#{execution_name}"},
            "result": {"S": json.dumps(result)},
            EXPIRY: {"N": "1"},
        },
    )


class TestSeries:
    def published(self, environment: str, day: int) -> PublishedExport:
        manifest = sample("manifest")
        at = f"2026-03-{day:02}T02:00:00.000Z"
        folder = f"report=devices/environment={environment}/date={at[:10]}/e{day}"
        return PublishedExport.of(
            manifest | {"createdAt": at, "requestedAt": at}, f"pingone/{folder}/manifest.json"
        )

    def test_of_many_that_are_published_at_once_each_is_kept_once(self, table: Table) -> None:
        environment, series = str(uuid4()), Series(table)
        assert series.exports("devices", environment) == []
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(
                    lambda day: series.add(self.published(environment, 1 + day % 12)), range(24)
                )
            )
        kept = series.exports("devices", environment)
        assert [each.keys.execution for each in kept] == [f"e{day}" for day in range(1, 13)]

    def test_a_day_has_its_last_strengths_and_the_sums_of_its_changes(self, table: Table) -> None:
        environment, trend = str(uuid4()), Trend(table)
        hours = {hour: f"2026-03-02T{hour:02}:00:00.000Z" for hour in (1, 2, 3)}
        for hour in (1, 3, 2, 3):
            days = trend.add(
                replace(
                    self.published(environment, 2),
                    manifest_key=self.published(environment, 2).manifest_key.replace(
                        "/e2/", f"/e{hour}/"
                    ),
                ),
                Day(
                    exported_at=hours[hour],
                    users={Strength.WEAK: hour},
                    events=hour,
                    lost=1,
                    left=0,
                ),
            )
        assert days == [
            Day(exported_at=hours[3], users={Strength.WEAK: 3}, events=6, lost=3, left=0)
        ]

    def test_the_days_are_those_of_a_month(self, table: Table) -> None:
        environment, trend = str(uuid4()), Trend(table)
        for day in ("2026-03-01", "2026-03-02", "2026-04-01"):
            at = Day(exported_at=f"{day}T02:00:00.000Z", users={})
            days = trend.add(self.published(environment, 2), at)
        assert [day.exported_at[:10] for day in days] == ["2026-03-02", "2026-04-01"]

    def test_a_day_before_all_that_are_kept_is_a_day_all_the_same(self, table: Table) -> None:
        environment, trend = str(uuid4()), Trend(table)
        for number in (*range(1, 46), 0):
            day = f"{date(2026, 1, 1) + timedelta(days=number)}T02:00:00.000Z"
            days = trend.add(self.published(environment, 2), Day(exported_at=day, users={}))
        assert [day.exported_at[:10] for day in days] == ["2026-01-01"]


class TestIdempotencyKeys:
    def test_of_all_who_ask_at_once_one_gets_the_key(self, table: Table) -> None:
        key, keys = str(uuid4()), IdempotencyKeys(table, States())
        with ThreadPoolExecutor(16) as pool:
            holders = list(pool.map(lambda n: keys.holder(key, f"arn:{n}"), range(16)))
        assert len(set(holders)) == 1
        assert keys.holder(key, holders[0]) == holders[0]

    @pytest.mark.parametrize("status", ["RUNNING", "SUCCEEDED", "PENDING_REDRIVE"])
    def test_a_key_stays_with_an_execution_that_has_an_export_or_may(
        self, table: Table, status: str
    ) -> None:
        key, keys = str(uuid4()), IdempotencyKeys(table, States({"arn:first": status}))
        keys.holder(key, "arn:first")
        assert keys.holder(key, "arn:second") == "arn:first"

    @pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED"])
    def test_a_key_goes_over_from_one_that_ended_without(self, table: Table, status: str) -> None:
        key, keys = str(uuid4()), IdempotencyKeys(table, States({"arn:first": status}))
        keys.holder(key, "arn:first")
        with ThreadPoolExecutor(8) as pool:
            later = list(pool.map(lambda n: keys.holder(key, f"arn:{n}"), range(8)))
        assert len(set(later)) == 1
        assert later[0] != "arn:first"

    @pytest.mark.parametrize(
        ("noted", "asked", "stays"),
        [
            ({"status": "SUCCEEDED", "manifestKey": "a/manifest.json"}, False, True),
            ({"status": "FAILED", "error": "AccessDenied"}, False, False),
            (_failed("FAILED"), False, False),
            # These may have been redriven.
            (_failed("ABORTED"), True, True),
            ({"status": "TIMED_OUT"}, True, True),
            ({"status": "UNKNOWN", "error": "StepFunctions.Throttled", "message": "x"}, True, True),
            (_failed("FAILED") | {"message": '{"Status": "FAIL'}, True, True),
        ],
    )
    def test_step_functions_is_not_asked_of_an_export_that_its_fleet_has_noted(
        self, table: Table, noted: dict[str, Any], asked: bool, stays: bool
    ) -> None:
        name, states = f"fleet-{uuid4()}", States()
        first, key = f"arn:aws:states:execution:reports:{name}", f"fleet:x:{uuid4()}"
        keys = IdempotencyKeys(table, states)
        keys.holder(key, first)
        _note(table, name, noted)
        assert keys.holder(key, "arn:second") == (first if stays else "arn:second")
        assert states.asked == ([first] if asked else [])

    def test_a_key_is_free_again_when_its_time_is_over(self, table: Table) -> None:
        """DynamoDB may take days to delete what has expired."""
        key, keys = str(uuid4()), IdempotencyKeys(table, States())
        keys.holder(key, "arn:first")
        values = {"then": int(time.time()) - 60}
        table.update(f"claim#{key}", f"SET {EXPIRY} = :then", f"{EXPIRY} > :then", values)
        assert keys.holder(key, "arn:second") == "arn:second"


class CutOff(BaseException):
    """What no function survives."""


class TestDurations:
    def test_a_series_remembers_how_long_its_last_report_took(
        self, table: Table, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        durations, now = Durations(table), [time.time()]
        monkeypatch.setattr("pingone_reports.aws.durations.time.time", lambda: now[0])
        request = replace(EXPORT.request, environment_id=str(uuid4()))
        assert durations.of(request) == (0, False)
        durations.remember(request, 299.6)
        assert durations.of(request) == (300, True)
        # PingOne had it cached.
        durations.remember(request, 0.2)
        assert durations.of(request) == (300, True)
        now[0] += 7201
        assert durations.of(request) == (300, False)
        durations.remember(request, 200)
        assert durations.of(request) == (200, True)

    @pytest.mark.parametrize(
        ("other", "same"),
        [
            ({"environment_id": "5c1d9a3e-7a55-4d7f-8f4e-1d1f0b7b2c10"}, False),
            ({"report_name": "other"}, False),
            ({"filter": ""}, False),
            ({"fields": ("userId",)}, False),
            ({"correlation_id": "other", "formats": (Format.CSV,), "license_id": "other"}, True),
            # As it is kept where values are tokens.
            ({"filter": without_values(EXPORT.request.filter)}, True),
        ],
        ids=str,
    )
    def test_each_series_has_a_time_of_its_own(
        self, table: Table, other: dict[str, Any], same: bool
    ) -> None:
        request = replace(EXPORT.request, environment_id=str(uuid4()))
        Durations(table).remember(replace(request, **other), 300)
        assert Durations(table).of(request) == ((300, True) if same else (0, False))

    def test_no_export_fails_because_its_time_cannot_be_remembered(
        self, missing_table: Table
    ) -> None:
        durations = Durations(missing_table)
        durations.remember(EXPORT.request, 300)
        assert durations.of(EXPORT.request) == (0, False)


class TestStarts:
    def test_a_repeated_start_gets_the_first_ones_export(self, table: Table) -> None:
        arn, exports = f"arn:{uuid4()}", iter([EXPORT, export_of("second")])
        assert Starts(table, lambda: 80_000).made(arn) is None
        for _ in range(2):
            # Another container: nothing of the first one's memory.
            starts = Starts(table, lambda: 80_000)
            assert starts.once(arn, lambda: next(exports)) == EXPORT
        assert Starts(table, lambda: 80_000).made(arn) == EXPORT

    def test_what_the_version_before_started_is_found(self, table: Table) -> None:
        arn = f"arn:{uuid4()}"
        table.client.put_item(
            TableName=table.name,
            Item={
                # As Powertools' idempotency utility wrote it.
                KEY: {"S": f"start#{hashlib.sha256(json.dumps(arn).encode()).hexdigest()}"},
                EXPIRY: {"N": str(int(time.time()) + 600)},
                "in_progress_expiration": {"N": str(int(time.time() * 1000) - 1000)},
                "status": {"S": "COMPLETED"},
                "data": {"S": json.dumps(EXPORT.to_state())},
            },
        )
        starts = Starts(table, lambda: 80_000)
        assert starts.made(arn) == EXPORT
        assert starts.once(arn, lambda: export_of("second")) == EXPORT

    def test_a_start_that_raises_is_not_kept(self, table: Table) -> None:
        arn, starts = f"arn:{uuid4()}", Starts(table, lambda: 80_000)

        def fail() -> Export:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            starts.once(arn, fail)
        assert starts.once(arn, lambda: EXPORT) == EXPORT

    def test_a_start_that_was_cut_off_gives_its_place_free_when_its_time_is_over(
        self, table: Table
    ) -> None:
        arn = f"arn:{uuid4()}"

        def die() -> Export:
            raise CutOff

        with pytest.raises(CutOff):
            Starts(table, lambda: 80_000).once(arn, die)
        again = Starts(table, lambda: 80_000)
        assert again.made(arn) is None
        with pytest.raises(StartInProgress):
            again.once(arn, lambda: EXPORT)
        with time_machine.travel(timedelta(seconds=81)):
            assert again.once(arn, lambda: EXPORT) == EXPORT


class TestFleets:
    def test_results_come_back_in_the_order_of_the_exports(self, table: Table) -> None:
        names = [f"fleet-{uuid4()}" for _ in range(50)]
        for name in names[1:]:
            _note(table, name, {"status": name})
        results = list(FleetResults(table).of(names))
        assert results == [None, *({"status": name} for name in names[1:])]

    def test_the_fleet_before_is_the_newest_of_its_series(self, table: Table) -> None:
        history, series = FleetHistory(table), str(uuid4())
        times = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]
        assert history.before(series) is None
        for time_, key in zip((times[0], times[2], times[1]), "acb", strict=True):
            history.remember(series, time_, key)
        assert history.before(series) == "c"
        assert history.before(str(uuid4())) is None


@pytest.mark.parametrize(
    "use",
    [
        lambda table: TurnCalendar(table).book(str(uuid4()), _NOW, 19_000, 0, _NOW),
        lambda table: Series(table).exports("devices", str(uuid4())),
        lambda table: Starts(table, lambda: 80_000).once("arn:1", lambda: EXPORT),
        lambda table: Starts(table, lambda: 80_000).made("arn:1"),
    ],
    ids=["a turn", "a series", "a start", "what was started"],
)
def test_a_missing_table_is_a_typed_error(
    missing_table: Table, use: Callable[[Table], object]
) -> None:
    with pytest.raises(TableUnavailable, match="ResourceNotFound"):
        use(missing_table)
