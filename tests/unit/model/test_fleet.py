"""A fleet accounts for each environment once, and its event stays small."""

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from pingone_reports.aws.fleet_entries import entry_of
from pingone_reports.errors import InvalidResponse, NoEnvironments
from pingone_reports.model.environment import Environment
from pingone_reports.model.export import Execution
from pingone_reports.model.fleet import (
    FleetExports,
    Listing,
    failure_of,
    fleet_event,
    fleet_manifest,
    series_of,
)
from pingone_reports.model.fleet_request import FleetRequest
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.environment_page import EnvironmentPage
from tests.support.documents import faults, sample
from tests.support.postures import HOSTILE

EXECUTION = Execution.parse(sample("list-environments-input")["execution"])


def environment(number: int, name: str = "", type_: str = "PRODUCTION") -> Environment:
    return Environment(id=str(UUID(int=number)), name=name or f"Customers {number}", type=type_)


def listing(*environments: Environment, **request: Any) -> dict[str, Any]:
    asked = FleetRequest.delivered(request, {}, "nightly")
    return Listing.chosen(asked, environments).to_document()


def manifest_of(
    listed: dict[str, Any],
    *results: dict[str, Any] | None,
    before: tuple[str, dict[str, Any]] | None = None,
) -> dict[str, Any]:
    environments = map(Environment.from_document, listed["environments"])
    entries = list(map(entry_of, environments, results))
    manifest = fleet_manifest(EXECUTION, listed, entries, before)
    assert faults("fleet", manifest) == []
    return manifest


LANDED = {
    "status": "SUCCEEDED",
    "executionArn": "arn:aws:states:x",
    "startedAt": "2026-03-01T02:00:00.000Z",
    "endedAt": "2026-03-01T02:00:21.400Z",
    "manifestKey": "pingone/manifest.json",
    "records": 3,
}
FAILED = {"status": "FAILED", "error": "AccessDenied", "message": "No.", "executionArn": "arn:x"}


class TestEnvironment:
    def test_an_environment_is_read_as_it_is_documented(self) -> None:
        body = {"id": "ABFBA8F6-49EB-49F5-A5D9-80AD5C98F9F6", "name": "Customers", "type": "NEW"}
        read = Environment.parse(body | {"license": {"id": "x"}})
        assert read == Environment(id=body["id"].lower(), name="Customers", type="NEW")
        assert Environment.from_document(read.to_document()) == read

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("a\nb\x00\u202ec", "a b  c"),
            ("Zu\u0308rich", "Z\u00fcrich"),
            ("North\u00a0Sea\u200b\ufeff", "North Sea"),
            ("so\u00adft\u2060", "soft"),
            ("\u200b", ""),
            ("\ud800", "\ufffd"),
            ("x" * 1000, "x" * 256),
            ("", ""),
            ("'\"</script>😀", "'\"</script>😀"),
        ],
    )
    def test_no_name_spoils_the_list(self, name: str, told: str) -> None:
        read = Environment.parse({"id": str(UUID(int=1)), "name": name, "type": "SANDBOX"})
        assert read.name == told
        json.dumps(read.to_document()).encode()

    @pytest.mark.parametrize(
        "odd",
        [{}, {"name": None}, {"type": None}, {"type": "https://x"}, {"type": 7, "name": ["a"]},
         {"license": "x"}, {"status": {}}, {"status": "ACTIVE"}, {"status": None}],
    )  # fmt: skip
    def test_nothing_odd_but_the_id_spoils_the_list(self, odd: dict[str, Any]) -> None:
        read = Environment.parse({"id": str(UUID(int=1)), **odd})
        assert read == Environment(id=str(UUID(int=1)))

    @pytest.mark.parametrize("body", [None, [], {}, {"id": "x", "name": "a", "type": "b"}])
    def test_what_has_no_id_is_refused_and_not_shown(self, body: object) -> None:
        with pytest.raises(InvalidResponse, match="without a UUID"):
            Environment.parse(body)

    @pytest.mark.parametrize(
        "body",
        [{}, {"_embedded": None}, {"_embedded": {"environments": {}}},
         {"_embedded": {"environments": []}, "_links": {"next": None}},
         {"_embedded": {"environments": []}, "_links": {"next": {"href": ""}}}],
    )  # fmt: skip
    def test_a_page_that_is_none_is_refused(self, body: dict[str, Any]) -> None:
        with pytest.raises(InvalidResponse):
            EnvironmentPage.parse(body)


