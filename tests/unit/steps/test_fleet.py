"""A fleet is listed once and summed up once, whatever is tried again or changes meanwhile."""

import json
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID

import pytest

from local.pingone_simulator import Answer, Fault, ListedEnvironment, PingOneSimulator, Scenario
from pingone_reports.errors import (
    AccessDenied,
    InvalidRequest,
    NoEnvironments,
    StorageDenied,
    StorageUnavailable,
    TableUnavailable,
)
from pingone_reports.model.export import Execution
from pingone_reports.model.fleet_request import FleetRequest
from pingone_reports.model.keys import FleetKeys
from pingone_reports.pingone.api import PingOne
from pingone_reports.steps.list_environments import ListEnvironments
from pingone_reports.steps.summarize_fleet import SummarizeFleet
from tests.support.documents import faults, sample
from tests.support.memory_bucket import MemoryBucket
from tests.support.steps import FakeKeys

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.fleets import FleetHistory, FleetResults
    from pingone_reports.aws.idempotency import IdempotencyKeys

FILTER = 'username eq "canary@example.com"'


def execution(name: str) -> Execution:
    started_at = datetime.fromisoformat("2026-03-01T23:59:59+00:00")
    return Execution(arn=f"arn:{name}", name=name, started_at=started_at)


FIRST, SECOND, THIRD = map(execution, ("first", "second", "third"))


def environments(*numbers: int) -> list[ListedEnvironment]:
    return [ListedEnvironment(str(UUID(int=n)), f"Customers {n}") for n in numbers]


class WatchedBucket(MemoryBucket):
    """`on_read` is called with the key of each document that was looked for."""

    def __init__(self) -> None:
        super().__init__()
        self.on_read: Callable[[str], object] = lambda _key: None

    def read_json(self, key: str) -> dict[str, Any] | None:
        found = super().read_json(key)
        self.on_read(key)
        return found


@dataclass
class World:
    """What the fleets of one stack share; results and history are in memory."""

    pingone: PingOne
    bucket: WatchedBucket = field(default_factory=WatchedBucket)
    keys: FakeKeys = field(default_factory=FakeKeys)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    prefix: str = "pingone"
    pseudonymizes: bool = False

    def start(self, by: Execution = FIRST, **request: Any) -> dict[str, Any]:
        step = ListEnvironments(
            pingone=self.pingone,
            keys=cast("IdempotencyKeys", self.keys),
            bucket=cast("Bucket", self.bucket),
            key_prefix=self.prefix,
            pseudonymizes=self.pseudonymizes,
            seconds_left=lambda: 300,
            sleep=lambda _seconds: None,
        )
        answer = step.run(FleetRequest.delivered(request, {}, "nightly"), by)
        assert faults("list-environments-output", answer) == []
        return answer

    def items(self, by: Execution = FIRST) -> list[dict[str, str]]:
        keys = FleetKeys.of(by, self.prefix)
        return list(json.loads(self.bucket.objects[keys.items]))

    def numbers(self, by: Execution = FIRST) -> list[int]:
        """Which environments are exported."""
        return [UUID(item["environmentId"]).int for item in self.items(by)]

    def end(self, by: Execution = FIRST, *, failed: int = 0) -> None:
        """Let all exports of a fleet land, but for that of the environment of this number."""
        failure = {"status": "FAILED", "error": "AccessDenied", "message": "No."}
        success = {"status": "SUCCEEDED", "manifestKey": "a/manifest.json", "records": 2}
        for number, item in zip(self.numbers(by), self.items(by), strict=True):
            self.results[item["executionName"]] = failure if number == failed else success

    def summarize(self, by: Execution = FIRST) -> dict[str, Any]:
        step = SummarizeFleet(
            bucket=cast("Bucket", self.bucket),
            results=cast("FleetResults", self),
            history=cast("FleetHistory", self),
            key_prefix=self.prefix,
        )
        answer = step.run(by)
        assert faults("summarize-fleet-output", answer) == []
        return answer

    def run(self, by: Execution = FIRST, *, failed: int = 0) -> dict[str, Any]:
        """A whole fleet."""
        self.start(by)
        self.end(by, failed=failed)
        return self.summarize(by)

    def manifest(self, by: Execution = FIRST) -> dict[str, Any]:
        key = FleetKeys.of(by, self.prefix).manifest
        document = dict(json.loads(self.bucket.objects[key]))
        assert faults("fleet", document) == []
        return document

    def of(self, names: Sequence[str]) -> list[Mapping[str, Any] | None]:
        return [self.results.get(name) for name in names]

    def before(self, series: str) -> str | None:
        return self.newest.get(series)

    def remember(self, series: str, _started_at: datetime, manifest_key: str) -> None:
        self.newest[series] = manifest_key


