"""The fleet's state machine: its graph, its languages, its limits, and what its expressions say."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from local.paths import ENVIRONMENTS, program_of
from pingone_reports import errors
from pingone_reports.aws.fleet_entries import entry_of
from pingone_reports.aws.fleets import FleetResults
from pingone_reports.model.environment import Environment
from pingone_reports.model.fleet import FleetExports
from tests.support.documents import faults, sample
from tests.support.jsonata import Failure, Jsonata, Walk, expressions
from tests.support.template import PARAMETERS
from tests.template.definition import (
    EXPORT_FLEET,
    EXPORT_REPORT,
    Definition,
    dangling,
    dead_ends,
    definition,
    findings,
    unreachable,
)

if TYPE_CHECKING:
    from pingone_reports.aws.table import Table

MACHINE = definition(source=EXPORT_FLEET)
MAP = MACHINE["States"]["ExportEnvironments"]
CHILD: Definition = MAP["ItemProcessor"]
STATES: dict[str, dict[str, Any]] = MACHINE["States"] | CHILD["States"]
TASKS = sorted(name for name, state in STATES.items() if state["Type"] == "Task")
FUNCTIONS = {"ListEnvironments", "SummarizeFleet", "ShowFleet"}
# What happens to a fleet that failed, in order, beside its page.
FAILING = ["ExtractMessage", "PublishFailed", "RecordFailed", "FleetFailed"]
SHOWING = {
    "IsFleetShown", "ShowFleet", "AreTablesThere", "WaitForTables", "RecordUnshown",
    "HasFleetFailed",
}  # fmt: skip

NAME = sample("list-environments-input")["execution"]["name"]
CONTEXT: dict[str, Any] = {
    "Execution": {
        "Id": sample("list-environments-input")["execution"]["arn"],
        "Input": sample("list-environments-input")["request"],
        "Name": NAME,
        "StartTime": "2026-03-01T02:00:00.123Z",
    }
}
LISTED = sample("list-environments-output")
SUMMARY = sample("summarize-fleet-output")
WAITING = sample("show-fleet-output")
SHOWN = {"status": "SHOWN", "missing": 0, "pageKey": "pingone/posture/fleet/page.html"}
LISTED_ITEM = FleetExports(CONTEXT["Execution"]["Id"], None).item(
    Environment(
        id="abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
        name="\"Customers\" 'Europe' {% $x %} \\ \U0001f98a",
        license_id="57c3a9d0-1f0e-4a5d-9b32-5a0f5f0f2a11",
    )
)
CONTEXT["Map"] = {"Item": {"Value": LISTED_ITEM}}
ITEM = LISTED_ITEM | {"request": LISTED["request"], "fleet": NAME}
EXPORT = f"arn:aws:states:eu-central-1:123456789012:execution:reports:{ITEM['executionName']}"
DESCRIBED = {
    "ExecutionArn": EXPORT,
    "Status": "SUCCEEDED",
    "StartDate": "2026-03-01T02:00:01.000Z",
    "StopDate": "2026-03-01T02:00:22.400Z",
    "Input": "{}",
    "Output": json.dumps(sample("export-completed")),
}
OTHER = f"{EXPORT}-of-another-fleet"


@pytest.fixture(scope="module")
def jsonata() -> Iterator[Jsonata]:
    with Jsonata() as jsonata:
        yield jsonata


class TestDefinition:
    def test_lint_finds_nothing(self) -> None:
        """It does not know yet that a map's concurrency may be an expression; AWS does."""
        [finding] = findings(MACHINE)
        assert "'{% 200 %}' is not of type 'number'" in finding

    @pytest.mark.parametrize("machine", [MACHINE, CHILD], ids=["fleet", "export"])
    def test_every_state_is_there_is_reached_and_leads_on(self, machine: Definition) -> None:
        assert dangling(machine) == set()
        assert unreachable(machine) == set()
        assert dead_ends(machine) == set()

    def test_a_failure_leads_to_its_end_past_the_page_alone(self) -> None:
        """Which end it is, HasFleetFailed says: see TestPage."""
        after_failure = MACHINE | {"StartAt": FAILING[0]}
        reached = set(MACHINE["States"]) - unreachable(after_failure)
        assert reached == {*FAILING, *SHOWING, "FleetCompleted"}

    def test_an_execution_ends_published_repeated_or_failed_and_in_no_other_way(self) -> None:
        ends = {
            name
            for name, state in MACHINE["States"].items()
            if state.get("End") or state["Type"] in ("Succeed", "Fail")
        }
        assert ends == {"FleetCompleted", "AlreadyRequested", "FleetFailed"}


