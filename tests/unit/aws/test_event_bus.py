"""Every event is sent, also where EventBridge takes some entries of a call and refuses others."""

import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from pingone_reports.aws.event_bus import EventBus, Topic
from pingone_reports.errors import AnnouncementFailed

_RESOURCE = "arn:aws:states:us-east-1:123456789012:execution:reports:nightly"


def _client(service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="local",
    )


def _entries(*numbers: int) -> dict[str, Any]:
    return {
        "Entries": [
            {
                "EventBusName": "bus",
                "Source": "pingone.reports",
                "DetailType": "Something",
                "Resources": [_RESOURCE],
                "Detail": json.dumps({"number": number}),
            }
            for number in numbers
        ]
    }


def _taken(*taken: bool) -> dict[str, Any]:
    return {
        "FailedEntryCount": taken.count(False),
        "Entries": [{"EventId": "1"} if one else {"ErrorCode": "InternalFailure"} for one in taken],
    }


def test_what_was_refused_comes_again_and_nothing_else() -> None:
    events, slept = _client("events"), list[float]()
    with Stubber(events) as stub:
        stub.add_response("put_events", _taken(True, False, False), _entries(0, 1, 2))
        stub.add_response("put_events", _taken(False, True), _entries(1, 2))
        stub.add_response("put_events", _taken(True), _entries(1))
        bus = EventBus(events, "bus", slept.append)
        bus.publish("Something", [{"number": number} for number in range(3)], _RESOURCE)
        stub.assert_no_pending_responses()
    assert slept == [0.2, 0.5]


def test_what_is_refused_for_ever_holds_up_nothing_else_and_costs_the_pauses_once() -> None:
    events, slept = _client("events"), list[float]()
    with Stubber(events) as stub:
        first, others = _entries(*range(10)), _entries(*range(10, 13))
        stub.add_response("put_events", _taken(False, *[True] * 9), first)
        stub.add_response("put_events", _taken(*[True] * 3), others)
        for _ in range(5):
            stub.add_response("put_events", _taken(False), _entries(0))
        details = [{"number": number} for number in range(13)]
        with pytest.raises(AnnouncementFailed, match="InternalFailure"):
            EventBus(events, "bus", slept.append).publish("Something", details, _RESOURCE)
        stub.assert_no_pending_responses()
    assert len(slept) == 5


def test_a_denied_call_is_not_tried_again() -> None:
    events = _client("events")
    with Stubber(events) as stub:
        stub.add_client_error("put_events", "AccessDeniedException", "who@example.com")
        with pytest.raises(AnnouncementFailed, match="AccessDenied") as caught:
            EventBus(events, "bus").publish("Something", [{"number": 0}], _RESOURCE)
    assert "example.com" not in str(caught.value)


def test_a_mail_that_sns_does_not_take_is_a_typed_error() -> None:
    sns = _client("sns")
    with Stubber(sns) as stub:
        stub.add_client_error("publish", "NotFound")
        with pytest.raises(AnnouncementFailed, match="SNS"):
            Topic(sns, "arn:aws:sns:us-east-1:123456789012:digest").send("s", "t")


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("PingOne M\u00fcller\r\nBcc: x: nothing", "PingOne M?ller Bcc: x: nothing"),
        ("x" * 999, "x" * 99),
    ],
)
def test_whatever_a_subject_holds_sns_takes_it(subject: str, sent: str) -> None:
    sns, arn = _client("sns"), "arn:aws:sns:us-east-1:123456789012:digest"
    with Stubber(sns) as stub:
        expected = {"TopicArn": arn, "Subject": sent, "Message": "t"}
        stub.add_response("publish", {"MessageId": "1"}, expected)
        Topic(sns, arn).send(subject, "t")
        stub.assert_no_pending_responses()
