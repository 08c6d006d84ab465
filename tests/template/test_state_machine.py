"""The state machine's definition holds together, and every failure of it ends red."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from local.deployment import read_template
from local.paths import ROOT
from pingone_reports import errors
from tests.support.jsonata import expressions
from tests.template.definition import (
    EXPORT_FLEET,
    EXPORT_REPORT,
    Definition,
    dangling,
    dead_ends,
    definition,
    error_names,
    findings,
    unreachable,
)

MACHINE = definition()
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
TASKS = sorted(name for name, state in STATES.items() if state["Type"] == "Task")
PUBLISHING = {name for name in TASKS if not STATES[name]["Resource"].endswith(":lambda:invoke")}
# What happens to an export that failed, in order.
FAILING = ["DiscardReport", "ExtractMessage", "PublishFailed", "RecordFailed", "ExportFailed"]
# Where a failure has nothing to discard: before a fetch, and after its manifest.
NOTHING_TO_DISCARD = {"StartReport", "PublishCompleted"}


class TestLint:
    def test_lint_finds_nothing_in_the_definition(self) -> None:
        assert findings(definition()) == ()

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda states: states["StartReport"].pop("Type"),
            lambda states: states["StartReport"].update(Type="Tsk"),
            lambda states: states["StartReport"].update(Resource=7),
            lambda states: states["WaitForPingOne"].update(Seconds=-5),
            lambda states: states["IsReportReady"].update(Choices="SUCCESS"),
            lambda states: states["FetchReport"]["Retry"][0].pop("ErrorEquals"),
            lambda states: states["FetchReport"].update(Parameters={"a": "JSONPath is not ours"}),
        ],
    )
    def test_lint_finds_a_broken_copy(self, spoil: Callable[[Definition], object]) -> None:
        broken = definition()
        spoil(broken["States"])
        assert findings(broken)


class TestPartition:
    """A task whose resource is of another partition fails, and nothing can catch that."""

    @pytest.mark.parametrize(
        "name",
        [
            "template.yaml",
            "kms-key.yaml",
            *(path.relative_to(ROOT) for path in (EXPORT_REPORT, EXPORT_FLEET)),
        ],
    )
    def test_no_arn_names_its_own(self, name: str) -> None:
        assert re.findall(r".*\barn:aws[a-z-]*:.*", (ROOT / name).read_text()) == []

    def test_the_stack_gives_its_own_to_the_definition(self) -> None:
        template = read_template(ROOT / "template.yaml")
        substitutions = template["Resources"]["ExportReport"]["Properties"][
            "DefinitionSubstitutions"
        ]
        assert substitutions["Partition"] == {"Ref": "AWS::Partition"}
        for name in TASKS:
            resource = definition("aws-us-gov")["States"][name]["Resource"]
            assert resource.startswith("arn:aws-us-gov:states:::")


class TestSubstitutions:
    @pytest.mark.parametrize("source", [EXPORT_REPORT, EXPORT_FLEET], ids=lambda path: path.stem)
    @pytest.mark.parametrize("value", ["20240101", "on", "1e5", "null", "2024-01-01"])
    def test_a_name_stays_a_text_whatever_it_looks_like(self, source: Path, value: str) -> None:
        """CloudFormation puts the values into the text, and then reads it as YAML."""
        machine, plain = (definition(source=source, value=given) for given in (value, "name"))
        assert kinds(machine) == kinds(plain)


def kinds(value: Any) -> Any:
    """A definition with the type of each value in its place."""
    match value:
        case dict():
            return {name: kinds(item) for name, item in value.items()}
        case list():
            return [kinds(item) for item in value]
        case _:
            return type(value)


class TestGraph:
    def test_every_state_that_is_named_exists(self) -> None:
        assert dangling(MACHINE) == set()

    def test_every_state_is_reached(self) -> None:
        assert unreachable(MACHINE) == set()

    def test_no_state_is_a_dead_end(self) -> None:
        assert dead_ends(MACHINE) == set()

    @pytest.mark.parametrize(
        "spoil",
        [
            lambda machine: machine.update(StartAt="Gone"),
            lambda machine: machine["States"]["StartReport"].update(Next="Gone"),
            lambda machine: machine["States"]["StartReport"]["Catch"][0].update(Next="Gone"),
            lambda machine: machine["States"]["IsReportReady"].update(Default="Gone"),
            lambda machine: machine["States"]["IsReportReady"]["Choices"][0].update(Next="Gone"),
        ],
    )
    def test_a_name_that_leads_nowhere_is_noticed(
        self, spoil: Callable[[Definition], object]
    ) -> None:
        broken = definition()
        spoil(broken)
        assert dangling(broken) == {"Gone"}

    def test_an_island_is_noticed(self) -> None:
        broken = definition()
        broken["States"]["Island"] = {"Type": "Wait", "Seconds": 1, "Next": "StartReport"}
        assert unreachable(broken) == {"Island"}

    def test_a_dead_end_is_noticed(self) -> None:
        broken = definition()
        del broken["States"]["WaitForPingOne"]["Next"]
        assert dead_ends(broken) == {"WaitForPingOne"}

    def test_an_execution_ends_published_or_failed_and_in_no_other_way(self) -> None:
        ends = {
            name
            for name, state in STATES.items()
            if state.get("End") or state["Type"] in ("Succeed", "Fail")
        }
        assert ends == {"PublishCompleted", "AlreadyRequested", "ExportFailed"}
        assert STATES["PublishCompleted"]["End"] is True
        assert STATES["AlreadyRequested"]["Type"] == "Pass"
        assert STATES["ExportFailed"]["Type"] == "Fail"

    def test_no_failure_leads_back_to_success(self) -> None:
        after_failure = definition() | {"StartAt": FAILING[0]}
        assert set(STATES) - unreachable(after_failure) == set(FAILING)

    def test_every_call_of_pingone_comes_after_a_wait(self) -> None:
        """But for the first, and for FetchReport's own."""
        for name in ("StartReport", "CheckReport"):
            assert STATES[name]["Next"] == "WaitForPingOne"
        assert STATES[STATES["FetchReport"]["Next"]]["Default"] == "WaitForPingOne"
        assert STATES["WaitForPingOne"]["Next"] == "IsReportReady"