class TestLanguages:
    """AWS refuses a state in JSONPath below a machine in JSONata."""

    @pytest.mark.parametrize("source", [EXPORT_REPORT, EXPORT_FLEET], ids=lambda path: path.stem)
    def test_a_machine_in_jsonata_has_no_other_state(self, source: Path) -> None:
        machine = definition(source=source)
        assert machine["QueryLanguage"] == "JSONata"
        assert all("QueryLanguage" not in state for state in machine["States"].values())
        assert all("QueryLanguage" not in state for state in CHILD["States"].values())

    def test_each_export_is_asked_for_with_what_is_listed_of_it(self, jsonata: Jsonata) -> None:
        states = {"input": LISTED, "context": CONTEXT}
        assert jsonata.rendered(MAP["ItemSelector"], {"states": states}) == ITEM

    def test_an_export_reads_no_variable_of_the_fleet(self) -> None:
        """A distributed map's workflows do not see them."""
        assigned = {
            name for state in MACHINE["States"].values() for name in state.get("Assign", ())
        }
        assert assigned == {"fleet", "error", "message"}
        for expression in expressions(CHILD):
            assert not [name for name in assigned if f"${name}" in expression]


@pytest.fixture
def validate(tmp_path: Path) -> Callable[[Definition], str]:
    """What asl-validator says against a definition."""

    def run(machine: Definition) -> str:
        path = tmp_path / "machine.json"
        path.write_text(json.dumps(machine))
        package = ENVIRONMENTS / "node" / "node_modules" / "asl-validator"
        script = (
            package / json.loads((package / "package.json").read_text())["bin"]["asl-validator"]
        )
        done = subprocess.run(
            [program_of("node", "node"), script, "--json-path", path],
            capture_output=True,
            text=True,
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr

    return run


class TestSecondReader:
    """asl-validator, which is no part of the emulator."""

    @pytest.mark.parametrize("source", [EXPORT_REPORT, EXPORT_FLEET], ids=lambda path: path.stem)
    def test_a_second_reader_accepts_the_definition(
        self, validate: Callable[[Definition], str], source: Path
    ) -> None:
        assert validate(definition(source=source)) == ""

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda states: states["ListEnvironments"].update(Parameters={"a": "b"}),
            lambda states: states["ExportEnvironments"].pop("ItemProcessor"),
            lambda states: states["ExportEnvironments"]["ItemProcessor"].update(StartAt="Gone"),
            lambda states: states["IsFleetNew"].update(Default="Gone"),
        ],
    )
    def test_a_second_reader_finds_a_broken_copy(
        self, validate: Callable[[Definition], str], spoil: Callable[[Any], object]
    ) -> None:
        broken = definition(source=EXPORT_FLEET)
        spoil(broken["States"])
        assert validate(broken)


