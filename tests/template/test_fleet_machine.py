"""What a fleet's state machine does, as the reference implementation evaluates its expressions."""

import json
import time
from typing import TYPE_CHECKING, Any, cast

import pytest

from pingone_reports.aws.fleet_entries import entry_of
from pingone_reports.aws.fleets import FleetResults
from pingone_reports.model.environment import Environment
from pingone_reports.model.fleet import FleetExports
from tests.support.documents import faults, sample
from tests.support.jsonata import Failure, Walk, expressions, rendered
from tests.support.memory_table import MemoryTable
from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT, definition

if TYPE_CHECKING:
    from pingone_reports.aws.table import Table

MACHINE = definition(EXPORT_FLEET)
STATES = MACHINE["States"]
MAP = STATES["ExportEnvironments"]
TOO_MUCH = "States.DataLimitExceeded"

EXECUTION = sample("list-environments-input")["execution"]
NAME = EXECUTION["name"]
LISTED = sample("list-environments-output")
LISTED_ITEM = FleetExports(EXECUTION["arn"], None).item(
    Environment(
        id="abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
        name="\"Customers\" 'Europe' {% $x %} \\ \U0001f98a",
        license_id="57c3a9d0-1f0e-4a5d-9b32-5a0f5f0f2a11",
    )
)
CONTEXT: dict[str, Any] = {
    "Execution": {
        "Id": EXECUTION["arn"],
        "Input": sample("list-environments-input")["request"],
        "Name": NAME,
        "StartTime": EXECUTION["startedAt"],
    },
    "Map": {"Item": {"Value": LISTED_ITEM}},
}
SUMMARY = sample("summarize-fleet-output")
FAILED = sample("fleet-failed")
WAITING = sample("show-fleet-output")
ANSWERS: dict[str, list[Any]] = {
    "ListEnvironments": [LISTED],
    "SummarizeFleet": [SUMMARY],
    "ShowFleet": [WAITING | {"status": "SHOWN"}],
}
BROKEN = [Failure("Other", "other")]


def fleet(machine: Any = MACHINE, **answers: list[Any]) -> Walk:
    return Walk(machine, CONTEXT, ANSWERS | answers)


def told(walk: Walk, state: str) -> dict[str, Any]:
    """The detail of the one event of a state."""
    [arguments] = walk.arguments[state]
    [entry] = arguments["Entries"]
    outcome = state.removeprefix("Publish")
    assert entry["DetailType"] == f"PingOne Fleet Export {outcome}"
    assert faults(f"fleet-{outcome.lower()}", entry["Detail"]) == []
    return dict(entry["Detail"])