class TestLimits:
    def test_the_execution_has_a_timeout_beyond_every_deadline_of_the_functions(self) -> None:
        changes, queue, polling = 75 * 60, 2 * 3600, 1800
        assert MACHINE["TimeoutSeconds"] > changes + queue + polling + 3600

    def test_the_line_before_pingone_begins_with_the_execution_and_never_anew(self) -> None:
        """What the retries of a start do not bound, because each 429 between them ends them."""
        since = STATES["StartReport"]["Arguments"]["Payload"]["queued"]["since"]
        assert set(re.findall(r"\$states\.context\.Execution\.\w+|\$\w+", since)) == {
            "$exists",
            "$states.context.Execution.RedriveTime",
            "$states.context.Execution.StartTime",
        }
        assert MACHINE["TimeoutSeconds"] > 7200

    @pytest.mark.parametrize("name", TASKS)
    def test_every_task_has_a_timeout(self, name: str) -> None:
        assert 0 < STATES[name]["TimeoutSeconds"] <= 930

    @pytest.mark.parametrize("name", TASKS)
    def test_every_task_waits_between_its_tries_and_gives_up(self, name: str) -> None:
        assert STATES[name]["Retry"]
        for rule in STATES[name]["Retry"]:
            assert rule["MaxAttempts"] <= 10
            assert rule["IntervalSeconds"] >= (2 if name in PUBLISHING else 5)
            assert rule["BackoffRate"] > 1
            assert rule["MaxDelaySeconds"] <= 120
            assert rule["JitterStrategy"] == "FULL"

    @pytest.mark.parametrize("name", TASKS)
    def test_every_task_catches_everything(self, name: str) -> None:
        assert STATES[name]["Catch"][-1]["ErrorEquals"] == ["States.ALL"]

    @pytest.mark.parametrize("name", TASKS)
    def test_every_task_catches_the_error_that_catching_all_leaves_out(self, name: str) -> None:
        """Step Functions' guide, "Handling errors": `States.ALL` stands alone, and catches all but
        `States.Runtime`, which nothing can, and `States.DataLimitExceeded`, which its name does.
        """
        *_, limit, everything = STATES[name]["Catch"]
        assert limit == everything | {"ErrorEquals": ["States.DataLimitExceeded"]}

    @pytest.mark.parametrize("name", TASKS)
    def test_every_catch_leads_to_the_failure(self, name: str) -> None:
        """Nothing that goes wrong there keeps the export's own error from being shown."""
        if name in FAILING:
            expected = FAILING[FAILING.index(name) + 1]
        else:
            expected = FAILING[name in NOTHING_TO_DISCARD]
        assert {rule["Next"] for rule in STATES[name]["Catch"]} == {expected}
        assert STATES[name]["Catch"][-1]["Next"] == expected

    @pytest.mark.parametrize("name", TASKS)
    def test_no_catch_evaluates_what_could_fail(self, name: str) -> None:
        """Nothing would catch that."""
        for rule in STATES[name]["Catch"]:
            assert set(expressions(rule)) <= {"{% $states.input %}"}

    @pytest.mark.parametrize("name", sorted(set(TASKS) - set(FAILING)))
    def test_what_was_caught_reaches_the_state_that_reads_it(self, name: str) -> None:
        """The output of a Catch that gives none is the error output; DiscardReport passes it on."""
        for rule in STATES[name]["Catch"]:
            assert set(rule) == {"ErrorEquals", "Next"}
        discarding = STATES["DiscardReport"]
        for rule in (discarding, *discarding["Catch"]):
            assert rule["Output"] == "{% $states.input %}"