class TestLimits:
    def test_the_map_stops_no_export_for_another_ones_failure(self) -> None:
        assert MAP["ToleratedFailurePercentage"] == 100
        assert "ToleratedFailureCount" not in MAP
        assert MAP["MaxConcurrency"] == "{% 200 %}"

    def test_nothing_grows_with_the_number_of_environments(self) -> None:
        """Each export's output counts for the map's, which may have 256 KB; nobody reads it."""
        assert MAP["Output"] == {}
        assert CHILD["States"]["RecordResult"]["Output"] == {}
        assert MAP["ItemReader"]["Arguments"]["Key"] == "{% $states.input.itemsKey %}"

    def test_an_export_may_take_as_long_as_its_own_limit(self) -> None:
        limit = definition(source=EXPORT_REPORT)["TimeoutSeconds"]
        assert limit < STATES["StartExport"]["TimeoutSeconds"] < MACHINE["TimeoutSeconds"]

    def test_ten_thousand_exports_may_each_take_as_long_as_they_may(self) -> None:
        at_once = PARAMETERS["MaxConcurrency"]["Default"]
        one = STATES["StartExport"]["TimeoutSeconds"]
        year = 31_536_000  # the longest that AWS lets an execution run
        assert 10_000 / at_once * one < MACHINE["TimeoutSeconds"] < year

    @pytest.mark.parametrize("name", TASKS)
    def test_every_task_has_a_timeout_waits_between_its_tries_and_gives_up(self, name: str) -> None:
        assert STATES[name]["TimeoutSeconds"] > 0
        for rule in STATES[name]["Retry"]:
            assert rule["MaxAttempts"] <= 10
            assert rule["IntervalSeconds"] >= 2
            assert rule["BackoffRate"] > 1
            assert rule["MaxDelaySeconds"] <= 120
            assert rule["JitterStrategy"] == "FULL"

    @pytest.mark.parametrize("name", sorted({*TASKS, "ExportEnvironments"} - {"RecordResult"}))
    def test_everything_is_caught_and_no_catch_evaluates_what_could_fail(self, name: str) -> None:
        """But where nothing could be done: an export whose result is not recorded is unknown."""
        *_, limit, everything = STATES[name]["Catch"]
        assert everything["ErrorEquals"] == ["States.ALL"]
        assert limit == everything | {"ErrorEquals": ["States.DataLimitExceeded"]}
        assert set(expressions(STATES[name]["Catch"])) <= {
            "{% $states.input %}",
            "{% $states.errorOutput %}",
        }

    def test_a_failed_export_is_not_started_again(self) -> None:
        retried = {name for rule in STATES["StartExport"]["Retry"] for name in rule["ErrorEquals"]}
        assert all(name.startswith("StepFunctions.") for name in retried)
        assert "StepFunctions.ExecutionAlreadyExistsException" not in retried

    @pytest.mark.parametrize("name", sorted(FUNCTIONS))
    def test_a_function_is_tried_again_after_every_transient_error_that_it_raises(
        self, name: str
    ) -> None:
        storage = {"StorageUnavailable", "TableUnavailable"}
        raised = {
            "ListEnvironments": storage
            | {
                "PingOneUnavailable",
                "SecretUnavailable",
                "SigningUnavailable",
                "StepFunctionsUnavailable",
            },
            "SummarizeFleet": storage,
            "ShowFleet": {"StorageUnavailable"},
        }
        retried = {error for rule in STATES[name]["Retry"] for error in rule["ErrorEquals"]}
        ours = {error for error in retried if "." not in error}
        assert ours == raised[name]
        assert ours <= {error.__name__ for error in errors.TransientError.__subclasses__()}


def answered(result: Any) -> list[Any]:
    return [result if isinstance(result, Failure) else {"StatusCode": 200, "Payload": result}]


def fleet(jsonata: Jsonata, listed: Any = LISTED, summary: Any = SUMMARY, **more: Any) -> Walk:
    return Walk(
        jsonata,
        more.get("machine", MACHINE),
        more.get("context", CONTEXT),
        {
            "ListEnvironments": answered(listed),
            "SummarizeFleet": answered(summary),
            "PublishCompleted": [more.get("publish", {"FailedEntryCount": 0})],
            "PublishFailed": [more.get("tell", {"FailedEntryCount": 0})],
            "RecordFailed": [more.get("record", {})],
            "ShowFleet": [
                answer for each in more.get("shown", [SHOWN]) for answer in answered(each)
            ],
            "RecordUnshown": [more.get("record", {})],
        },
    )


def failed_event(walk: Walk) -> dict[str, Any]:
    [arguments] = walk.arguments["PublishFailed"]
    [entry] = arguments["Entries"]
    detail = dict(entry["Detail"])
    assert entry["DetailType"] == "PingOne Fleet Export Failed"
    assert faults("fleet-failed", detail) == []
    return detail


