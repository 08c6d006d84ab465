"""A fact sheet says what PingOne does, holds no value, and becomes a scenario of the simulator."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from local.advice import advice
from local.fact_sheet import facts_of, main, scenario_of
from local.observations import Note, head_of, observe, read_notes
from local.pingone_simulator import Answer, ChangeBody, Fault, PingOneSimulator, Scenario
from local.pingone_simulator.report_data import ALL_FIELDS
from local.tenant import Tenant
from pingone_reports.errors import ExportError, PingOneUnavailable
from pingone_reports.model.exploration import DEVICES_REPORT_TEMPLATE_ID
from pingone_reports.pingone import api, credentials, http
from pingone_reports.transfer.remote_file import RemoteFile
from pingone_reports.zips import directory
from pingone_reports.zips.encrypted_zip import EncryptedZip, _Member
from tests.support.simulator import FakeBucket, ManualClock

ENVIRONMENT = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the notes that this process makes until the test ends."""
    for place, name in (
        *((module, "ask") for module in (http, api, credentials)),
        (RemoteFile, "_get"),
        (directory, "_only_member"),
        (_Member, "pieces"),
    ):
        monkeypatch.setattr(place, name, getattr(place, name))
    observe(tmp_path)
    return tmp_path


class _Export:
    """The calls of an export, and its zips read."""

    def __init__(self, scenario: Scenario) -> None:
        self.bucket, self.clock, self.scenario = FakeBucket(), ManualClock(), scenario

    def run(self, **changes: Any) -> None:
        with (
            PingOneSimulator(
                self.bucket, default_scenario=self.scenario, clock=self.clock
            ) as simulator,
            requests.Session() as session,
        ):
            proof = credentials.ClientCredentials(simulator.client_id, simulator.client_secret)
            url = simulator.token_url(ENVIRONMENT)
            token = credentials.AccessTokens(session, url, proof.authentication).current()

            def call(method: str, path: str, **given: Any) -> http.Answer:
                url = f"{simulator.api_url}/environments/{ENVIRONMENT}/dataExplorations{path}"
                headers = {"Authorization": f"Bearer {token}"}
                self.clock.now += 6
                return http.ask(session, "PingOne's API", method, url, headers, **given)

            template = {"id": DEVICES_REPORT_TEMPLATE_ID}
            body = {"dataExplorationTemplate": template, "deliverAs": "ASYNC_FILE"} | changes
            created = call("POST", "", json=body).document() or {}
            if "expiresAt" in created:
                self.clock.now += 60
                self._unzip(call("GET", f"/{created['id']}").document() or {})

    def _unzip(self, ready: dict[str, Any]) -> None:
        for kind in ("csv", "json"):
            link = ready.get(f"{kind}PresignedUrl", "")
            if link.startswith("https://s3.test/"):
                _, archive = self.bucket.object_of(link)
                password = ready["zipPassword"]
                zipped = EncryptedZip(io.BytesIO(archive), password, f".{kind}", 10**9)
                assert sum(len(piece.plain) for piece in zipped.pieces())


