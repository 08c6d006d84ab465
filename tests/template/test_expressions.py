"""The state machine's expressions, evaluated by the reference implementation of their language."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.documents import faults, sample
from tests.support.jsonata import Failure, Jsonata, QueryEvaluationError, Walk, expressions
from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT, definition

MACHINE = definition()
STATES = MACHINE["States"]

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


@pytest.fixture(scope="module")
def jsonata() -> Iterator[Jsonata]:
    with Jsonata() as jsonata:
        yield jsonata


def answered(*results: Any) -> list[Any]:
    """What a function's task gives."""
    return [
        result if isinstance(result, Failure) else {"StatusCode": 200, "Payload": result}
        for result in results
    ]


def walk(
    jsonata: Jsonata,
    start: list[Any],
    check: list[Any] | None = None,
    fetch: list[Any] | None = None,
    **more: Any,
) -> Walk:
    return Walk(
        jsonata,
        MACHINE,
        more.get("context", CONTEXT),
        {
            "StartReport": answered(*start),
            "CheckReport": answered(*(check or [READY])),
            "FetchReport": answered(*(fetch or [FETCHED])),
            "PublishCompleted": [more.get("publish", {"FailedEntryCount": 0})],
            "DiscardReport": answered(more.get("discard", sample("discard-report-output"))),
            "PublishFailed": [more.get("tell", {"FailedEntryCount": 0})],
            "RecordFailed": [more.get("record", {})],
        },
    )


def failed_event(arguments: Any) -> dict[str, Any]:
    """The detail of the one event that PublishFailed sends."""
    [entry] = arguments["Entries"]
    detail = dict(entry["Detail"])
    assert faults("export-failed", detail) == []
    return detail


class TestReference:
    def test_the_reference_has_parse_and_no_eval_as_step_functions(self, jsonata: Jsonata) -> None:
        assert jsonata.evaluate("$parse('[1, null]')", {}) == [1, None]
        with pytest.raises(QueryEvaluationError, match="no \\$eval"):
            jsonata.evaluate("$eval('1')", {})

    @pytest.mark.parametrize(
        "expression", ["$parse('{')", "$missing", "$states.input.Cause", "1 +"]
    )
    def test_what_fails_or_has_no_value_is_an_error(
        self, jsonata: Jsonata, expression: str
    ) -> None:
        with pytest.raises(QueryEvaluationError):
            jsonata.evaluate(expression, {"states": {"input": {}}})