class TestChoice:
    ALL = (environment(1, "Europe"), environment(2, "Asia"), environment(3, "Play", "SANDBOX"))

    @pytest.mark.parametrize(
        ("request_", "names"),
        [
            ({}, ["Europe", "Asia", "Play"]),
            ({"include": ["Asia", str(UUID(int=1)).upper()]}, ["Europe", "Asia"]),
            ({"exclude": ["Asia"]}, ["Europe", "Play"]),
            ({"types": ["SANDBOX"]}, ["Play"]),
            ({"include": ["Asia", "Play"], "exclude": ["Asia"], "types": ["SANDBOX"]}, ["Play"]),
        ],
    )
    def test_a_request_chooses_by_id_name_and_type(
        self, request_: dict[str, Any], names: list[str]
    ) -> None:
        document = listing(*self.ALL, **request_)
        assert [each["name"] for each in document["environments"]] == names
        everywhere = document["environments"] + document["excluded"]
        assert len({each["environmentId"] for each in everywhere}) == len(everywhere) == 3

    def test_names_are_told_apart_by_their_spelling(self) -> None:
        document = listing(*self.ALL, include=["europe", "Asia", "Mars"])
        assert [each["name"] for each in document["environments"]] == ["Asia"]
        assert document["unmatched"] == ["europe", "Mars"]

    def test_what_exclude_did_not_match_is_told_too(self) -> None:
        gone = str(UUID(int=9)).upper()
        document = listing(*self.ALL, include=["Asia", "Mars"], exclude=["Moon", gone, "Mars"])
        assert document["unmatched"] == ["Mars", "Moon", gone]

    @pytest.mark.parametrize(
        ("shown", "asked"),
        [
            ("North Sea", "North\u00a0Sea"),
            ("North\u00a0Sea", "North Sea"),
            ("North\u200bSea", "NorthSea"),
            ("NorthSea", "\ufeffNorth\u200dSea"),
            ("  North  Sea ", "North Sea"),
            ("North Sea", " North\u2003 Sea "),
            ("Zu\u0308rich", "Z\u00fcrich"),
            ("Z\u00fcrich", "Zu\u0308rich"),
            ("x" * 300, "x" * 256),
        ],
    )
    def test_names_are_compared_as_they_look(self, shown: str, asked: str) -> None:
        odd = Environment.parse({"id": str(UUID(int=4)), "name": shown, "type": "SANDBOX"})
        chosen = listing(*self.ALL, odd, include=[asked])
        assert [each["environmentId"] for each in chosen["environments"]] == [odd.id]
        assert chosen["unmatched"] == []
        rest = listing(*self.ALL, odd, exclude=[asked])
        assert [each["environmentId"] for each in rest["excluded"]] == [odd.id]
        assert rest["unmatched"] == []

    def test_what_nobody_sees_names_no_environment(self) -> None:
        nameless = Environment.parse({"id": str(UUID(int=4)), "name": ""})
        document = listing(nameless, exclude=["\u200b"])
        assert len(document["environments"]) == 1
        assert document["unmatched"] == ["\u200b"]

    def test_an_environment_that_is_soon_deleted_is_left_out_and_named(self) -> None:
        body = {"id": str(UUID(int=4)), "name": "Old", "type": "PRODUCTION"}
        old = Environment.parse(body | {"status": "DELETE_PENDING"})
        for request in ({}, {"include": ["Old", "Asia"]}, {"types": ["PRODUCTION"]}):
            document = listing(*self.ALL, old, **request)
            assert "Old" not in [each["name"] for each in document["environments"]]
            assert document["unmatched"] == []
            pending = [each["name"] for each in document["excluded"] if each["deletePending"]]
            assert pending == ["Old"]

    def test_what_comes_twice_is_exported_once(self) -> None:
        assert len(listing(*self.ALL, *self.ALL)["environments"]) == 3

    def test_a_fleet_of_none_is_an_error(self) -> None:
        with pytest.raises(NoEnvironments):
            listing(*self.ALL, include=["Mars"])


class TestNames:
    def test_an_exports_name_is_that_of_one_fleet_and_fits(self) -> None:
        id_ = str(UUID(int=1))
        names = {FleetExports(arn, None).name(id_) for arn in ("arn:a" * 60, "arn:b")}
        assert len(names) == 2
        assert all(len(name) <= 80 and name.replace("-", "").isalnum() for name in names)

    def test_a_fleet_that_takes_over_a_key_has_the_keys_but_not_the_names(self) -> None:
        first, second = (
            FleetExports(arn, "nightly").item(environment(1)) for arn in ("arn:a", "arn:b")
        )
        assert first["idempotencyKey"] == second["idempotencyKey"]
        assert first["executionName"] != second["executionName"]
        assert faults("export-request", {"idempotencyKey": first["idempotencyKey"]}) == []

    def test_without_a_key_fleets_share_none(self) -> None:
        keys = {
            FleetExports(arn, None).item(environment(1))["idempotencyKey"]
            for arn in ("arn:a", "arn:b")
        }
        assert len(keys) == 2

    @pytest.mark.parametrize("name", [*HOSTILE, "", "n" * 300])
    def test_whatever_an_environment_is_called_its_export_can_be_started(self, name: str) -> None:
        listed = Environment.parse({"id": str(UUID(int=1)), "name": name, "type": "SANDBOX"})
        told = {"environmentName": FleetExports("arn:a", None).item(listed)["environmentName"]}
        assert faults("export-request", told) == []
        parsed = ExportRequest.parse(told, sample("export-request") | {"environmentName": None})
        assert (parsed.environment_name is None) == (name == "")


