"""Each state machine holds together: all is tried again that may pass, and all is caught."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import boto3
import pytest

from local.paths import ENVIRONMENTS, program_of
from pingone_reports import errors
from tests.support.jsonata import expressions
from tests.support.template import PARAMETERS
from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT, Definition, definition

State = dict[str, Any]

REPORT, FLEET = definition(EXPORT_REPORT), definition(EXPORT_FLEET)
MAP: State = FLEET["States"]["ExportEnvironments"]
CHILD: Definition = MAP["ItemProcessor"]
STATES: dict[str, State] = {
    f"{machine}-{name}": state
    for machine, states in (
        ("report", REPORT["States"]),
        ("fleet", FLEET["States"]),
        ("environment", CHILD["States"]),
    )
    for name, state in states.items()
}
TASKS = {name: state for name, state in STATES.items() if state["Type"] == "Task"}
FUNCTIONS = {
    name.partition("-")[2]: state
    for name, state in TASKS.items()
    if state["Resource"].endswith(":lambda:invoke")
}
# Errors of ours that pass by themselves, of those that each function can raise.
_SERVICES = {"PingOneUnavailable", "SecretUnavailable", "SigningUnavailable", "TableUnavailable"}
PASSING_OF_OURS = {
    "StartReport": _SERVICES | {"StepFunctionsUnavailable", "StartInProgress"},
    "CheckReport": _SERVICES,
    "FetchReport": _SERVICES
    | {"ReportWithdrawn", "LinkRefused", "DownloadInterrupted", "DownloadChanged"}
    | {"WrongPassword", "TruncatedZip", "CorruptZip", "StorageUnavailable"},
    "DiscardReport": {"StorageUnavailable", "TableUnavailable"},
    "ListEnvironments": _SERVICES | {"StepFunctionsUnavailable", "StorageUnavailable"},
    "SummarizeFleet": {"StorageUnavailable", "TableUnavailable"},
    "ShowFleet": {"StorageUnavailable"},
}
# Errors of Lambda's that pass by themselves: the account runs too many functions, or Lambda builds
# something up. Source: the errors' descriptions in Lambda's API, and "Lambda function states" of
# its guide for the network of a function that nobody called for a while.
PASSING_OF_LAMBDA = {
    "TooManyRequestsException",
    "ServiceException",
    "ResourceNotReadyException",
    "ResourceConflictException",
    "CodeArtifactUserPendingException",
    "EC2ThrottledException",
    "EC2UnexpectedException",
    "ENILimitReachedException",
    "ENINotReadyException",
    "SubnetIPAddressLimitReachedException",
}

SOURCES = {"report": EXPORT_REPORT, "fleet": EXPORT_FLEET}

every_machine = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
every_task = pytest.mark.parametrize("name", TASKS)
every_function = pytest.mark.parametrize("name", FUNCTIONS)


def retried(state: State) -> set[str]:
    return {error for rule in state["Retry"] for error in rule["ErrorEquals"]}


def rule_about(error: str, state: State) -> dict[str, Any]:
    [rule] = [rule for rule in state["Retry"] if error in rule["ErrorEquals"]]
    return dict(rule)


def reached(machine: Definition, start: str) -> set[str]:
    """A state and all that may come after it."""
    found, ahead = set[str](), {start}
    while ahead:
        found |= ahead
        text = json.dumps([machine["States"][name] for name in ahead])
        ahead = set(re.findall(r'"(?:Next|Default)": "(\w+)"', text)) - found
    return found


class TestDefinition:
    @every_machine
    def test_a_second_reader_accepts_the_definition_and_no_broken_copy(
        self, source: Path, tmp_path: Path
    ) -> None:
        """asl-validator, which is no part of the emulator."""
        machine = definition(source)
        assert self.refusal(machine, tmp_path) == ""
        machine["States"][machine["StartAt"]]["Catch"][0]["Next"] = "Gone"
        assert "target: Gone" in self.refusal(machine, tmp_path)

    @staticmethod
    def refusal(machine: Definition, folder: Path) -> str:
        path = folder / "machine.json"
        path.write_text(json.dumps(machine))
        script = ENVIRONMENTS / "node/node_modules/asl-validator/dist/bin/asl-validator.js"
        done = subprocess.run(
            [program_of("node", "node"), script, "--json-path", path],
            capture_output=True,
            text=True,
        )
        return "" if done.returncode == 0 else done.stdout + done.stderr

    @every_machine
    def test_no_state_has_another_language_than_its_machine(self, source: Path) -> None:
        """AWS refuses a state in JSONPath below a machine in JSONata."""
        assert re.findall("QueryLanguage: (.+)", source.read_text()) == ["JSONata"]

    @every_machine
    def test_a_name_stays_a_text_whatever_it_looks_like(self, source: Path) -> None:
        """CloudFormation puts the values into the text, and then reads it as YAML: so each stands
        in quotes or in an expression."""
        assert re.findall(r".*[:,\[{-] +\$\{.*", source.read_text()) == []

    @pytest.mark.parametrize(
        ("machine", "failing"),
        [
            (REPORT, "DiscardReport ExtractMessage PublishFailed RecordFailed ExportFailed"),
            (
                FLEET,
                "ExtractMessage PublishFailed RecordFailed FleetFailed IsFleetShown ShowFleet "
                # Which end a fleet has, HasFleetFailed says, after the page.
                "AreTablesThere WaitForTables RecordUnshown HasFleetFailed FleetCompleted",
            ),
        ],
        ids=["report", "fleet"],
    )
    def test_no_failure_leads_back_to_success(self, machine: Definition, failing: str) -> None:
        names = failing.split()
        assert reached(machine, names[0]) == set(names)


class TestFailures:
    @every_task
    def test_every_task_has_a_timeout_waits_between_its_tries_and_gives_up(self, name: str) -> None:
        assert TASKS[name]["TimeoutSeconds"] > 0
        assert TASKS[name]["Retry"]
        for rule in TASKS[name]["Retry"]:
            assert rule["MaxAttempts"] <= 10
            assert rule["IntervalSeconds"] >= 2
            assert rule["BackoffRate"] > 1
            assert rule["MaxDelaySeconds"] <= 120
            assert rule["JitterStrategy"] == "FULL"

    @pytest.mark.parametrize("name", [name for name in STATES if "Catch" in STATES[name]])
    def test_every_error_is_caught_and_no_catch_evaluates_what_could_fail(self, name: str) -> None:
        """Step Functions' guide, "Handling errors": `States.ALL` stands alone, and catches all but
        `States.Runtime`, which nothing can, and `States.DataLimitExceeded`, which its name does.
        Nothing catches what a Catch evaluates."""
        limit, everything = STATES[name]["Catch"]
        assert everything["ErrorEquals"] == ["States.ALL"]
        assert limit == everything | {"ErrorEquals": ["States.DataLimitExceeded"]}
        harmless = {"{% $states.input %}", "{% $states.errorOutput %}"}
        assert set(expressions(everything)) <= harmless

    def test_nothing_goes_uncaught_but_what_leaves_an_export_unknown(self) -> None:
        uncaught = {name for name in TASKS if "Catch" not in TASKS[name]}
        assert uncaught == {"environment-RecordResult"}

    @every_task
    def test_neither_a_function_nor_an_export_is_tried_again_whatever_happened(
        self, name: str
    ) -> None:
        ours = name.partition("-")[2] in {*FUNCTIONS, "StartExport"}
        assert ("States.ALL" in retried(TASKS[name])) != ours

    @every_function
    def test_a_function_is_tried_again_after_what_passes_and_no_other_error(
        self, name: str
    ) -> None:
        found = retried(FUNCTIONS[name])
        assert {error for error in found if "." not in error} == PASSING_OF_OURS[name]
        service = boto3.client("lambda", region_name="eu-central-1").meta.service_model
        of_invoke = {
            f"Lambda.{error.name}" for error in service.operation_model("Invoke").error_shapes
        }
        assert found & of_invoke == {f"Lambda.{error}" for error in PASSING_OF_LAMBDA}
        # AWS reports a function that ran out of memory under either name.
        assert {"Runtime.ExitError", "Runtime.OutOfMemory", "States.Timeout"} <= found

    def test_every_error_that_passes_is_one_of_some_function(self) -> None:
        transient = {error.__name__ for error in errors.TransientError.__subclasses__()}
        assert set.union(*PASSING_OF_OURS.values()) == transient

    def test_every_function_is_waited_for_as_long_as_every_other(self) -> None:
        """One that got no place among the account's is behind no other for that."""
        rules = [rule_about("Lambda.TooManyRequestsException", each) for each in FUNCTIONS.values()]
        waits = [rule | {"ErrorEquals": []} for rule in rules]
        assert waits == [waits[0]] * len(FUNCTIONS)

    def test_a_damaged_zip_is_downloaded_once_more(self) -> None:
        rule = rule_about("CorruptZip", FUNCTIONS["FetchReport"])
        assert set(rule["ErrorEquals"]) == {"CorruptZip", "TruncatedZip", "WrongPassword"}
        assert rule["MaxAttempts"] == 1

    def test_a_start_is_tried_until_one_that_was_cut_off_gives_its_place_free(self) -> None:
        rule = rule_about("StartInProgress", FUNCTIONS["StartReport"])
        delays = [
            min(rule["IntervalSeconds"] * rule["BackoffRate"] ** number, rule["MaxDelaySeconds"])
            for number in range(rule["MaxAttempts"])
        ]
        # Jitter halves them on average; the task's own timeout is the longest that a try can last.
        assert sum(delays) / 2 > 3 * FUNCTIONS["StartReport"]["TimeoutSeconds"]

    def test_an_export_that_failed_is_not_started_again(self) -> None:
        found = retried(CHILD["States"]["StartExport"])
        assert all(name.startswith("StepFunctions.") for name in found)
        assert "StepFunctions.ExecutionAlreadyExistsException" not in found


