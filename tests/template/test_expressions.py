"""The state machine's expressions, evaluated by the reference implementation of their language."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.documents import faults, sample
from tests.support.jsonata import Failure, Walk, expressions, rendered
from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT, definition

MACHINE = definition()
STATES = MACHINE["States"]

TOO_MUCH = "States.DataLimitExceeded"
NO_CAUSE = "No cause was given."
# The longest cause that Step Functions keeps, in characters.
LONGEST = 32_768

NAME = "5f2c1c1e-3a6f-4a57-9c39-0c1d6c8b7e21"
CONTEXT: dict[str, Any] = {
    "Execution": {
        "Id": f"arn:aws:states:eu-central-1:123456789012:execution:reports-export-report:{NAME}",
        "Input": {"correlationId": "nightly-2026-03-01"},
        "Name": NAME,
        "StartTime": "2026-03-01T02:00:00.123Z",
    },
}
STARTED = sample("start-report-output")
TURN = {"begins": 1_772_330_401_000, "licence": "stack", "place": None}
LATER = STARTED | {"status": "NOT_STARTED", "export": None, "waitSeconds": 300, "turn": TURN}
DUPLICATE = LATER | {"status": "DUPLICATE", "turn": None, "duplicateOf": "arn:of:the:first"}
CHECKED = sample("check-report-output")
READY = CHECKED | {"status": "SUCCESS"}
FETCHED = sample("fetch-report-output")
TOO_EARLY = FETCHED | {"status": "SUCCESS", "waitSeconds": 7, "turn": TURN, "completed": None}
COMPLETED = FETCHED["completed"]
ANSWERS: dict[str, list[Any]] = {
    "StartReport": [STARTED],
    "CheckReport": [READY],
    "FetchReport": [FETCHED],
    "DiscardReport": [sample("discard-report-output")],
}


def walk(context: Any = CONTEXT, **answers: list[Any]) -> Walk:
    return Walk(MACHINE, context, ANSWERS | answers)


def failed_event(arguments: Any) -> dict[str, Any]:
    """The detail of the one event that PublishFailed sends."""
    [entry] = arguments["Entries"]
    detail = dict(entry["Detail"])
    assert faults("export-failed", detail) == []
    return detail


class TestWay:
    """What one state says is what the next one is asked."""

    def test_an_export_that_waits_for_everything_completes(self) -> None:
        export = walk(
            StartReport=[LATER, STARTED],
            CheckReport=[CHECKED | {"turn": TURN}, CHECKED, READY],
            FetchReport=[TOO_EARLY, FETCHED],
        )
        assert export.run({}) == COMPLETED
        wait = ["WaitForPingOne", "IsReportReady"]
        assert export.states == [
            *["StartReport", *wait] * 2,
            *["CheckReport", *wait] * 3,
            *["FetchReport", "IsPublished", *wait],
            *["FetchReport", "IsPublished", "PublishCompleted"],
        ]
        first, second = (asked["Payload"] for asked in export.arguments["StartReport"])
        assert first == sample("start-report-input")
        assert second == first | {"queued": first["queued"] | {"turn": LATER["turn"]}}
        free = sample("check-report-input")
        for name, turns in (("CheckReport", [None, TURN, None]), ("FetchReport", [None, TURN])):
            asked = [arguments["Payload"] for arguments in export.arguments[name]]
            assert asked == [free | {"turn": turn} for turn in turns]
        [published] = export.arguments["PublishCompleted"]
        [entry] = published["Entries"]
        assert (entry["Detail"], entry["Resources"]) == (
            COMPLETED, sample("envelope")["resources"][:1]
        )  # fmt: skip

    def test_a_redriven_export_waits_in_line_anew(self) -> None:
        redriven = "2026-03-02T08:00:00.000Z"
        execution = CONTEXT["Execution"] | {"RedriveTime": redriven}
        export = walk({"Execution": execution})
        export.run({})
        assert export.arguments["StartReport"][0]["Payload"]["queued"]["since"] == redriven

    def test_a_duplicate_names_the_export_that_it_repeats(self) -> None:
        export = walk(StartReport=[DUPLICATE])
        assert export.run({}) == {"duplicateOf": "arn:of:the:first"}

    @pytest.mark.parametrize(
        ("fails", "states"),
        [
            ("StartReport", ["ExtractMessage"]),
            ("CheckReport", ["DiscardReport", "ExtractMessage"]),
            ("FetchReport", ["DiscardReport", "ExtractMessage"]),
            ("PublishCompleted", ["ExtractMessage"]),
        ],
    )
    @pytest.mark.parametrize("error", ["QualityGateFailed", TOO_MUCH])
    @pytest.mark.parametrize("later", [{}, Failure("Other", "No."), Failure(TOO_MUCH, "No.")])
    def test_an_error_is_what_the_event_the_metric_and_the_execution_show(
        self, fails: str, states: list[str], error: str, later: Any
    ) -> None:
        """Whatever fails after it."""
        cause = json.dumps({"errorMessage": "Half of it.", "errorType": error, "stackTrace": ["x"]})
        after = {name: [later] for name in ("DiscardReport", "PublishFailed", "RecordFailed")}
        export = walk(**after, **{fails: [Failure(error, cause)]})
        assert export.run({}) == Failure(error, "Half of it.")
        assert export.states[export.states.index(fails) + 1 :] == [
            *states, "PublishFailed", "RecordFailed", "ExportFailed"
        ]  # fmt: skip
        [arguments] = export.arguments["PublishFailed"]
        told = failed_event(arguments)
        assert (told["error"], told["message"]) == (error, "Half of it.")
        [recorded] = export.arguments["RecordFailed"]
        assert recorded["MetricData"][0]["Dimensions"][1] == {"Name": "error", "Value": error}

    def test_every_expression_is_evaluated_here(self) -> None:
        failure = [Failure("StorageDenied", "No.")]
        walks = [
            walk(),
            walk(StartReport=[DUPLICATE]),
            walk(FetchReport=failure),
            walk(FetchReport=failure, DiscardReport=failure),
        ]
        for each in walks:
            each.run({})
        assert set().union(*(each.evaluated for each in walks)) == set(expressions(MACHINE))


# Text as functions write it into JSON, with what must be escaped there and what need not be.
ODD = "abc \"\\/\n\t\b\f\r\x00\x1f\x7f{}:'$%é\u2028😀\ud7ff\ue000"
TEXTS = st.text(st.sampled_from(ODD)) | st.text()
ERRORS = st.fixed_dictionaries(
    {"errorMessage": TEXTS.filter(bool), "errorType": TEXTS, "stackTrace": st.lists(TEXTS)}
)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.just(1.5) | TEXTS,
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["errorMessage", "a"]) | TEXTS, inner)
    ),
    max_leaves=8,
)
# Pieces that only look like JSON, half surrogates and half escapes among them.
PIECES = st.lists(
    st.sampled_from(
        ['"errorMessage"', ":", " ", '"', "\\", "\\\\", '\\"', "\\u", "\\u00", "\\u00e9", "\\ud800",
         "\\udc00", "\\x", "{", "}", "null", "\n", "\x00", "\ud800", "\udc00", "😀", "a", "__"]
    )
).map("".join)  # fmt: skip
CAUSES = DOCUMENTS | DOCUMENTS.map(json.dumps) | PIECES | PIECES.map('{{"errorMessage":"{}'.format)
MANY = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def message_of(document: Any) -> str:
    """What an export's error says, of what was caught."""
    assigned = rendered(
        STATES["ExtractMessage"]["Assign"], {"states": {"input": document, "context": CONTEXT}}
    )
    assert assigned["error"] == document["Error"]
    assert isinstance(assigned["message"], str)
    assert assigned["message"]
    return str(assigned["message"])