@pytest.fixture
def world(pingone: PingOne, simulator: PingOneSimulator) -> World:
    simulator.list_environments(environments(1, 2, 3))
    return World(pingone)


class TestListing:
    def test_every_environment_becomes_an_item_of_the_map(self, world: World) -> None:
        answer = world.start(formats=["csv"], exclude=["Customers 2"], correlationId="ticket")
        keys = FleetKeys.of(FIRST, "pingone")
        assert answer == {
            "status": "LISTED",
            "itemsKey": keys.items,
            "request": {"correlationId": "ticket", "formats": ["csv"]},
            "duplicateOf": None,
        }
        assert keys.items == "pingone/fleet/date=2026-03-01/first/exports.json"
        assert world.numbers() == [1, 3]

    def test_a_list_that_changes_between_two_tries_counts_as_it_was_first(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        first = world.start()
        before = dict(world.bucket.objects)
        simulator.list_environments(environments(4))
        assert world.start() == first
        assert world.bucket.objects == before

    def test_of_two_tries_at_once_the_first_to_write_counts_for_both(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        def another_try(_key: str) -> None:
            world.bucket.on_read = lambda _key: None
            world.start()
            simulator.list_environments(environments(4))

        world.bucket.on_read = another_try
        world.start()
        assert world.numbers() == [1, 2, 3]

    def test_given_ids_need_no_list_of_pingone(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        world.start(environmentIds=[str(UUID(int=7))])
        assert world.numbers() == [7]
        assert simulator.requests == []

    def test_a_fleet_that_is_asked_for_twice_runs_once_and_has_no_key_of_an_exports(
        self, world: World
    ) -> None:
        world.start(idempotencyKey="nightly")
        answer = world.start(SECOND, idempotencyKey="nightly")
        assert (answer["status"], answer["duplicateOf"]) == ("DUPLICATE", "arn:first")
        assert answer["itemsKey"] is None
        assert world.keys.holder("nightly", "arn:export") == "arn:export"

    @pytest.mark.parametrize(
        ("denied", "error"),
        [((Fault("environments", Answer(403), times=None),), AccessDenied), ((), NoEnvironments)],
    )
    def test_a_list_that_is_denied_or_empty_leaves_nothing(
        self,
        world: World,
        simulator: PingOneSimulator,
        denied: tuple[Fault, ...],
        error: type[Exception],
    ) -> None:
        simulator.list_environments([])
        simulator.set_scenario(simulator.organization_id, Scenario(faults=denied))
        with pytest.raises(error):
            world.start()
        assert world.bucket.objects == {}


class TestOnlyFailed:
    def test_only_what_failed_is_exported_as_it_was(self, world: World) -> None:
        world.start(fields=["userId"], formats=["csv"])
        world.end(failed=2)
        key = world.summarize()["fleet"]["manifestKey"]
        answer = world.start(SECOND, onlyFailedOf=key, formats=["json"])
        assert answer["request"] == {
            "correlationId": "nightly", "fields": ["userId"], "formats": ["json"]
        }  # fmt: skip
        assert world.numbers(SECOND) == [2]
        world.end(SECOND)
        assert world.summarize(SECOND)["failure"] is None
        assert world.manifest(SECOND)["environments"][0]["name"] == "Customers 2"

    def test_a_fleet_of_which_nothing_failed_has_none(self, world: World) -> None:
        key = world.run()["fleet"]["manifestKey"]
        with pytest.raises(NoEnvironments):
            world.start(SECOND, onlyFailedOf=key)

    @pytest.mark.parametrize("prefix", ["", "other/", "pingone/pingone/"])
    def test_a_manifest_elsewhere_is_refused(self, world: World, prefix: str) -> None:
        key = f"{prefix}fleet/date=2026-03-01/first/fleet.json"
        world.bucket.objects[key] = json.dumps(sample("fleet")).encode()
        with pytest.raises(InvalidRequest, match="onlyFailedOf"):
            world.start(onlyFailedOf=key)

    def test_with_pseudonymize_only_the_exports_get_the_filter(self, world: World) -> None:
        world.pseudonymizes = True
        answer = world.start(filter=FILTER)
        assert answer["request"]["filter"] == world.start(filter=FILTER)["request"]["filter"]
        assert answer["request"]["filter"] == FILTER
        world.end(failed=2)
        key = world.summarize()["fleet"]["manifestKey"]
        assert world.bucket.objects
        assert not any(b"canary" in content for content in world.bucket.objects.values())

        with pytest.raises(InvalidRequest, match="give it again, in 'filter'"):
            world.start(SECOND, onlyFailedOf=key)
        assert world.start(SECOND, onlyFailedOf=key, filter=FILTER)["request"]["filter"] == FILTER


class TestSummary:
    def test_a_fleet_that_went_well_tells_its_numbers(self, world: World) -> None:
        answer = world.run()
        assert answer["failure"] is None
        numbers = answer["fleet"]["numbers"]
        assert numbers == numbers | {"environments": 3, "completed": 3, "records": 6}
        assert [each["name"] for each in world.manifest()["environments"]] == [
            "Customers 1", "Customers 2", "Customers 3"
        ]  # fmt: skip

    def test_a_try_after_the_manifest_changes_nothing(self, world: World) -> None:
        first = world.run(failed=1)
        objects = dict(world.bucket.objects)
        world.results.clear()
        assert world.summarize() == first
        assert world.bucket.objects == objects

    def test_an_export_without_a_result_is_accounted_for(self, world: World) -> None:
        world.start(toleratedFailurePercent=99)
        answer = world.summarize()
        assert answer["fleet"]["errors"] == {"ExportUnknown": 3}
        assert answer["failure"]["Error"] == "TooManyExportsFailed"
        assert answer["fleet"]["manifestKey"] in answer["failure"]["Cause"]

    @pytest.mark.parametrize("former", ["", "other", "pingone/pingone", "pingon"])
    def test_a_fleet_is_compared_with_the_one_before_below_its_own_prefix(
        self, world: World, simulator: PingOneSimulator, former: str
    ) -> None:
        replace(world, prefix=former).run()
        read: list[str] = []
        world.bucket.on_read = read.append
        assert world.run(SECOND)["failure"] is None
        assert all(key.startswith("pingone/fleet/") for key in read)
        assert world.manifest(SECOND)["before"] is None

        simulator.list_environments(environments(2, 3, 4))
        world.run(THIRD)
        manifest = world.manifest(THIRD)
        assert manifest["before"] == FleetKeys.of(SECOND, "pingone").manifest
        assert [each["name"] for each in manifest["new"]] == ["Customers 4"]
        assert [each["name"] for each in manifest["gone"]] == ["Customers 1"]

    @pytest.mark.parametrize("error", [StorageDenied, StorageUnavailable])
    def test_a_fleet_before_that_cannot_be_read_fails_no_fleet(
        self, world: World, error: type[Exception]
    ) -> None:
        def deny(key: str) -> None:
            if "/first/" in key:
                raise error("No.")

        world.run()
        world.bucket.on_read = deny
        assert world.run(SECOND)["failure"] is None
        assert world.manifest(SECOND)["before"] is None

    @pytest.mark.parametrize("call", ["before", "remember"])
    def test_a_history_that_cannot_be_read_or_written_fails_no_fleet(
        self, world: World, monkeypatch: pytest.MonkeyPatch, call: str
    ) -> None:
        def refuse(*_: object) -> None:
            raise TableUnavailable("Not now.")

        world.run()
        monkeypatch.setattr(world, call, refuse)
        assert world.run(SECOND)["failure"] is None
        assert (world.manifest(SECOND)["before"] is None) == (call == "before")

    def test_an_execution_that_listed_nothing_has_no_summary(self, world: World) -> None:
        with pytest.raises(InvalidRequest):
            world.summarize()

    def test_very_many_environments_are_small_states_and_summed_up_in_bounded_memory(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        simulator.list_environments(environments(*range(1, 2_001)))
        assert len(json.dumps(world.start())) < 1_000
        assert len(world.items()) == 2_000
        world.end(failed=7)
        tracemalloc.start()
        answer = world.summarize()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert answer["fleet"]["numbers"]["environments"] == 2_000
        assert len(json.dumps(answer)) < 2_000
        assert peak < 20_000_000