class TestFleet:
    def test_a_fleet_completes_and_tells_its_numbers(self) -> None:
        walk = fleet()
        assert walk.run({}) == told(walk, "PublishCompleted") == SUMMARY["fleet"]
        [asked] = walk.arguments["ListEnvironments"]
        assert asked["Payload"] == sample("list-environments-input")
        [asked] = walk.arguments["SummarizeFleet"]
        assert asked["Payload"] == {"execution": EXECUTION}

    def test_each_export_is_asked_for_with_what_is_listed_of_it(self) -> None:
        states = {"input": LISTED, "context": CONTEXT}
        assert rendered(MAP["ItemSelector"], {"states": states}) == ITEM

    def test_a_fleet_that_is_asked_for_twice_names_the_first_one(self) -> None:
        twice = LISTED | {"status": "DUPLICATE", "duplicateOf": "arn:of:the:first"}
        walk = fleet(ListEnvironments=[twice])
        assert walk.run({}) == {"duplicateOf": "arn:of:the:first"}

    def test_a_fleet_of_which_too_many_failed_tells_its_numbers_has_its_page_and_is_red(
        self,
    ) -> None:
        failure = {"Error": FAILED["error"], "Cause": FAILED["message"]}
        walk = fleet(SummarizeFleet=[{"fleet": FAILED["fleet"], "failure": failure}])
        assert walk.run({}) == Failure(FAILED["error"], FAILED["message"])
        event = told(walk, "PublishFailed")
        assert event == FAILED | {"failedAt": event["failedAt"]}
        [recorded] = walk.arguments["RecordFailed"]
        assert recorded["MetricData"][0]["Dimensions"][1]["Value"] == FAILED["error"]
        assert walk.states.index("RecordFailed") < walk.states.index("ShowFleet")

    @pytest.mark.parametrize("fails", ["ListEnvironments", "SummarizeFleet", "PublishCompleted"])
    @pytest.mark.parametrize("error", ["AccessDenied", TOO_MUCH])
    @pytest.mark.parametrize("later", [{}, Failure("Other", "No."), Failure(TOO_MUCH, "No.")])
    def test_an_error_is_what_the_event_and_the_execution_show(
        self, fails: str, error: str, later: Any
    ) -> None:
        """Whatever fails after it."""
        cause = json.dumps({"errorMessage": "Half of it.", "errorType": error})
        after = {name: [later] for name in ("PublishFailed", "RecordFailed")}
        walk = fleet(**after, **{fails: [Failure(error, cause)]})
        assert walk.run({}) == Failure(error, "Half of it.")
        # There is no page without a manifest.
        has_manifest = fails == "PublishCompleted"
        assert (told(walk, "PublishFailed")["fleet"] is not None) == has_manifest
        assert ("ShowFleet" in walk.states) == has_manifest

    def test_a_fleets_failure_is_read_as_an_exports(self) -> None:
        """Where every input is tried: nothing catches it when this fails."""
        exports = definition(EXPORT_REPORT)["States"]
        assert STATES["ExtractMessage"] == exports["ExtractMessage"]
        detail, other = (
            machine["PublishFailed"]["Arguments"]["Entries"][0]["Detail"]
            for machine in (STATES, exports)
        )
        assert detail == {name: other.get(name) for name in detail} | {"fleet": detail["fleet"]}


class TestPage:
    """It comes after the event, whatever became of the fleet, and changes nothing of that."""

    def test_the_state_machine_waits_for_the_tables(self) -> None:
        walk = fleet(ShowFleet=[WAITING, WAITING, *ANSWERS["ShowFleet"]])
        assert walk.run({}) == SUMMARY["fleet"]
        assert walk.states[walk.states.index("PublishCompleted") + 1 :] == [
            "IsFleetShown", *["ShowFleet", "AreTablesThere", "WaitForTables"] * 2, "ShowFleet",
            "AreTablesThere", "HasFleetFailed", "FleetCompleted",
        ]  # fmt: skip
        for asked in walk.arguments["ShowFleet"]:
            assert asked["Payload"] == {
                "manifestKey": SUMMARY["fleet"]["manifestKey"],
                "correlationId": SUMMARY["fleet"]["correlationId"],
                "notify": True,
            }

    @pytest.mark.parametrize("record", [{}, *BROKEN])
    @pytest.mark.parametrize("error", ["StorageDenied", TOO_MUCH])
    def test_a_page_that_fails_leaves_the_fleet_green_and_is_recorded(
        self, error: str, record: Any
    ) -> None:
        walk = fleet(ShowFleet=[WAITING, Failure(error, "No.")], RecordUnshown=[record])
        assert walk.run({}) == SUMMARY["fleet"]
        assert walk.states[-3:] == ["RecordUnshown", "HasFleetFailed", "FleetCompleted"]

    def test_a_stack_without_tables_shows_no_fleet(self) -> None:
        walk = fleet(definition(EXPORT_FLEET, ShowFleetFunctionArn="none"))
        assert walk.run({}) == SUMMARY["fleet"]
        assert walk.states[-3:] == ["IsFleetShown", "HasFleetFailed", "FleetCompleted"]