class TestErrors:
    @pytest.mark.parametrize("name", TASKS)
    def test_only_what_publishes_is_retried_whatever_happens(self, name: str) -> None:
        retried = {error for rule in STATES[name]["Retry"] for error in rule["ErrorEquals"]}
        assert ("States.ALL" in retried) == (name in PUBLISHING)

    @pytest.mark.parametrize("name", TASKS)
    def test_every_name_of_ours_is_an_error_of_ours(self, name: str) -> None:
        ours = {error for error in error_names(STATES[name]) if "." not in error}
        known = {
            error.__name__
            for error in vars(errors).values()
            if isinstance(error, type) and issubclass(error, errors.ExportError)
        }
        assert ours <= known

    @pytest.mark.parametrize("name", sorted(set(TASKS) - PUBLISHING))
    def test_a_function_is_tried_again_after_every_transient_error_that_it_raises(
        self, name: str
    ) -> None:
        """And after no other of ours: more tries do not mend it."""
        service = {"PingOneUnavailable", "SecretUnavailable", "SigningUnavailable"}
        service |= {"TableUnavailable"}
        raised = {
            "StartReport": service | {"StepFunctionsUnavailable", "StartInProgress"},
            "CheckReport": service,
            "FetchReport": service
            | {"ReportWithdrawn", "LinkRefused", "DownloadInterrupted", "DownloadChanged"}
            | {"WrongPassword", "TruncatedZip", "CorruptZip", "StorageUnavailable"},
            "DiscardReport": {"StorageUnavailable", "TableUnavailable"},
        }
        transient = {error.__name__ for error in errors.TransientError.__subclasses__()}
        assert set.union(*raised.values()) == transient
        retried = {error for rule in STATES[name]["Retry"] for error in rule["ErrorEquals"]}
        assert {error for error in retried if "." not in error} == raised[name]

    @pytest.mark.parametrize("name", sorted(set(TASKS) - PUBLISHING))
    def test_a_function_that_ran_out_of_memory_is_tried_again_like_any_that_was_killed(
        self, name: str
    ) -> None:
        """AWS reports it under either name."""
        [rule] = [r for r in STATES[name]["Retry"] if "Runtime.ExitError" in r["ErrorEquals"]]
        assert "Runtime.OutOfMemory" in rule["ErrorEquals"]

    def test_the_operators_page_says_what_to_do_about_errors_of_aws_that_are_named(self) -> None:
        page = (ROOT / "docs" / "operate.md").read_text()
        section = page.split("## What an error means")[1].split("\n## ")[0]
        told = {name for line in section.splitlines() for name in re.findall(r"`(\w+\.\w+)`", line)}
        named = {error for name in TASKS for error in error_names(STATES[name]) if "." in error}
        unsaid = {name for name in named - told if not name.startswith("Lambda.")}
        assert unsaid == {"States.ALL"}

    def test_a_damaged_zip_is_downloaded_once_more(self) -> None:
        [rule] = [r for r in STATES["FetchReport"]["Retry"] if "CorruptZip" in r["ErrorEquals"]]
        assert set(rule["ErrorEquals"]) == {"CorruptZip", "TruncatedZip", "WrongPassword"}
        assert rule["MaxAttempts"] == 1

    def test_a_start_is_tried_until_one_that_was_cut_off_gives_its_place_free(self) -> None:
        [rule] = [
            rule
            for rule in STATES["StartReport"]["Retry"]
            if "StartInProgress" in rule["ErrorEquals"]
        ]
        delays = [
            min(rule["IntervalSeconds"] * rule["BackoffRate"] ** number, rule["MaxDelaySeconds"])
            for number in range(rule["MaxAttempts"])
        ]
        # Jitter halves them on average; the task's own timeout is the longest that a try can last.
        assert sum(delays) / 2 > 3 * STATES["StartReport"]["TimeoutSeconds"]
