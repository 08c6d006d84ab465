"""A fleet is listed once and summed up once, whatever is tried again or changes meanwhile."""

import json
import tracemalloc
from collections.abc import Mapping, Sequence
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

STARTED = "2026-03-01T23:59:59+00:00"


def execution(name: str = "first", started_at: str = STARTED) -> Execution:
    return Execution(arn=f"arn:{name}", name=name, started_at=datetime.fromisoformat(started_at))


def environments(*numbers: int) -> list[ListedEnvironment]:
    return [ListedEnvironment(str(UUID(int=n)), f"Customers {n}") for n in numbers]


@dataclass
class World:
    """What the fleets of one stack share; results and history are in memory."""

    pingone: PingOne
    bucket: MemoryBucket = field(default_factory=MemoryBucket)
    keys: FakeKeys = field(default_factory=FakeKeys)
    results: dict[str, dict[str, Any]] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)
    table_is_there: bool = True
    reads_history: bool = True
    prefix: str = "pingone"
    pseudonymizes: bool = False

    def start(self, by: Execution | None = None, **request: Any) -> dict[str, Any]:
        step = ListEnvironments(
            pingone=self.pingone,
            keys=cast("IdempotencyKeys", self.keys),
            bucket=cast("Bucket", self.bucket),
            key_prefix=self.prefix,
            pseudonymizes=self.pseudonymizes,
            seconds_left=lambda: 300,
            sleep=lambda _seconds: None,
        )
        answer = step.run(FleetRequest.delivered(request, {}, "nightly"), by or execution())
        assert faults("list-environments-output", answer) == []
        return answer

    def items(self, by: Execution | None = None) -> list[dict[str, str]]:
        keys = FleetKeys.of(by or execution(), self.prefix)
        return list(json.loads(self.bucket.objects[keys.items]))

    def end(self, by: Execution | None = None, **failed: str) -> None:
        """Let all exports of a fleet land, but for the environments that fail, by number."""
        for item in self.items(by):
            error = failed.get(f"n{UUID(item['environmentId']).int}")
            self.results[item["executionName"]] = (
                {"status": "FAILED", "error": error, "message": "No."}
                if error
                else {"status": "SUCCEEDED", "manifestKey": "a/manifest.json", "records": 2}
            )

    def summarize(self, by: Execution | None = None) -> dict[str, Any]:
        step = SummarizeFleet(
            bucket=cast("Bucket", self.bucket),
            results=cast("FleetResults", self),
            history=cast("FleetHistory", self),
            key_prefix=self.prefix,
        )
        answer = step.run(by or execution())
        assert faults("summarize-fleet-output", answer) == []
        return answer

    def manifest(self, by: Execution | None = None) -> dict[str, Any]:
        key = FleetKeys.of(by or execution(), self.prefix).manifest
        document = dict(json.loads(self.bucket.objects[key]))
        assert faults("fleet", document) == []
        return document

    def of(self, names: Sequence[str]) -> list[Mapping[str, Any] | None]:
        return [self.results.get(name) for name in names]

    def before(self, series: str) -> str | None:
        if not self.reads_history:
            raise TableUnavailable("Not now.")
        return self.newest.get(series)

    def remember(self, series: str, _started_at: datetime, manifest_key: str) -> None:
        if not self.table_is_there:
            raise TableUnavailable("Not now.")
        self.newest[series] = manifest_key


@pytest.fixture
def world(pingone: PingOne, simulator: PingOneSimulator) -> World:
    simulator.list_environments(environments(1, 2, 3))
    return World(pingone)