class TestFleet:
    def test_a_fleet_completes_and_tells_its_numbers(self, jsonata: Jsonata) -> None:
        walk = fleet(jsonata)
        assert walk.run({}) == SUMMARY["fleet"]
        [asked] = walk.arguments["ListEnvironments"]
        assert asked["Payload"] == sample("list-environments-input")
        [asked] = walk.arguments["SummarizeFleet"]
        assert asked["Payload"] == {"execution": sample("list-environments-input")["execution"]}
        [published] = walk.arguments["PublishCompleted"]
        [entry] = published["Entries"]
        assert entry["Detail"] == SUMMARY["fleet"]
        assert entry["DetailType"] == "PingOne Fleet Export Completed"

    def test_a_fleet_that_is_asked_for_twice_names_the_first_one(self, jsonata: Jsonata) -> None:
        twice = LISTED | {"status": "DUPLICATE", "duplicateOf": "arn:of:the:first"}
        assert fleet(jsonata, twice).run({}) == {"duplicateOf": "arn:of:the:first"}

    def test_a_fleet_of_which_too_many_failed_is_red_and_tells_its_numbers(
        self, jsonata: Jsonata
    ) -> None:
        told = sample("fleet-failed")
        failure = {"Error": told["error"], "Cause": told["message"]}
        walk = fleet(jsonata, summary={"fleet": told["fleet"], "failure": failure})
        assert walk.run({}) == Failure(told["error"], told["message"])
        failing = [state for state in walk.states if state in ("HaveTooManyFailed", *FAILING)]
        assert failing == ["HaveTooManyFailed", *FAILING]
        event = failed_event(walk)
        assert event == told | {"failedAt": event["failedAt"]}
        [recorded] = walk.arguments["RecordFailed"]
        assert recorded["MetricData"][0]["Dimensions"][1]["Value"] == told["error"]

    @pytest.mark.parametrize("fails", ["listed", "summary", "publish"])
    @pytest.mark.parametrize("error", ["AccessDenied", "States.DataLimitExceeded"])
    def test_an_error_is_what_the_event_and_the_execution_show(
        self, jsonata: Jsonata, fails: str, error: str
    ) -> None:
        cause = json.dumps({"errorMessage": "Half of it.", "errorType": error})
        other = Failure("Other", "other")
        failing: dict[str, Any] = {fails: Failure(error, cause), "tell": other, "record": other}
        walk = fleet(jsonata, **failing)
        assert walk.run({}) == Failure(error, "Half of it.")
        assert (failed_event(walk)["fleet"] is None) == (fails != "publish")

    def test_a_fleets_failure_is_read_as_an_exports(self) -> None:
        """Where every input is tried: nothing catches it when this fails."""
        exports = definition(source=EXPORT_REPORT)["States"]
        assert STATES["ExtractMessage"] == exports["ExtractMessage"]
        detail, other = (
            machine["PublishFailed"]["Arguments"]["Entries"][0]["Detail"]
            for machine in (STATES, exports)
        )
        of_an_export = ("environmentId", "reportName")
        shared = {name: value for name, value in other.items() if name not in of_an_export}
        assert detail == shared | {"fleet": detail["fleet"]}


class TestPage:
    """It comes after the event, whatever became of the fleet, and changes nothing of that."""

    def test_the_state_machine_waits_for_the_tables(self, jsonata: Jsonata) -> None:
        walk = fleet(jsonata, shown=[WAITING, WAITING, SHOWN])
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

    def test_a_fleet_of_which_too_many_failed_has_its_page_and_stays_red(
        self, jsonata: Jsonata
    ) -> None:
        told = sample("fleet-failed")
        failure = {"Error": told["error"], "Cause": told["message"]}
        walk = fleet(jsonata, summary={"fleet": told["fleet"], "failure": failure})
        assert walk.run({}) == Failure(told["error"], told["message"])
        assert walk.states.index("RecordFailed") < walk.states.index("ShowFleet")

    @pytest.mark.parametrize("record", [{}, Failure("Other", "other")])
    @pytest.mark.parametrize("error", ["StorageDenied", "States.DataLimitExceeded"])
    def test_a_page_that_fails_leaves_the_fleet_green_and_is_recorded(
        self, jsonata: Jsonata, error: str, record: Any
    ) -> None:
        walk = fleet(jsonata, shown=[WAITING, Failure(error, "No.")], record=record)
        assert walk.run({}) == SUMMARY["fleet"]
        [recorded] = walk.arguments["RecordUnshown"]
        [metric] = recorded["MetricData"]
        assert metric["MetricName"] == "FleetsUnshown"
        assert "PublishFailed" not in walk.states

    def test_a_fleet_without_a_manifest_has_no_page(self, jsonata: Jsonata) -> None:
        walk = fleet(jsonata, listed=Failure("AccessDenied", "No."))
        assert isinstance(walk.run({}), Failure)
        assert "ShowFleet" not in walk.states

    def test_a_stack_without_tables_shows_no_fleet(self, jsonata: Jsonata) -> None:
        text = json.dumps(MACHINE)
        arn = STATES["ShowFleet"]["Arguments"]["FunctionName"]
        walk = fleet(jsonata, machine=json.loads(text.replace(arn, "none")))
        assert walk.run({}) == SUMMARY["fleet"]
        assert walk.states[-3:] == ["IsFleetShown", "HasFleetFailed", "FleetCompleted"]