class TestWay:
    """What one state says is what the next one is asked."""

    def test_an_export_that_waits_for_everything_completes(self, jsonata: Jsonata) -> None:
        export = walk(jsonata, [LATER, STARTED], [CHECKED | {"turn": TURN}, CHECKED, READY],
                      [TOO_EARLY, FETCHED])  # fmt: skip
        assert export.run({}) == COMPLETED
        first, second = (asked["Payload"] for asked in export.arguments["StartReport"])
        assert first == sample("start-report-input")
        assert second == first | {"queued": first["queued"] | {"turn": LATER["turn"]}}
        asked = [
            [payload["Payload"] for payload in export.arguments[name]]
            for name in ("CheckReport", "FetchReport")
        ]
        free = sample("check-report-input")
        assert asked == [[free, free | {"turn": TURN}, free], [free, free | {"turn": TURN}]]
        [published] = export.arguments["PublishCompleted"]
        assert published["Entries"][0]["Detail"] == COMPLETED

    @pytest.mark.parametrize("source", [EXPORT_REPORT, EXPORT_FLEET], ids=["report", "fleet"])
    @pytest.mark.parametrize("pseudonymizes", [True, False])
    @pytest.mark.parametrize("given", ["nightly", "ada@example.com", "@", 5, None, ["@"]])
    def test_a_failed_event_repeats_an_address_only_if_addresses_may_be_kept(
        self, jsonata: Jsonata, source: Path, pseudonymizes: bool, given: Any
    ) -> None:
        machine = definition(source=source, pseudonymizes=pseudonymizes)
        (entry,) = machine["States"]["PublishFailed"]["Arguments"]["Entries"]
        told = jsonata.rendered(
            {"id": entry["Detail"]["correlationId"]},
            {
                "states": {
                    "input": {},
                    "context": {
                        "Execution": CONTEXT["Execution"] | {"Input": {"correlationId": given}}
                    },
                }
            },
        )
        kept = isinstance(given, str) and not (pseudonymizes and "@" in given)
        assert told == {"id": given if kept else NAME}

    def test_a_redriven_export_waits_in_line_anew(self, jsonata: Jsonata) -> None:
        redriven = "2026-03-02T08:00:00.000Z"
        execution = CONTEXT["Execution"] | {"RedriveTime": redriven}
        export = walk(jsonata, [STARTED], context={"Execution": execution})
        export.run({})
        assert export.arguments["StartReport"][0]["Payload"]["queued"]["since"] == redriven

    def test_a_duplicate_names_the_export_that_it_repeats(self, jsonata: Jsonata) -> None:
        assert walk(jsonata, [DUPLICATE]).run({}) == {"duplicateOf": "arn:of:the:first"}

    @pytest.mark.parametrize(
        ("fails", "states"),
        [
            ("start", ["ExtractMessage"]),
            ("check", ["DiscardReport", "ExtractMessage"]),
            ("fetch", ["DiscardReport", "ExtractMessage"]),
            ("publish", ["ExtractMessage"]),
        ],
    )
    @pytest.mark.parametrize("error", ["QualityGateFailed", "States.DataLimitExceeded"])
    def test_an_error_is_what_the_event_the_metric_and_the_execution_show(
        self, jsonata: Jsonata, fails: str, states: list[str], error: str
    ) -> None:
        cause = json.dumps({"errorMessage": "Half of it.", "errorType": error, "stackTrace": ["x"]})
        failure = Failure(error, cause)
        failing: dict[str, Any] = {fails: failure if fails == "publish" else [failure]}
        export = walk(jsonata, **{"start": [STARTED], **failing})
        assert export.run({}) == Failure(error, "Half of it.")
        assert export.states[-3 - len(states) :] == [
            *states, "PublishFailed", "RecordFailed", "ExportFailed"
        ]  # fmt: skip
        [arguments] = export.arguments["PublishFailed"]
        told = failed_event(arguments)
        assert (told["error"], told["message"]) == (error, "Half of it.")
        [recorded] = export.arguments["RecordFailed"]
        assert recorded["MetricData"][0]["Dimensions"][1] == {"Name": "error", "Value": error}

    def test_an_exports_own_error_outlives_all_that_fails_after_it(self, jsonata: Jsonata) -> None:
        other = Failure("Other", "other")
        export = walk(jsonata, [STARTED], fetch=[Failure("WrongPassword", "It does not open.")],
                      discard=other, tell=other, record=other)  # fmt: skip
        assert export.run({}) == Failure("WrongPassword", "It does not open.")

    def test_every_expression_is_evaluated_here(self, jsonata: Jsonata) -> None:
        walks = [
            walk(jsonata, [STARTED]),
            walk(jsonata, [DUPLICATE]),
            walk(jsonata, [STARTED], fetch=[Failure("StorageDenied", "No.")]),
            walk(jsonata, [STARTED], fetch=[Failure("X")], discard=Failure("Y")),
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


def message_of(jsonata: Jsonata, document: Any) -> str:
    """What an export's error says, of what was caught."""
    assigned = jsonata.rendered(
        STATES["ExtractMessage"]["Assign"], {"states": {"input": document, "context": CONTEXT}}
    )
    assert assigned["error"] == document["Error"]
    assert isinstance(assigned["message"], str)
    assert assigned["message"]
    return str(assigned["message"])


class TestMessage:
    """Nothing catches it when this fails: then an export is lost without a word."""

    def test_the_message_is_extracted_once_in_the_definition(self) -> None:
        [reading] = [text for text in expressions(MACHINE) if "errorMessage" in text]
        assert reading == STATES["ExtractMessage"]["Assign"]["message"]

    @pytest.mark.parametrize(
        "caught", [{}, {"Cause": ""}, {"Cause": None}, {"Cause": 5}, {"Cause": ["a"]}]
    )
    def test_a_message_without_a_cause_says_so(
        self, jsonata: Jsonata, caught: dict[str, Any]
    ) -> None:
        """AWS gives a timeout an empty cause."""
        assert message_of(jsonata, {"Error": "States.Timeout"} | caught) == NO_CAUSE

    @pytest.mark.parametrize(
        ("cause", "message"),
        [
            # Of Lambda itself: a function that was killed.
            ('{"errorType":"Runtime.ExitError","errorMessage":"signal: killed"}', "signal: killed"),
            ('{"errorMessage" : "Say \\"no\\"\\n\\u00e9 \\\\", "a": 1}', 'Say "no"\né \\'),
            ('{"errorMessage": "The first.", "a": {"errorMessage": "No."}}', "The first."),
            ('{"errorMessage": "a", "stackTrace": ["cut o', "a"),
            ('{"errorMessage": "cut o', "cut o"),
            ("The bus does not exist.", "The bus does not exist."),
        ],
    )
    def test_a_message_is_told_alone(self, jsonata: Jsonata, cause: str, message: str) -> None:
        assert message_of(jsonata, {"Error": "E", "Cause": cause}) == message

    @pytest.mark.parametrize(
        "cause",
        [
            '"errorMessage"', '{"errorMessage": null}', '{"errorMessage": 5}', "[1]", "null", "5",
            '{"errorMessage": ""}', '{"errorMessage": ["a"]}', '{"errorMessage": "cut \\',
            '{"errorMessage": "cut \\u00e', '{"errorMessage": "\\ud83d\\ude00"}',
            '{"errorMessage": "\\ud800"}', '{"errorMessage": "\\x"}', '{"errorMessage": "\x00"}',
        ],
    )  # fmt: skip
    def test_what_holds_no_whole_message_is_shown_as_it_is(
        self, jsonata: Jsonata, cause: str
    ) -> None:
        assert message_of(jsonata, {"Error": "E", "Cause": cause}) == cause

    @pytest.mark.parametrize(
        "piece",
        ["x", "\\", '"', "\\\\", '\\"', "\\n", "\\u0000", "[", '{"errorMessage":', '"errorMessage"',
         '{"errorMessage":"', " ", "😀", "\ud800"],
    )  # fmt: skip
    @pytest.mark.parametrize("begin", ["", '"errorMessage"', '{"errorMessage": "'])
    def test_the_longest_cause_has_one(self, jsonata: Jsonata, begin: str, piece: str) -> None:
        cause = (begin + piece * LONGEST)[:LONGEST]
        assert message_of(jsonata, {"Error": "E", "Cause": cause})

    @MANY
    @given(error=ERRORS, compact=st.booleans())
    def test_every_functions_message_is_read_back(
        self, jsonata: Jsonata, error: dict[str, Any], compact: bool
    ) -> None:
        """Lambda's runtime for Python 3.13 leaves characters beyond ASCII as they are."""
        separators = (",", ":") if compact else None
        cause = json.dumps(error, ensure_ascii=False, separators=separators)
        assert message_of(jsonata, {"Error": "E", "Cause": cause}) == error["errorMessage"]

    @MANY
    @given(error=ERRORS, at=st.integers(0, 200))
    def test_a_cause_that_is_cut_off_gives_what_there_is_of_it(
        self, jsonata: Jsonata, error: dict[str, Any], at: int
    ) -> None:
        cause = json.dumps(error, ensure_ascii=False)[:at]
        message = message_of(jsonata, {"Error": "E", "Cause": cause})
        assert message in (cause, NO_CAUSE) or error["errorMessage"].startswith(message)

    @MANY
    @given(cause=CAUSES)
    @example(cause='"errorMessage"' + " " * LONGEST)
    def test_a_message_is_never_missing(self, jsonata: Jsonata, cause: Any) -> None:
        assert message_of(jsonata, {"Error": "E", "Cause": cause})


def told_of(jsonata: Jsonata, asked: Any, export: Any = None) -> dict[str, Any]:
    """The failed event of an execution that was started with this."""
    execution = CONTEXT["Execution"] | {"Input": asked}
    variables = {"error": "InvalidRequest", "message": "No.", "export": export, "states": {
        "input": {}, "context": {"Execution": execution}}}  # fmt: skip
    return failed_event(jsonata.rendered(STATES["PublishFailed"]["Arguments"], variables))


NAMED = dict.fromkeys(("correlationId", "environmentId", "reportName"), DOCUMENTS)


class TestCorrelation:
    @MANY
    @given(asked=DOCUMENTS | st.fixed_dictionaries(NAMED))
    @example(asked={"deliveryId": "4711", "request": None})
    @example(asked=[{"correlationId": "a"}, {"correlationId": "b"}])
    def test_whatever_is_asked_a_failed_event_has_one(self, jsonata: Jsonata, asked: Any) -> None:
        assert isinstance(told_of(jsonata, asked)["correlationId"], str)

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({"correlationId": "ticket-4711"}, "ticket-4711"),
            ({"deliveryId": "1", "request": {"correlationId": "ticket-4711"}}, "ticket-4711"),
            ({"correlationId": 7}, NAME),
            ({"correlationId": "x" * 128}, "x" * 128),
            ({"correlationId": "x" * 250_000}, NAME),
            ({}, NAME),
        ],
    )
    def test_a_failed_event_has_the_one_that_was_asked_for(
        self, jsonata: Jsonata, asked: dict[str, Any], expected: str
    ) -> None:
        assert told_of(jsonata, asked)["correlationId"] == expected