class TestManifest:
    def test_each_environment_is_there_once_with_its_manifest_or_its_error(self) -> None:
        listed = listing(environment(1), environment(2), environment(3))
        manifest = manifest_of(listed, LANDED, FAILED, None)
        landed, failed, unknown = manifest["environments"]
        assert (landed["status"], landed["records"], landed["seconds"]) == ("COMPLETED", 3, 21.4)
        assert landed["error"] is None
        assert (failed["error"], failed["message"]) == ("AccessDenied", "No.")
        assert (unknown["error"], unknown["executionArn"]) == ("ExportUnknown", None)
        assert manifest["errors"] == {"AccessDenied": 1, "ExportUnknown": 1}
        assert (
            manifest["numbers"] | {"completed": 1, "failed": 2, "records": 3}
            == (manifest["numbers"])
        )

    @pytest.mark.parametrize(
        ("result", "error"),
        [
            ({"status": "ABORTED"}, "ExportAborted"),
            ({"status": "TIMED_OUT"}, "States.Timeout"),
            ({"status": "UNKNOWN", "error": "StepFunctions.Throttled"}, "StepFunctions.Throttled"),
            ({"status": "RUNNING"}, "ExportUnknown"),
            ({"status": "SUCCEEDED"}, "ExportUnknown"),
        ],
    )
    def test_an_export_without_a_manifest_has_failed(
        self, result: dict[str, Any], error: str
    ) -> None:
        manifest = manifest_of(listing(environment(1)), result)
        assert manifest["errors"] == {error: 1}

    @pytest.mark.parametrize(
        ("failed", "tolerated", "status"),
        [(0, 0, "COMPLETED"), (1, 0, "FAILED"), (1, 24, "FAILED"), (1, 25, "COMPLETED"),
         (4, 99, "FAILED"), (4, 100, "COMPLETED")],
    )  # fmt: skip
    def test_a_fleet_is_red_if_more_failed_than_is_tolerated(
        self, failed: int, tolerated: int, status: str
    ) -> None:
        request = {"toleratedFailurePercent": tolerated}
        listed = listing(*map(environment, range(1, 5)), **request)
        results = [FAILED] * failed + [LANDED] * (4 - failed)
        manifest = manifest_of(listed, *results)
        assert manifest["status"] == status
        failure = failure_of(manifest, "reports", "fleet.json")
        assert (failure is None) == (status == "COMPLETED")
        if failure:
            assert type(failure).__name__ == "TooManyExportsFailed"
            assert f"{failed} of 4 exports failed" in str(failure)

    def test_new_and_gone_environments_are_told_against_the_fleet_before(self) -> None:
        before = listing(environment(1), environment(2))
        manifest = manifest_of(
            listing(environment(2), environment(3)), LANDED, LANDED, before=("before.json", before)
        )
        assert manifest["before"] == "before.json"
        assert [each["environmentId"] for each in manifest["new"]] == [str(UUID(int=3))]
        assert [each["environmentId"] for each in manifest["gone"]] == [str(UUID(int=1))]

    def test_the_event_is_small_however_many_environments_there_are(self) -> None:
        listed = listing(*(environment(number, "é" * 256) for number in range(1, 501)))
        failed = [FAILED | {"error": f"E{number % 50}"} for number in range(500)]
        manifest = manifest_of(listed, *failed)
        event = fleet_event(manifest, "reports", "fleet.json")
        assert faults("fleet-completed", event) == []
        assert len(json.dumps(event)) < 2_000
        assert len(str(failure_of(manifest, "reports", "fleet.json"))) < 1_000


class TestSeries:
    def test_fleets_are_compared_that_choose_alike(self) -> None:
        alike = {series_of({"types": ["SANDBOX"]}), series_of({"types": ["SANDBOX"], "fields": []})}
        assert len(alike) == 1
        assert series_of({"types": ["PRODUCTION"]}) not in alike

    def test_a_fleet_that_repeats_what_failed_is_compared_with_none(self) -> None:
        assert series_of({"onlyFailedOf": "x"}) is None


def test_a_fleets_times_are_in_utc() -> None:
    manifest = manifest_of(listing(environment(1)), LANDED)
    assert datetime.fromisoformat(manifest["startedAt"]) == EXECUTION.started_at.astimezone(UTC)