ENDED = DESCRIBED | {
    # As .sync:2 returns them.
    "StartDate": 1772330401000,
    "StopDate": 1772330422400,
    "Output": sample("export-completed"),
}
LANDED = {
    "status": "SUCCEEDED",
    "executionArn": EXPORT,
    "manifestKey": sample("export-completed")["manifestKey"],
    "records": sample("export-completed")["files"][0]["records"],
}


def export(
    jsonata: Jsonata, started: Any = None, *described: Any, noted: Any = None
) -> dict[str, Any]:
    """The result that is recorded of an export, as SummarizeFleet reads it."""
    found = {"Item": {"result": {"S": json.dumps(noted)}}} if isinstance(noted, dict) else {}
    walk = Walk(
        jsonata,
        CHILD,
        CONTEXT,
        {
            "StartExport": [started or ENDED],
            "FindResult": [noted if isinstance(noted, Failure) else found],
            "DescribeExport": list(described),
            "RecordResult": [{}],
        },
    )
    assert walk.run(ITEM) == {}
    [asked] = walk.arguments["StartExport"]
    assert asked["Name"] == ITEM["executionName"]
    assert len(asked["Name"]) <= 80
    assert faults("export-request", asked["Input"]) == []
    assert asked["Input"] == LISTED["request"] | {
        "environmentId": ITEM["environmentId"],
        "environmentName": ITEM["environmentName"],
        "fleet": NAME,
        "idempotencyKey": ITEM["idempotencyKey"],
        "licenseId": ITEM["licenseId"],
    }
    [recorded] = walk.arguments["RecordResult"]
    assert recorded["Item"]["id"] == {"S": f"result#{ITEM['executionName']}"}
    until = int(recorded["Item"]["expiration"]["N"]) - time.time()
    assert until > MACHINE["TimeoutSeconds"]
    return {
        "found": [asked["Key"]["id"]["S"] for asked in walk.arguments.get("FindResult", ())],
        "asked": [asked["ExecutionArn"] for asked in walk.arguments.get("DescribeExport", ())],
        "waits": walk.states.count("WaitForExport"),
        **Noted(recorded["Item"]["result"]).result,
    }


@dataclass(frozen=True)
class Noted:
    """A table with one note."""

    note: dict[str, str]

    def get(self, _key: str) -> dict[str, str]:
        return {"result": self.note["S"]}

    @property
    def result(self) -> dict[str, Any]:
        [result] = FleetResults(cast("Table", self)).of(["x"])
        return dict(result or {})


def described_failure(status: str, **told: Any) -> Failure:
    """What `.sync:2` makes of an export that did not succeed."""
    ended = {name: ENDED[name] for name in ("ExecutionArn", "StartDate", "StopDate", "Input")}
    return Failure("States.TaskFailed", json.dumps(ended | {"Status": status} | told))


