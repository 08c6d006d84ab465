"""Every sample in events/ keeps to its schema, and so does what the code makes of it."""

import json

import pytest

from pingone_reports.model.export import Export
from pingone_reports.model.manifest import completed_event
from pingone_reports.model.posture import Kind
from pingone_reports.model.security_events import RULES, Severity
from pingone_reports.model.strength import Strength
from tests.support.documents import EVENTS, faults, sample, schema

# What is read by others, who may meet fields that are newer than their schema.
PUBLISHED = (
    "compared", "export-completed", "export-failed", "fleet", "fleet-completed", "fleet-failed",
    "manifest", "quarantine", "security-event-detected",
)  # fmt: skip
SAMPLES = sorted(path.name.removesuffix(".schema.json") for path in EVENTS.glob("*.schema.json"))


class TestSamples:
    @pytest.mark.parametrize("name", SAMPLES)
    def test_every_sample_keeps_to_its_schema(self, name: str) -> None:
        assert faults(name, sample(name)) == []

    @pytest.mark.parametrize("name", SAMPLES)
    def test_nothing_is_written_that_a_schema_does_not_describe(self, name: str) -> None:
        assert faults(name, sample(name) | {"unknown": 1})
        assert faults(name, [])

    @pytest.mark.parametrize("name", PUBLISHED)
    def test_readers_of_what_is_published_may_meet_new_fields(self, name: str) -> None:
        assert '"additionalProperties": false' not in json.dumps(schema(name))

    @pytest.mark.parametrize("name", SAMPLES)
    def test_a_schema_requires_what_it_says(self, name: str) -> None:
        for required in schema(name)["required"]:
            document = sample(name)
            del document[required]
            assert faults(name, document), required

    @pytest.mark.parametrize("time", ["2026-03-01", "2026-03-01T02:00:00", "yesterday", 7])
    def test_a_time_without_its_zone_is_no_time(self, time: object) -> None:
        assert faults("manifest", sample("manifest") | {"createdAt": time})

    def test_no_sample_lacks_a_schema_but_the_event_as_it_is_sent(self) -> None:
        files = {path.name for path in EVENTS.glob("*.json")}
        known = {f"{name}{end}" for name in SAMPLES for end in (".json", ".schema.json")}
        assert files - known == {"export-requested.event.json", "fleet-requested.event.json"}

    def test_no_sample_holds_a_link_or_a_password(self) -> None:
        for path in EVENTS.iterdir():
            text = path.read_text()
            for part in ("X-Amz", "zipPassword", "PresignedUrl", "amazonaws.com"):
                assert part not in text, path.name


class TestSecurityEvents:
    """The schemas know the table of events, in its order."""

    def test_a_security_event_has_a_code_words_and_a_severity_of_the_table(self) -> None:
        fields = schema("security-event-detected")["properties"]
        assert fields["code"]["enum"] == [event.name for event in RULES]
        assert fields["event"]["enum"] == [event.value for event in RULES]
        assert fields["reasons"]["items"]["enum"] == fields["code"]["enum"]
        assert fields["severity"]["enum"] == list(Severity)
        for side in ("strengthBefore", "strengthAfter"):
            assert fields[side]["enum"] == [*Strength, None]

    def test_a_comparison_has_a_number_for_each_event_and_each_strength(self) -> None:
        fields = schema("compared")["properties"]
        numbers = fields["securityEvents"]
        assert list(numbers["properties"]) == numbers["required"] == [e.name for e in RULES]
        users = fields["protection"]["oneOf"][0]["properties"]["users"]
        assert list(users["properties"]) == users["required"] == list(Strength)
        assert list(fields["devices"]["properties"]) == list(Kind)


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