OWN, OTHER = STARTED["export"]["request"]["environmentId"], "01234567-89ab-cdef-0123-456789ABCDEF"
LONG = "x" * 64


class TestWhatFailed:
    @pytest.mark.parametrize(
        ("asked", "environment", "report"),
        [
            ({}, OWN, None),
            ({"environmentId": None, "reportName": None}, OWN, None),
            ({"environmentId": OTHER, "reportName": LONG}, OTHER, LONG),
            ({"deliveryId": "1", "request": {"environmentId": OTHER}}, OTHER, None),
            ({"environmentId": f"{OTHER}\n", "reportName": "a@example.com"}, None, None),
            ({"environmentId": [OTHER], "reportName": {"a": 1}}, None, None),
        ],
    )
    def test_a_refused_request_is_told_with_what_it_names(
        self, jsonata: Jsonata, asked: Any, environment: str | None, report: str | None
    ) -> None:
        told = told_of(jsonata, asked)
        assert (told["environmentId"], told["reportName"]) == (environment, report)

    def test_an_accepted_export_is_told_as_it_was_accepted(self, jsonata: Jsonata) -> None:
        request = STARTED["export"]["request"] | {
            "environmentId": OTHER, "reportName": f"{LONG}-custom"
        }  # fmt: skip
        told = told_of(jsonata, {}, STARTED["export"] | {"request": request})
        assert (told["environmentId"], told["reportName"]) == (OTHER, f"{LONG}-custom")

    def test_a_completed_event_is_about_its_manifest(self, jsonata: Jsonata) -> None:
        export = walk(jsonata, [STARTED])
        export.run({})
        [entry] = export.arguments["PublishCompleted"][0]["Entries"]
        assert entry["Resources"] == sample("envelope")["resources"][:1]