ITEM = LISTED_ITEM | {"request": LISTED["request"], "fleet": NAME}
EXPORT = f"arn:aws:states:eu-central-1:123456789012:execution:reports:{ITEM['executionName']}"
OTHER = f"{EXPORT}-of-another-fleet"
COMPLETED = sample("export-completed")
DESCRIBED = {
    "ExecutionArn": EXPORT,
    "Status": "SUCCEEDED",
    "StartDate": "2026-03-01T02:00:01.000Z",
    "StopDate": "2026-03-01T02:00:22.400Z",
    "Input": "{}",
    "Output": json.dumps(COMPLETED),
}
# As .sync:2 returns them.
ENDED = DESCRIBED | {"StartDate": 1772330401000, "StopDate": 1772330422400, "Output": COMPLETED}
REPEATS = ENDED | {"Output": {"duplicateOf": OTHER}}
RUNNING = {"ExecutionArn": EXPORT, "Status": "RUNNING", "StartDate": DESCRIBED["StartDate"]}
LANDED = {
    "status": "SUCCEEDED",
    "executionArn": EXPORT,
    "manifestKey": COMPLETED["manifestKey"],
    "records": COMPLETED["files"][0]["records"],
}


def export_walk(**answers: list[Any]) -> Walk:
    return Walk(MAP["ItemProcessor"], CONTEXT, {"StartExport": [ENDED]} | answers)


def export(started: Any = ENDED, *described: Any, noted: Any = None) -> dict[str, Any]:
    """The result that is recorded of an export, as SummarizeFleet reads it."""
    found = {"Item": {"result": {"S": json.dumps(noted)}}} if isinstance(noted, dict) else {}
    walk = export_walk(
        StartExport=[started],
        FindResult=[noted if isinstance(noted, Failure) else found],
        DescribeExport=list(described),
    )
    assert walk.run(ITEM) == {}
    [asked] = walk.arguments["StartExport"]
    assert asked["Name"] == ITEM["executionName"]
    assert len(asked["Name"]) <= 80
    assert faults("export-request", asked["Input"]) == []
    of_the_item = ("environmentId", "environmentName", "fleet", "idempotencyKey", "licenseId")
    assert asked["Input"] == LISTED["request"] | {name: ITEM[name] for name in of_the_item}
    [recorded] = walk.arguments["RecordResult"]
    until = int(recorded["Item"]["expiration"]["N"]) - time.time()
    assert until > MACHINE["TimeoutSeconds"]
    table = MemoryTable()
    table.items[recorded["Item"]["id"]["S"]] = {"result": recorded["Item"]["result"]["S"]}
    return {
        "found": [asked["Key"]["id"]["S"] for asked in walk.arguments.get("FindResult", ())],
        "asked": [asked["ExecutionArn"] for asked in walk.arguments.get("DescribeExport", ())],
        "waits": walk.states.count("WaitForExport"),
        **(FleetResults(cast("Table", table)).of_one(str(ITEM["executionName"])) or {}),
    }


def described_failure(status: str, **told: Any) -> Failure:
    """What `.sync:2` makes of an export that did not succeed."""
    ended = {name: ENDED[name] for name in ("ExecutionArn", "StartDate", "StopDate", "Input")}
    return Failure("States.TaskFailed", json.dumps(ended | {"Status": status} | told))