class TestExport:
    def test_an_export_that_landed_is_recorded_and_nothing_is_asked(self, jsonata: Jsonata) -> None:
        assert export(jsonata) == LANDED | {
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
        self, jsonata: Jsonata, status: str, told: dict[str, str]
    ) -> None:
        result = export(jsonata, described_failure(status, **told))
        assert (result["found"], result["asked"]) == ([], [])
        assert (result["status"], result["executionArn"]) == (status, EXPORT)
        assert result["error"] == told.get("Error")
        assert result["message"] == told.get("Cause")
        entry = entry_of(Environment(id=ITEM["environmentId"] or ""), result)
        assert (entry["status"], entry["seconds"]) == ("FAILED", 21.4)

    @pytest.mark.parametrize("cause", ["", "{", described_failure("FAILED", Cause="x").cause[:-1]])
    def test_an_export_whose_end_is_cut_off_is_asked_for_it(
        self, jsonata: Jsonata, cause: str
    ) -> None:
        told = {"Status": "FAILED", "Error": "AccessDenied", "Cause": "No." * 1000}
        ended = {name: DESCRIBED[name] for name in ("ExecutionArn", "StartDate", "StopDate")}
        result = export(jsonata, Failure("States.TaskFailed", cause), ended | told)
        assert (result["asked"], result["status"]) == ([EXPORT], "FAILED")
        assert (result["error"], result["message"]) == (told["Error"], told["Cause"][:1000])

    def test_a_repeated_export_is_found_where_the_fleet_before_noted_it(
        self, jsonata: Jsonata
    ) -> None:
        noted = LANDED | {"executionArn": OTHER}
        result = export(jsonata, ENDED | {"Output": {"duplicateOf": OTHER}}, noted=noted)
        assert result == noted | {
            "found": [f"result#{OTHER.rpartition(':')[2]}"], "asked": [], "waits": 0
        }  # fmt: skip

    @pytest.mark.parametrize(
        "noted",
        [None, Failure("DynamoDB.Throttling", "x"), {"status": "UNKNOWN", "error": "A"},
         {"status": "FAILED", "executionArn": OTHER}],
    )  # fmt: skip
    def test_a_repeated_export_that_is_not_noted_is_followed_to_its_end(
        self, jsonata: Jsonata, noted: Any
    ) -> None:
        repeats = ENDED | {"Output": {"duplicateOf": OTHER}}
        running = {"ExecutionArn": OTHER, "Status": "RUNNING", "StartDate": DESCRIBED["StartDate"]}
        ended = DESCRIBED | {"ExecutionArn": OTHER}
        result = export(jsonata, repeats, running, ended, noted=noted)
        assert result["asked"] == [OTHER, OTHER]
        assert (result["status"], result["executionArn"], result["waits"]) == (
            "SUCCEEDED", OTHER, 1
        )  # fmt: skip

    def test_an_export_that_repeats_one_of_which_nobody_can_tell_is_unknown(
        self, jsonata: Jsonata
    ) -> None:
        repeats = ENDED | {"Output": {"duplicateOf": OTHER}}
        result = export(jsonata, repeats, Failure("Sfn.ThrottlingException", "Too many."))
        entry = entry_of(Environment(id=ITEM["environmentId"] or ""), result)
        assert (entry["status"], entry["error"]) == ("FAILED", "ExportUnknown")

    def test_an_export_that_a_lost_answer_has_started_is_waited_for(self, jsonata: Jsonata) -> None:
        running = {"ExecutionArn": EXPORT, "Status": "RUNNING", "StartDate": "x"}
        lost = Failure("StepFunctions.SdkClientException", "No answer.")
        result = export(jsonata, lost, running, DESCRIBED)
        assert result["asked"] == [EXPORT, EXPORT]
        assert (result["status"], result["waits"]) == ("SUCCEEDED", 1)

    def test_an_export_that_had_ended_when_a_second_try_started_it_is_asked_for_its_end(
        self, jsonata: Jsonata
    ) -> None:
        again = Failure("StepFunctions.ExecutionAlreadyExistsException", '{"x": "y"}')
        repeats = DESCRIBED | {"Output": json.dumps({"duplicateOf": OTHER})}
        noted = LANDED | {"executionArn": OTHER}
        result = export(jsonata, again, repeats, noted=noted)
        assert (result["asked"], result["executionArn"]) == ([EXPORT], OTHER)

    def test_an_export_that_was_never_started_tells_why(self, jsonata: Jsonata) -> None:
        throttled = Failure("StepFunctions.ExecutionLimitExceeded", "Too many.")
        nothing = Failure("Sfn.ExecutionDoesNotExistException", "There is none.")
        result = export(jsonata, throttled, nothing)
        assert (result["status"], result["error"]) == ("UNKNOWN", throttled.error)
        assert result["message"] == "Too many."

    def test_every_expression_is_evaluated_here(self, jsonata: Jsonata) -> None:
        repeats = {"ExecutionArn": EXPORT, "Output": {"duplicateOf": OTHER}}
        answers: dict[str, list[Any]] = {
            "StartExport": [repeats],
            "FindResult": [{}],
            "DescribeExport": [DESCRIBED | {"ExecutionArn": OTHER}],
            "RecordResult": [{}],
        }
        walks = [
            fleet(jsonata),
            fleet(jsonata, LISTED | {"status": "DUPLICATE"}),
            fleet(jsonata, Failure("AccessDenied", "No.")),
            fleet(jsonata, shown=[WAITING, Failure("StorageDenied", "No.")]),
            *(
                Walk(jsonata, CHILD, CONTEXT, answers | more)
                for more in (
                    {},
                    {"StartExport": [Failure("A", "b")], "DescribeExport": [Failure("A", "b")]},
                    {"FindResult": [Failure("A", "b")]},
                )
            ),
        ]
        for walk in walks:
            walk.run(ITEM)
        assert set().union(*(walk.evaluated for walk in walks)) == set(expressions(MACHINE))