class TestLimits:
    def test_the_execution_has_a_timeout_beyond_every_deadline_of_the_functions(self) -> None:
        changes, queue, polling = 75 * 60, 2 * 3600, 1800
        assert REPORT["TimeoutSeconds"] > changes + queue + polling + 3600

    def test_ten_thousand_exports_may_each_take_as_long_as_they_may(self) -> None:
        one = CHILD["States"]["StartExport"]["TimeoutSeconds"]
        at_once = PARAMETERS["MaxConcurrency"]["Default"]
        year = 31_536_000  # the longest that AWS lets an execution run
        assert REPORT["TimeoutSeconds"] < one
        assert 10_000 / at_once * one < FLEET["TimeoutSeconds"] < year

    def test_the_map_ends_with_no_failure_and_no_output_of_an_export(self) -> None:
        assert MAP["ToleratedFailurePercentage"] == 100
        assert "ToleratedFailureCount" not in MAP
        # Each export's output counts for the map's, which may have 256 KB; nobody reads it.
        assert MAP["Output"] == CHILD["States"]["RecordResult"]["Output"] == {}

    def test_an_export_reads_no_variable_of_the_fleet(self) -> None:
        """A distributed map's workflows do not see them."""
        assigned = {name for state in FLEET["States"].values() for name in state.get("Assign", ())}
        assert assigned == {"fleet", "error", "message"}
        for expression in expressions(CHILD):
            assert not [name for name in assigned if f"${name}" in expression]