HOLD_NO_WHOLE_MESSAGE = [
    '"errorMessage"', '{"errorMessage": null}', '{"errorMessage": 5}', "[1]", "null", "5",
    '{"errorMessage": ""}', '{"errorMessage": ["a"]}', '{"errorMessage": "cut \\',
    '{"errorMessage": "cut \\u00e', '{"errorMessage": "\\ud83d\\ude00"}',
    '{"errorMessage": "\\ud800"}', '{"errorMessage": "\\x"}', '{"errorMessage": "\x00"}',
    "The bus does not exist.",
]  # fmt: skip


class TestMessage:
    """Nothing catches it when this fails: then an export is lost without a word."""

    @pytest.mark.parametrize(
        ("cause", "message"),
        [
            # AWS gives a timeout an empty cause.
            *((cause, NO_CAUSE) for cause in ("", None, 5, ["a"])),
            # Of Lambda itself: a function that was killed.
            ('{"errorType":"Runtime.ExitError","errorMessage":"signal: killed"}', "signal: killed"),
            ('{"errorMessage" : "Say \\"no\\"\\n\\u00e9 \\\\", "a": 1}', 'Say "no"\né \\'),
            ('{"errorMessage": "The first.", "a": {"errorMessage": "No."}}', "The first."),
            ('{"errorMessage": "a", "stackTrace": ["cut o', "a"),
            ('{"errorMessage": "cut o', "cut o"),
            *((cause, cause) for cause in HOLD_NO_WHOLE_MESSAGE),
        ],
    )
    def test_a_message_is_told_alone_and_a_cause_without_one_as_it_is(
        self, cause: Any, message: str
    ) -> None:
        assert message_of({"Error": "E", "Cause": cause}) == message

    def test_an_error_without_a_cause_says_so(self) -> None:
        assert message_of({"Error": "States.Timeout"}) == NO_CAUSE

    @pytest.mark.parametrize(
        "piece",
        ["x", "\\", '"', "\\\\", '\\"', "\\n", "\\u0000", "[", '{"errorMessage":', '"errorMessage"',
         '{"errorMessage":"', " ", "😀", "\ud800"],
    )  # fmt: skip
    @pytest.mark.parametrize("begin", ["", '"errorMessage"', '{"errorMessage": "'])
    def test_the_longest_cause_has_one(self, begin: str, piece: str) -> None:
        cause = (begin + piece * LONGEST)[:LONGEST]
        assert message_of({"Error": "E", "Cause": cause})

    @MANY
    @given(error=ERRORS, at=st.integers(0, 200))
    def test_a_functions_message_is_read_back_as_far_as_its_cause_is_whole(
        self, error: dict[str, Any], at: int
    ) -> None:
        """Lambda's runtime for Python 3.13 leaves characters beyond ASCII as they are."""
        cause, text = json.dumps(error, ensure_ascii=False), error["errorMessage"]
        assert message_of({"Error": "E", "Cause": cause}) == text
        cut = cause[:at]
        message = message_of({"Error": "E", "Cause": cut})
        assert message in (cut, NO_CAUSE) or text.startswith(message)

    @MANY
    @given(cause=CAUSES)
    def test_a_message_is_never_missing(self, cause: Any) -> None:
        assert message_of({"Error": "E", "Cause": cause})


