"""Every sample in events/ keeps to its schema, and so does what the code makes of it."""

import json
import re

import pytest

from pingone_reports.model.export import Export
from pingone_reports.model.manifest import completed_event
from pingone_reports.model.posture import Kind
from pingone_reports.model.security_events import RULES, Severity
from pingone_reports.model.strength import Strength
from tests.support.documents import EVENTS, definition, faults, fields, sample, schema

SCHEMAS = sorted(path.name.removesuffix(".schema.json") for path in EVENTS.glob("*.schema.json"))
SAMPLES = [name for name in SCHEMAS if name != "definitions"]


class TestSamples:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_a_schema_takes_its_sample_and_nothing_else(self, name: str) -> None:
        assert faults(name, sample(name)) == []
        assert faults(name, sample(name) | {"unknown": 1})
        assert faults(name, [])

    @pytest.mark.parametrize("name", SCHEMAS)
    def test_only_a_request_is_refused_for_a_field_that_is_not_described(self, name: str) -> None:
        closed = '"additionalProperties": false' in json.dumps(schema(name))
        assert closed == name.endswith("-request")

    @pytest.mark.parametrize("name", SCHEMAS)
    def test_a_schema_has_an_id_and_a_title_that_is_the_name_of_a_class(self, name: str) -> None:
        document = schema(name)
        assert (
            document["$id"] == f"https://pingone-report-exporter.example/events/{name}.schema.json"
        )
        titles = re.findall('"title": "(.*?)"', json.dumps(document))
        assert all(
            re.fullmatch("([A-Z][a-z]+)+", title.replace("PingOne", "Ping")) for title in titles
        )

    def test_no_sample_lacks_a_schema_but_the_event_as_it_is_sent(self) -> None:
        files = {path.name for path in EVENTS.glob("*.json")}
        known = {f"{name}{end}" for name in SAMPLES for end in (".json", ".schema.json")}
        assert files - known == {
            "definitions.schema.json", "export-requested.event.json", "fleet-requested.event.json"
        }  # fmt: skip

    def test_no_sample_holds_a_link_or_a_password(self) -> None:
        for path in EVENTS.iterdir():
            text = path.read_text()
            for part in ("X-Amz", "zipPassword", "PresignedUrl", "amazonaws.com"):
                assert part not in text, path.name


class TestSecurityEvents:
    """The schemas know the table of events, in its order."""

    def test_a_security_event_has_a_code_words_and_a_severity_of_the_table(self) -> None:
        described = fields("security-event-detected")
        assert definition(described["code"])["enum"] == [event.name for event in RULES]
        assert definition(described["reasons"]["items"]) == definition(described["code"])
        assert described["event"]["enum"] == [event.value for event in RULES]
        assert described["severity"]["enum"] == list(Severity)
        for side in ("strengthBefore", "strengthAfter"):
            strength, none = described[side]["anyOf"]
            assert definition(strength)["enum"] == list(Strength)
            assert none == {"type": "null"}

    def test_a_comparison_has_a_number_for_each_event_and_each_strength(self) -> None:
        described = fields("compared")
        numbers = described["securityEvents"]
        assert list(numbers["properties"]) == numbers["required"] == [e.name for e in RULES]
        users = definition(described["protection"]["oneOf"][0])["properties"]["users"]
        assert list(users["properties"]) == users["required"] == list(Strength)
        assert list(described["devices"]["properties"]) == list(Kind)


class TestEntry:
    @pytest.mark.parametrize(
        ("name", "detail_type"),
        [
            ("export", "PingOne Report Export Requested"),
            ("fleet", "PingOne Fleet Export Requested"),
        ],
    )
    def test_the_event_that_requests_something_is_a_request(
        self, name: str, detail_type: str
    ) -> None:
        entries = sample(f"{name}-requested.event")
        assert entries
        for entry in entries:
            assert set(entry) == {"EventBusName", "Source", "DetailType", "Detail"}
            assert entry["DetailType"] == detail_type
            assert faults(f"{name}-request", json.loads(entry["Detail"])) == []


class TestState:
    @pytest.mark.parametrize("name", ["start-report-output", "check-report-input"])
    def test_an_export_comes_back_from_its_state(self, name: str) -> None:
        state = sample(name)["export"]
        assert Export.from_state(state).to_state() == state

    def test_the_export_of_a_start_is_the_export_of_a_check(self) -> None:
        output = sample("start-report-output")
        carried = {name: output[name] for name in ("export", "turn")}
        assert faults("check-report-input", carried) == []
        assert sample("check-report-input") == carried

    def test_the_completed_event_is_the_manifest_and_its_key(self) -> None:
        completed = sample("export-completed")
        assert completed_event(sample("manifest"), completed["manifestKey"]) == completed