class TestListing:
    def test_every_environment_becomes_an_item_of_the_map(self, world: World) -> None:
        answer = world.start(formats=["csv"], exclude=["Customers 2"], correlationId="ticket")
        keys = FleetKeys.of(execution(), "pingone")
        assert answer == {
            "status": "LISTED",
            "itemsKey": keys.items,
            "request": {"correlationId": "ticket", "formats": ["csv"]},
            "duplicateOf": None,
        }
        assert keys.items == "pingone/fleet/date=2026-03-01/first/exports.json"
        assert [UUID(item["environmentId"]).int for item in world.items()] == [1, 3]

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
        slow = World(world.pingone, bucket=world.bucket, keys=world.keys)
        keys = FleetKeys.of(execution(), "pingone")
        read = slow.bucket.read_json
        slow.bucket.read_json = lambda key: None if key == keys.listing else read(key)  # type: ignore[method-assign]
        world.start()
        simulator.list_environments(environments(4))
        slow.start()
        assert [UUID(item["environmentId"]).int for item in world.items()] == [1, 2, 3]

    def test_given_ids_need_no_list_of_pingone(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        world.start(environmentIds=[str(UUID(int=7))])
        assert [UUID(item["environmentId"]).int for item in world.items()] == [7]
        assert simulator.requests == []

    def test_a_fleet_that_is_asked_for_twice_runs_once(self, world: World) -> None:
        world.start(idempotencyKey="nightly")
        answer = world.start(execution("second"), idempotencyKey="nightly")
        assert (answer["status"], answer["duplicateOf"]) == ("DUPLICATE", "arn:first")
        assert answer["itemsKey"] is None

    def test_a_fleets_key_is_none_of_an_exports(self, world: World) -> None:
        world.start(idempotencyKey="nightly")
        assert world.keys.holder("nightly", "arn:export") == "arn:export"

    def test_a_listing_that_is_denied_leaves_nothing(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        denied = Fault("environments", Answer(403), times=None)
        simulator.set_scenario(simulator.organization_id, Scenario(faults=(denied,)))
        with pytest.raises(AccessDenied):
            world.start()
        assert world.bucket.objects == {}

    def test_an_empty_list_leaves_nothing(self, world: World, simulator: PingOneSimulator) -> None:
        simulator.list_environments([])
        with pytest.raises(NoEnvironments):
            world.start()
        assert world.bucket.objects == {}

    def test_very_many_environments_are_listed_in_bounded_memory(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        simulator.list_environments(environments(*range(1, 2_001)))
        answer = world.start()
        assert len(world.items()) == 2_000
        assert len(json.dumps(answer)) < 1_000


class TestOnlyFailed:
    def test_only_what_failed_is_exported_as_it_was(self, world: World) -> None:
        world.start(fields=["userId"], formats=["csv"])
        world.end(n2="AccessDenied")
        failed = world.summarize()
        again = execution("again")
        answer = world.start(again, onlyFailedOf=failed["fleet"]["manifestKey"], formats=["json"])
        assert answer["request"] == {
            "correlationId": "nightly", "fields": ["userId"], "formats": ["json"]
        }  # fmt: skip
        assert [UUID(item["environmentId"]).int for item in world.items(again)] == [2]
        world.end(again)
        assert world.summarize(again)["failure"] is None
        assert world.manifest(again)["environments"][0]["name"] == "Customers 2"

    def test_a_fleet_of_which_nothing_failed_has_none(self, world: World) -> None:
        world.start()
        world.end()
        key = world.summarize()["fleet"]["manifestKey"]
        with pytest.raises(NoEnvironments):
            world.start(execution("again"), onlyFailedOf=key)

    @pytest.mark.parametrize("prefix", ["", "other/", "pingone/pingone/"])
    def test_a_manifest_elsewhere_is_refused(self, world: World, prefix: str) -> None:
        key = f"{prefix}fleet/date=2026-03-01/first/fleet.json"
        world.bucket.objects[key] = json.dumps(sample("fleet")).encode()
        with pytest.raises(InvalidRequest, match="onlyFailedOf"):
            world.start(onlyFailedOf=key)


class TestPseudonymize:
    FILTER = 'username eq "canary@example.com"'

    @pytest.fixture
    def private(self, world: World) -> World:
        world.pseudonymizes = True
        return world

    def test_only_the_exports_get_the_filter(self, private: World) -> None:
        answer = private.start(filter=self.FILTER)
        again = private.start(filter=self.FILTER)
        assert answer["request"]["filter"] == again["request"]["filter"] == self.FILTER
        private.end(n2="AccessDenied")
        private.summarize()
        assert private.bucket.objects
        assert not any(b"canary" in content for content in private.bucket.objects.values())

    def test_what_failed_is_exported_again_only_with_its_filter(self, private: World) -> None:
        private.start(filter=self.FILTER)
        private.end(n2="AccessDenied")
        key = private.summarize()["fleet"]["manifestKey"]
        with pytest.raises(InvalidRequest, match="give it again, in 'filter'"):
            private.start(execution("again"), onlyFailedOf=key)
        answer = private.start(execution("again"), onlyFailedOf=key, filter=self.FILTER)
        assert answer["request"]["filter"] == self.FILTER


class TestSummary:
    def test_a_fleet_that_went_well_tells_its_numbers(self, world: World) -> None:
        world.start()
        world.end()
        answer = world.summarize()
        assert answer["failure"] is None
        assert (
            answer["fleet"]["numbers"] | {"environments": 3, "completed": 3, "records": 6}
            == (answer["fleet"]["numbers"])
        )
        assert [each["name"] for each in world.manifest()["environments"]] == [
            "Customers 1", "Customers 2", "Customers 3"
        ]  # fmt: skip

    def test_a_try_after_the_manifest_changes_nothing(self, world: World) -> None:
        world.start()
        world.end(n1="AccessDenied")
        first = world.summarize()
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

    def test_new_and_gone_environments_are_told(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        world.start()
        world.summarize()
        simulator.list_environments(environments(2, 3, 4))
        second = execution("second", "2026-03-02T23:59:59+00:00")
        world.start(second)
        world.summarize(second)
        manifest = world.manifest(second)
        assert manifest["before"] == FleetKeys.of(execution(), "pingone").manifest
        assert [each["name"] for each in manifest["new"]] == ["Customers 4"]
        assert [each["name"] for each in manifest["gone"]] == ["Customers 1"]

    @pytest.mark.parametrize("former", ["", "other", "pingone/pingone", "pingon"])
    def test_a_fleet_below_another_prefix_is_not_read(self, world: World, former: str) -> None:
        first = replace(world, prefix=former)
        first.start()
        first.summarize()
        second = execution("second")
        world.start(second)
        world.end(second)
        read = world.bucket.read_json

        def allowed(key: str) -> dict[str, Any] | None:
            assert key.startswith("pingone/fleet/")
            return read(key)

        world.bucket.read_json = allowed  # type: ignore[method-assign]
        assert world.summarize(second)["failure"] is None
        assert world.manifest(second)["before"] is None
        world.bucket.read_json = read  # type: ignore[method-assign]
        third = execution("third")
        world.start(third)
        world.summarize(third)
        assert world.manifest(third)["before"] == FleetKeys.of(second, "pingone").manifest

    @pytest.mark.parametrize("error", [StorageDenied, StorageUnavailable, TableUnavailable])
    def test_a_fleet_before_that_cannot_be_read_fails_no_fleet(
        self, world: World, error: type[Exception]
    ) -> None:
        world.start()
        world.summarize()
        second = execution("second")
        world.start(second)
        world.end(second)
        read = world.bucket.read_json

        def denied(key: str) -> dict[str, Any] | None:
            if "/first/" in key:
                raise error("No.")
            return read(key)

        if error is TableUnavailable:
            world.reads_history = False
        else:
            world.bucket.read_json = denied  # type: ignore[method-assign]
        assert world.summarize(second)["failure"] is None
        assert world.manifest(second)["before"] is None

    def test_a_fleet_with_another_choice_is_compared_with_none(self, world: World) -> None:
        world.start()
        world.summarize()
        second = execution("second")
        world.start(second, exclude=["Customers 1"])
        world.summarize(second)
        assert world.manifest(second)["before"] is None

    def test_a_fleet_is_done_even_if_the_next_one_cannot_be_compared_with_it(
        self, world: World
    ) -> None:
        world.start()
        world.end()
        world.table_is_there = False
        assert world.summarize()["failure"] is None

    def test_an_execution_that_listed_nothing_has_no_summary(self, world: World) -> None:
        with pytest.raises(InvalidRequest):
            world.summarize()

    def test_very_many_environments_are_summed_up_in_bounded_memory(
        self, world: World, simulator: PingOneSimulator
    ) -> None:
        simulator.list_environments(environments(*range(1, 2_001)))
        world.start()
        world.end(n7="ReportFailed")
        tracemalloc.start()
        answer = world.summarize()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert answer["fleet"]["numbers"]["environments"] == 2_000
        assert len(json.dumps(answer)) < 2_000
        assert peak < 20_000_000