def told_of(asked: Any, export: Any = None) -> dict[str, Any]:
    """The failed event of an execution that was started with this."""
    execution = CONTEXT["Execution"] | {"Input": asked}
    variables = {"error": "InvalidRequest", "message": "No.", "export": export, "states": {
        "input": {}, "context": {"Execution": execution}}}  # fmt: skip
    return failed_event(rendered(STATES["PublishFailed"]["Arguments"], variables))


NAMED = dict.fromkeys(("correlationId", "environmentId", "reportName"), DOCUMENTS)
OWN, OTHER = STARTED["export"]["request"]["environmentId"], "01234567-89ab-cdef-0123-456789ABCDEF"
LONG = "x" * 64


class TestWhatFailed:
    @MANY
    @given(asked=DOCUMENTS | st.fixed_dictionaries(NAMED))
    @example(asked={"deliveryId": "4711", "request": None})
    @example(asked=[{"correlationId": "a"}, {"correlationId": "b"}])
    def test_whatever_is_asked_a_failed_event_has_a_name(self, asked: Any) -> None:
        assert isinstance(told_of(asked)["correlationId"], str)

    @pytest.mark.parametrize(
        ("asked", "told"),
        [
            ({}, {"correlationId": NAME, "environmentId": OWN, "reportName": None}),
            ({"correlationId": "ticket-4711"}, {"correlationId": "ticket-4711"}),
            ({"correlationId": 7}, {"correlationId": NAME}),
            ({"correlationId": "x" * 128}, {"correlationId": "x" * 128}),
            ({"correlationId": "x" * 250_000}, {"correlationId": NAME}),
            ({"environmentId": None, "reportName": None}, {"environmentId": OWN}),
            ({"environmentId": OTHER, "reportName": LONG}, {"environmentId": OTHER}),
            ({"environmentId": f"{OTHER}\n"}, {"environmentId": None}),
            ({"environmentId": [OTHER]}, {"environmentId": None}),
            ({"reportName": LONG}, {"reportName": LONG}),
            ({"reportName": "a@example.com"}, {"reportName": None}),
            ({"reportName": {"a": 1}}, {"reportName": None}),
        ],
    )
    @pytest.mark.parametrize("delivered", [False, True])
    def test_a_refused_request_is_told_with_what_it_names(
        self, asked: Any, told: dict[str, Any], delivered: bool
    ) -> None:
        request = {"deliveryId": "4711", "request": asked} if delivered else asked
        assert told_of(request).items() >= told.items()

    def test_an_accepted_export_is_told_as_it_was_accepted(self) -> None:
        request = STARTED["export"]["request"] | {
            "environmentId": OTHER, "reportName": f"{LONG}-custom"
        }  # fmt: skip
        told = told_of({}, STARTED["export"] | {"request": request})
        assert (told["environmentId"], told["reportName"]) == (OTHER, f"{LONG}-custom")

    @pytest.mark.parametrize("source", [EXPORT_REPORT, EXPORT_FLEET], ids=["report", "fleet"])
    @pytest.mark.parametrize("pseudonymizes", [True, False])
    @pytest.mark.parametrize("given", ["nightly", "ada@example.com", "@", 5, None, ["@"]])
    def test_a_failed_event_repeats_an_address_only_if_addresses_may_be_kept(
        self, source: Path, pseudonymizes: bool, given: Any
    ) -> None:
        machine = definition(source, Pseudonymizes=str(pseudonymizes).lower())
        (entry,) = machine["States"]["PublishFailed"]["Arguments"]["Entries"]
        execution = CONTEXT["Execution"] | {"Input": {"correlationId": given}}
        told = rendered(
            entry["Detail"]["correlationId"], {"states": {"context": {"Execution": execution}}}
        )
        kept = isinstance(given, str) and not (pseudonymizes and "@" in given)
        assert told == (given if kept else NAME)
