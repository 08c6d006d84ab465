"""The AsyncAPI document: it is one, and describes every event by its schema."""

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from local.paths import ENVIRONMENTS
from pingone_reports.model.announcements import COMPARED, SECURITY_EVENT_DETECTED
from tests.support.documents import EVENTS, faults, sample
from tests.support.template import resources_of
from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT

DOCUMENT: dict[str, Any] = yaml.safe_load((EVENTS / "asyncapi.yaml").read_text())
MESSAGES: dict[str, Any] = DOCUMENT["components"]["messages"]
_REQUESTS = {"exportRequested": "export-request", "fleetRequested": "fleet-request"}


def payload(message: str) -> dict[str, Any]:
    return dict(MESSAGES[message]["payload"]["schema"])


def test_the_description_of_events_is_a_document_of_asyncapi() -> None:
    specification = ENVIRONMENTS / "node/node_modules/@asyncapi/specs/schemas/3.0.0.json"
    validator = Draft7Validator(json.loads(specification.read_text()))
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    assert list(validator.iter_errors(DOCUMENT | {"channels": []}))


def test_the_asyncapi_document_describes_every_event_that_is_sent_or_starts_something() -> None:
    sent = {
        name
        for machine in (EXPORT_REPORT, EXPORT_FLEET)
        for name in re.findall("DetailType: (.+)", machine.read_text())
    }
    started = {
        name
        for rule in resources_of("AWS::Events::Rule").values()
        for name in rule["Properties"].get("EventPattern", {}).get("detail-type", [])
    }
    titles = {message["title"] for message in MESSAGES.values()}
    assert titles == sent | {COMPARED, SECURITY_EVENT_DETECTED} | started


def test_every_message_is_on_the_bus_and_of_one_operation() -> None:
    bus = DOCUMENT["channels"]["bus"]["messages"]
    assert bus == {name: {"$ref": f"#/components/messages/{name}"} for name in MESSAGES}
    operations = DOCUMENT["operations"].values()
    used = [message["$ref"] for each in operations for message in each["messages"]]
    assert sorted(used) == sorted(f"#/channels/bus/messages/{name}" for name in MESSAGES)


@pytest.mark.parametrize("name", sorted(MESSAGES.keys() - _REQUESTS))
def test_what_is_sent_is_the_sample_in_its_envelope(name: str) -> None:
    schema = payload(name)
    detail = schema["allOf"][1]["properties"]["detail"]["$ref"].removesuffix(".schema.json")
    event = sample("envelope") | {"detail-type": MESSAGES[name]["title"], "detail": sample(detail)}
    assert faults(schema, event) == []
    assert faults(schema, event | {"detail-type": "Another One"})
    assert faults(schema, event | {"detail": {}})


@pytest.mark.parametrize(("name", "request_"), _REQUESTS.items())
def test_what_is_received_is_a_request(name: str, request_: str) -> None:
    event = {"detail-type": MESSAGES[name]["title"], "detail": sample(request_)}
    assert faults(payload(name), event) == []
    assert faults(payload(name), event | {"detail": {"unknown": 1}})