class TestExport:
    def test_an_export_that_landed_is_recorded_and_nothing_is_asked(self) -> None:
        assert export() == LANDED | {
            "found": [], "asked": [], "waits": 0,
            "startedAt": ENDED["StartDate"], "endedAt": ENDED["StopDate"],
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("status", "told"),
        [
            ("FAILED", {"Error": "AccessDenied", "Cause": 'No "role".'}),
            ("FAILED", {"Error": "States.TaskFailed", "Cause": '{"Status": "SUCCEEDED"}'}),
            ("TIMED_OUT", {"Error": "States.Timeout"}),
            ("ABORTED", {}),
        ],
    )
    def test_an_export_that_failed_is_recorded_with_its_own_error_and_nothing_is_asked(
        self, status: str, told: dict[str, str]
    ) -> None:
        result = export(described_failure(status, **told))
        assert (result["found"], result["asked"]) == ([], [])
        assert (result["status"], result["executionArn"]) == (status, EXPORT)
        assert (result["error"], result["message"]) == (told.get("Error"), told.get("Cause"))
        entry = entry_of(Environment(id=str(ITEM["environmentId"])), result)
        assert (entry["status"], entry["seconds"]) == ("FAILED", 21.4)

    @pytest.mark.parametrize("cause", ["", "{", described_failure("FAILED", Cause="x").cause[:-1]])
    def test_an_export_whose_end_is_cut_off_is_asked_for_it(self, cause: str) -> None:
        told = {"Status": "FAILED", "Error": "AccessDenied", "Cause": "No." * 1000}
        ended = {name: DESCRIBED[name] for name in ("ExecutionArn", "StartDate", "StopDate")}
        result = export(Failure("States.TaskFailed", cause), ended | told)
        assert (result["asked"], result["status"]) == ([EXPORT], "FAILED")
        assert (result["error"], result["message"]) == (told["Error"], told["Cause"][:1000])

    def test_a_repeated_export_is_found_where_the_fleet_before_noted_it(self) -> None:
        noted = LANDED | {"executionArn": OTHER}
        found = [f"result#{OTHER.rpartition(':')[2]}"]
        assert export(REPEATS, noted=noted) == noted | {
            "found": found, "asked": [], "waits": 0
        }  # fmt: skip

    @pytest.mark.parametrize(
        "noted",
        [None, Failure("DynamoDB.Throttling", "x"), {"status": "UNKNOWN", "error": "A"},
         {"status": "FAILED", "executionArn": OTHER}],
    )  # fmt: skip
    def test_a_repeated_export_that_is_not_noted_is_followed_to_its_end(self, noted: Any) -> None:
        other = {"ExecutionArn": OTHER}
        result = export(REPEATS, RUNNING | other, DESCRIBED | other, noted=noted)
        assert result["asked"] == [OTHER, OTHER]
        assert (result["status"], result["executionArn"], result["waits"]) == (
            "SUCCEEDED", OTHER, 1
        )  # fmt: skip

    def test_an_export_that_repeats_one_of_which_nobody_can_tell_is_unknown(self) -> None:
        result = export(REPEATS, Failure("Sfn.ThrottlingException", "Too many."))
        entry = entry_of(Environment(id=str(ITEM["environmentId"])), result)
        assert (entry["status"], entry["error"]) == ("FAILED", "ExportUnknown")

    def test_an_export_that_a_lost_answer_has_started_is_waited_for(self) -> None:
        lost = Failure("StepFunctions.SdkClientException", "No answer.")
        result = export(lost, RUNNING, DESCRIBED)
        assert result["asked"] == [EXPORT, EXPORT]
        assert (result["status"], result["waits"]) == ("SUCCEEDED", 1)

    def test_an_export_that_had_ended_when_a_second_try_started_it_is_asked_for_its_end(
        self,
    ) -> None:
        again = Failure("StepFunctions.ExecutionAlreadyExistsException", '{"x": "y"}')
        repeats = DESCRIBED | {"Output": json.dumps({"duplicateOf": OTHER})}
        result = export(again, repeats, noted=LANDED | {"executionArn": OTHER})
        assert (result["asked"], result["executionArn"]) == ([EXPORT], OTHER)

    def test_an_export_that_was_never_started_tells_why(self) -> None:
        throttled = Failure("StepFunctions.ExecutionLimitExceeded", "Too many.")
        nothing = Failure("Sfn.ExecutionDoesNotExistException", "There is none.")
        result = export(throttled, nothing)
        assert (result["status"], result["error"], result["message"]) == (
            "UNKNOWN", throttled.error, throttled.cause
        )  # fmt: skip


def test_every_expression_is_evaluated_here() -> None:
    other = DESCRIBED | {"ExecutionArn": OTHER}
    walks = [
        fleet(),
        fleet(ListEnvironments=[LISTED | {"status": "DUPLICATE"}]),
        fleet(ListEnvironments=BROKEN),
        fleet(ShowFleet=[WAITING, *BROKEN]),
        export_walk(StartExport=[REPEATS], DescribeExport=[other]),
        export_walk(StartExport=[REPEATS], FindResult=BROKEN, DescribeExport=[other]),
        export_walk(StartExport=BROKEN, DescribeExport=BROKEN),
    ]
    for walk in walks:
        walk.run(ITEM)
    assert set().union(*(walk.evaluated for walk in walks)) == set(expressions(MACHINE))
