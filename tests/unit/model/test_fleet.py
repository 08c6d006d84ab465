"""A fleet accounts for each environment once, and its event stays small."""

import json
from typing import Any
from uuid import UUID

import pytest

from pingone_reports.aws.fleet_entries import entry_of
from pingone_reports.errors import InvalidResponse, NoEnvironments, TooManyExportsFailed
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
from pingone_reports.model.times import utc
from pingone_reports.pingone.environment_page import EnvironmentPage
from tests.support.documents import faults, sample
from tests.support.postures import HOSTILE

EXECUTION = Execution.parse(sample("list-environments-input")["execution"])
ID = str(UUID(int=4))
LANDED = {
    "status": "SUCCEEDED",
    "executionArn": "arn:aws:states:x",
    "startedAt": "2026-03-01T02:00:00.000Z",
    "endedAt": "2026-03-01T02:00:21.400Z",
    "manifestKey": "pingone/manifest.json",
    "records": 3,
}
FAILED = {"status": "FAILED", "error": "AccessDenied", "message": "No.", "executionArn": "arn:x"}


def environment(number: int, name: str = "", type_: str = "PRODUCTION") -> Environment:
    return Environment(id=str(UUID(int=number)), name=name or f"Customers {number}", type=type_)


def listing(*environments: Environment, **request: Any) -> dict[str, Any]:
    asked = FleetRequest.delivered(request, {}, "nightly")
    return Listing.chosen(asked, environments).to_document()


def manifest_of(listed: dict[str, Any], *results: dict[str, Any] | None) -> dict[str, Any]:
    environments = map(Environment.from_document, listed["environments"])
    manifest = fleet_manifest(EXECUTION, listed, list(map(entry_of, environments, results)), None)
    assert faults("fleet", manifest) == []
    return manifest


def names(environments: list[dict[str, Any]]) -> list[str]:
    return [each["name"] for each in environments]


class TestEnvironment:
    def test_an_environment_is_read_as_it_is_documented(self) -> None:
        id_ = "ABFBA8F6-49EB-49F5-A5D9-80AD5C98F9F6"
        body = {"id": id_, "name": "Customers", "type": "NEW", "license": {"id": id_}}
        read = Environment.parse(body)
        assert read == Environment(
            id=id_.lower(), name="Customers", type="NEW", license_id=id_.lower()
        )
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
            ("x" * 257, "x" * 256),
            ("", ""),
            ("'\"</script>😀", "'\"</script>😀"),
        ],
    )
    def test_no_name_spoils_the_list(self, name: str, told: str) -> None:
        assert Environment.parse({"id": ID, "name": name}).name == told

    @pytest.mark.parametrize(
        "odd",
        [
            {"name": None, "type": None, "status": None},
            {"name": ["a"], "type": "https://x", "status": {}, "license": "x"},
            {"type": 7, "status": "ACTIVE"},
        ],
    )
    def test_nothing_odd_but_the_id_spoils_the_list(self, odd: dict[str, Any]) -> None:
        assert Environment.parse({"id": ID, **odd}) == Environment(id=ID)

    @pytest.mark.parametrize("body", [None, [], {}, {"id": "x", "name": "a", "type": "b"}])
    def test_what_has_no_id_is_refused_and_not_shown(self, body: object) -> None:
        with pytest.raises(InvalidResponse, match="without a UUID"):
            Environment.parse(body)

    @pytest.mark.parametrize("embedded", [None, {"environments": {}}, {"environments": []}])
    @pytest.mark.parametrize("link", [None, {"href": ""}])
    def test_a_page_that_is_none_is_refused(self, embedded: object, link: object) -> None:
        with pytest.raises(InvalidResponse):
            EnvironmentPage.parse({"_embedded": embedded, "_links": {"next": link}})