def _facts(folder: Path, records: int | None = None) -> dict[str, Any]:
    heads = {each: head_of(folder, each) for each in ("csv", "json")}
    files = {kind: path for kind, path in heads.items() if path.exists()}
    return facts_of(replace(TENANT, parameters={}), read_notes(folder), files, records, "completed")


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(),
        Scenario(encryption="aes128", ae_version=1, data_descriptor=True, csv_line_end="\n"),
        Scenario(encryption="zipcrypto", zip64=True, json_shape="object"),
        Scenario(encryption=None, compression="stored", json_shape="lines"),
        Scenario(
            exploration_seconds=900.0, generation_seconds=7.0, fields=("userId", "somethingNew")
        ),
    ],
)
def test_a_fact_sheet_becomes_the_scenario_that_it_is_of(
    folder: Path, scenario: Scenario, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    _Export(replace(scenario, rows=100)).run()
    facts = _facts(folder, 100)
    assert scenario_of(facts) == scenario

    (folder / "facts.json").write_text(json.dumps(facts))
    monkeypatch.setattr("sys.argv", ["fact_sheet", str(folder / "facts.json")])
    assert main() == 0
    assert capsys.readouterr().out == f"{scenario_of(facts)}\n"


def test_calls_links_and_times_are_told(folder: Path) -> None:
    export = _Export(Scenario(rows=2000, faults=(Fault("read", Answer(429, retry_after=7)),)))
    export.run()
    facts = _facts(folder)
    assert [(call["call"], call["status"], call.get("code")) for call in facts["calls"]] == [
        ("token", 200, None),
        ("create", 201, None),
        ("read", 429, "REQUEST_LIMITED"),
    ]
    assert facts["calls"][-1]["retryAfter"] == 7
    assert facts["report"]["statuses"] == ["IN_PROGRESS"]
    assert facts["report"]["fields"] == list(ALL_FIELDS)
    assert facts["records"] == "unknown"


def test_what_pingone_names_when_it_refuses_a_field_is_told(folder: Path) -> None:
    _Export(Scenario()).run(fields=[{"name": "devicestatus"}])
    facts = _facts(folder)
    assert facts["report"]["fieldsThatPingOneNames"] == list(ALL_FIELDS)
    (refused,) = (call for call in facts["calls"] if call["call"] == "create")
    assert (refused["status"], refused["code"]) == (400, "INVALID_DATA")
    assert refused["details"][0]["target"] == "fields[0].name"


def test_nothing_of_an_answer_that_may_be_secret_or_somebodys_is_told(folder: Path) -> None:
    canary = "canary canary@example.com"
    answer = {
        "message": canary, "code": canary, "status": canary, "zipPassword": canary, canary: canary,
        "filter": canary, "fields": [{"name": canary}, canary], "details": [
            {"code": canary, "target": canary, "message": canary,
             "innerError": {"allowedValues": [canary, 1]}}, canary],
        "csvPresignedUrl": f"https://canary:canary@s3.test/{canary}?{canary}={canary}&X-Amz-Date=1",
        "jsonPresignedUrl": f"{canary} [",
        "createdAt": canary, "error": canary, "error_description": canary,
    }  # fmt: skip
    faults = (Fault("read", ChangeBody(override=answer)), Fault("create", ChangeBody(override={
        key: value for key, value in answer.items() if key != "fields"})))  # fmt: skip
    _Export(Scenario(rows=50, faults=faults)).run()
    facts = _facts(folder)
    assert "canary" not in json.dumps(facts)
    assert len(facts["calls"]) == 3


def test_what_differs_from_the_documents_is_told(folder: Path) -> None:
    scenario = Scenario(rows=30, columns=("userId", "device_id", "newField", "deviceType"))
    more = Fault("read", ChangeBody(omit=("orderBy",), override={"newName": 1}))
    _Export(replace(scenario, faults=(more,))).run()
    told = _facts(folder, 30)["differences"]
    for sentence in (
        "The answer about a report has more names: newName.",
        "The answer about a report lacks orderBy.",
        "The links lead to s3.test, not to PingOne's documented host.",
        "Columns that the exporter does not know: newField.",
        "Known fields in another spelling: device_id.",
    ):
        assert sentence in told


TENANT = Tenant(
    client_id="app-1",
    client_secret="canary-secret",
    role="",
    out=Path("out"),
    parameters={"EnvironmentId": ENVIRONMENT, "ReportFields": "x", "ReportFilter": "y"},
)
ASK: Callable[..., Note] = lambda call, status, **more: {  # noqa: E731
    "kind": "call", "call": call, "host": "api.pingone.com", "status": status, **more
}  # fmt: skip


@pytest.mark.parametrize(
    ("error", "last", "told"),
    [
        ("Unauthorized", ASK("token", 404), "set PINGONE_REGION to its region: com, ca, eu,"),
        ("Unauthorized", ASK("token", 401), "Check PINGONE_CLIENT_ID and PINGONE_CLIENT_SECRET"),
        ("Unauthorized", ASK("read", 401), "check PINGONE_API_URL and PINGONE_REGION"),
        ("AccessDenied", ASK("create", 403), "app-1 the role Identity Data Read Only"),
        ("ReportRejected", ASK("create", 404), "check PINGONE_ENVIRONMENT_ID"),
        ("ReportRejected", ASK("create", 400), "PINGONE_REPORT_FIELDS or PINGONE_REPORT_FILTER"),
        ("PingOneUnavailable", ASK("create", 503), "busy"),
        (
            "PingOneUnavailable",
            ASK("token", None, error="ConnectTimeout"),
            "api.pingone.com cannot be reached from here (ConnectTimeout)",
        ),
        ("PingOneUnavailable", ASK("token", None, error="ProxyError"), "HTTPS_PROXY"),
        ("PingOneUnavailable", ASK("token", None, error="SSLError"), "REQUESTS_CA_BUNDLE"),
        (
            "UntrustedCertificate",
            ASK("download", None, error="SSLError"),
            "certificate of api.pingone.com is not trusted",
        ),
        (
            "LinkNotAllowed",
            ASK("read", 200, links={"csv": {"host": "s3.test", "parameters": []}}),
            "lead to s3.test",
        ),
        ("QualityGateFailed", ASK("read", 200), "history.json"),
        ("InvalidReport", ASK("download", 206), "report this"),
    ],
)
def test_a_failure_says_what_to_do_in_the_persons_terms(error: str, last: Note, told: str) -> None:
    assert told in advice(error, [ASK("token", 200), last], TENANT)


def test_a_host_that_cannot_be_reached_is_noted(folder: Path) -> None:
    with requests.Session() as session, pytest.raises(PingOneUnavailable) as failed:
        http.ask(session, "PingOne's token endpoint", "POST", "http://127.0.0.1:1/as/token")
    assert isinstance(failed.value, ExportError)
    (note,) = read_notes(folder)
    assert (note["call"], note["host"], note["status"]) == ("token", "127.0.0.1", None)
    assert note["error"] == "ConnectionError"