class TestChoice:
    ALL = (environment(1, "Europe"), environment(2, "Asia"), environment(3, "Play", "SANDBOX"))

    @pytest.mark.parametrize(
        ("request_", "chosen", "unmatched"),
        [
            ({}, ["Europe", "Asia", "Play"], []),
            ({"include": ["Asia", str(UUID(int=1)).upper()]}, ["Europe", "Asia"], []),
            ({"exclude": ["Asia"]}, ["Europe", "Play"], []),
            ({"types": ["SANDBOX"]}, ["Play"], []),
            (
                {"include": ["Asia", "Play"], "exclude": ["Asia"], "types": ["SANDBOX"]},
                ["Play"],
                [],
            ),
            ({"include": ["europe", "Asia", "Mars"]}, ["Asia"], ["europe", "Mars"]),
            ({"include": ["Asia", "X"], "exclude": ["Y", "Z", "X"]}, ["Asia"], ["X", "Y", "Z"]),
        ],
    )
    def test_a_request_chooses_by_id_name_and_type_and_is_told_what_it_missed(
        self, request_: dict[str, Any], chosen: list[str], unmatched: list[str]
    ) -> None:
        document = listing(*self.ALL, *self.ALL, **request_)
        assert names(document["environments"]) == chosen
        assert len({*chosen, *names(document["excluded"])}) == 3
        assert len(chosen) + len(document["excluded"]) == 3
        assert document["unmatched"] == unmatched

    @pytest.mark.parametrize(
        ("shown", "asked"),
        [
            ("North\u00a0Sea", "North Sea"),
            ("NorthSea", "\ufeffNorth\u200dSea"),
            ("  North  Sea ", " North\u2003 Sea "),
            ("Zu\u0308rich", "Z\u00fcrich"),
            ("x" * 300, "x" * 256),
        ],
    )
    def test_names_are_compared_as_they_look(self, shown: str, asked: str) -> None:
        for name, word in ((shown, asked), (asked, shown[:256])):
            odd = Environment.parse({"id": ID, "name": name})
            chosen = listing(*self.ALL, odd, include=[word])
            assert [each["environmentId"] for each in chosen["environments"]] == [ID]
            rest = listing(*self.ALL, odd, exclude=[word])
            assert [each["environmentId"] for each in rest["excluded"]] == [ID]
            assert chosen["unmatched"] == rest["unmatched"] == []

    def test_what_nobody_sees_names_no_environment(self) -> None:
        document = listing(Environment.parse({"id": ID, "name": ""}), exclude=["\u200b"])
        assert len(document["environments"]) == 1
        assert document["unmatched"] == ["\u200b"]

    @pytest.mark.parametrize("request_", [{}, {"include": ["Old", "Asia"]}, {"types": ["NEW"]}])
    def test_an_environment_that_is_soon_deleted_is_left_out_and_named(
        self, request_: dict[str, Any]
    ) -> None:
        body = {"id": ID, "name": "Old", "type": "NEW", "status": "DELETE_PENDING"}
        document = listing(
            *self.ALL, environment(5, "New", "NEW"), Environment.parse(body), **request_
        )
        assert names([each for each in document["excluded"] if each["deletePending"]]) == ["Old"]
        assert document["unmatched"] == []

    def test_a_fleet_of_none_is_an_error(self) -> None:
        with pytest.raises(NoEnvironments):
            listing(*self.ALL, include=["Mars"])


class TestExports:
    def test_a_fleet_that_takes_over_a_key_has_the_keys_but_not_the_names(self) -> None:
        alone, first, second = (
            FleetExports(arn, key).item(environment(1))
            for arn, key in (("arn:b", None), ("arn:a" * 60, "nightly"), ("arn:b", "nightly"))
        )
        assert first["idempotencyKey"] == second["idempotencyKey"] != alone["idempotencyKey"]
        assert faults("export-request", {"idempotencyKey": first["idempotencyKey"]}) == []
        called = [str(each["executionName"]) for each in (first, second)]
        assert called[0] != called[1]
        assert all(len(name) <= 80 and name.replace("-", "").isalnum() for name in called)

    @pytest.mark.parametrize("name", [*HOSTILE, "", "n" * 300])
    def test_whatever_an_environment_is_called_its_export_can_be_started(self, name: str) -> None:
        item = FleetExports("arn:a", None).item(Environment.parse({"id": ID, "name": name}))
        told = {"environmentName": item["environmentName"]}
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
        assert manifest["numbers"].items() >= {"completed": 1, "failed": 2, "records": 3}.items()
        assert manifest["startedAt"] == utc(EXECUTION.started_at)

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
        assert manifest_of(listing(environment(1)), result)["errors"] == {error: 1}

    @pytest.mark.parametrize(
        ("failed", "tolerated", "is_red"),
        [
            (0, 0, False),
            (1, 0, True),
            (1, 24, True),
            (1, 25, False),
            (4, 99, True),
            (4, 100, False),
        ],
    )
    def test_a_fleet_is_red_if_more_failed_than_is_tolerated(
        self, failed: int, tolerated: int, is_red: bool
    ) -> None:
        listed = listing(*map(environment, range(1, 5)), toleratedFailurePercent=tolerated)
        manifest = manifest_of(listed, *[FAILED] * failed, *[LANDED] * (4 - failed))
        assert manifest["status"] == ("FAILED" if is_red else "COMPLETED")
        failure = failure_of(manifest, "reports", "fleet.json")
        assert isinstance(failure, TooManyExportsFailed) == is_red
        assert not is_red or f"{failed} of 4 exports failed" in str(failure)

    def test_new_and_gone_environments_are_told_against_the_fleet_before(self) -> None:
        before, now = (listing(environment(n), environment(n + 1)) for n in (1, 2))
        manifest = fleet_manifest(EXECUTION, now, [], ("before.json", before))
        assert manifest["before"] == "before.json"
        assert (names(manifest["new"]), names(manifest["gone"])) == (
            ["Customers 3"],
            ["Customers 1"],
        )

    def test_the_event_is_small_however_many_environments_there_are(self) -> None:
        listed = listing(*(environment(number, "é" * 256) for number in range(1, 501)))
        failed = [FAILED | {"error": f"E{number % 50}"} for number in range(500)]
        manifest = manifest_of(listed, *failed)
        event = fleet_event(manifest, "reports", "fleet.json")
        assert faults("fleet-completed", event) == []
        assert len(json.dumps(event)) < 2_000
        assert len(str(failure_of(manifest, "reports", "fleet.json"))) < 1_000


def test_fleets_are_compared_that_choose_alike_and_repeat_nothing() -> None:
    sandboxes = series_of({"types": ["SANDBOX"]})
    assert sandboxes == series_of({"types": ["SANDBOX"], "fields": []})
    assert sandboxes != series_of({"types": ["PRODUCTION"]})
    assert series_of({"onlyFailedOf": "x"}) is None
