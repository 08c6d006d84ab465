"""A fact sheet says what PingOne does, holds no value, and becomes a scenario of the simulator."""

import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
import requests

from local.fact_sheet import facts_of, scenario_of
from local.observations import head_of, observe, read_notes
from local.pingone_simulator import ChangeBody, Fault, PingOneSimulator, Scenario
from local.tenant import Tenant
from pingone_reports.model.exploration import DEVICES_REPORT_TEMPLATE_ID
from pingone_reports.pingone import api, credentials, http
from pingone_reports.transfer.remote_file import RemoteFile
from pingone_reports.zips import directory
from pingone_reports.zips.encrypted_zip import EncryptedZip, _Member
from tests.support.asking import ENVIRONMENT_ID
from tests.support.simulator import FakeBucket, ManualClock

TENANT = Tenant(
    client_id="app-1", client_secret="canary-secret", role="", out=Path("out"), parameters={}
)


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


@pytest.fixture
def export(
    folder: Path,  # noqa: ARG001 -- what follows is noted
    simulator: PingOneSimulator,
    session: requests.Session,
    tokens: credentials.AccessTokens,
    clock: ManualClock,
) -> Callable[[Scenario], None]:
    """Makes the calls of an export, and reads its zips."""

    def call(method: str, path: str = "", **given: Any) -> dict[str, Any]:
        clock.now += 60
        url = f"{simulator.api_url}/environments/{ENVIRONMENT_ID}/dataExplorations{path}"
        headers = {"Authorization": f"Bearer {tokens.current()}"}
        return http.ask(session, "PingOne's API", method, url, headers, **given).document() or {}

    def run(scenario: Scenario) -> None:
        simulator.set_scenario(ENVIRONMENT_ID, scenario)
        template = {"id": DEVICES_REPORT_TEMPLATE_ID}
        created = call(
            "POST", json={"dataExplorationTemplate": template, "deliverAs": "ASYNC_FILE"}
        )
        ready = call("GET", f"/{created['id']}")
        for kind in ("csv", "json"):
            link = ready.get(f"{kind}PresignedUrl", "")
            if link.startswith("https://s3.test/"):
                _, archive = cast("FakeBucket", simulator.bucket).object_of(link)
                password = ready["zipPassword"]
                zipped = EncryptedZip(io.BytesIO(archive), password, f".{kind}", 10**9)
                assert sum(len(piece.plain) for piece in zipped.pieces())

    return run


def _facts(folder: Path, records: int | None = None) -> dict[str, Any]:
    heads = {each: head_of(folder, each) for each in ("csv", "json")}
    files = {kind: path for kind, path in heads.items() if path.exists()}
    return facts_of(TENANT, read_notes(folder), files, records, "completed")


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
    folder: Path, export: Callable[[Scenario], None], scenario: Scenario
) -> None:
    export(replace(scenario, rows=100))
    assert scenario_of(_facts(folder, 100)) == scenario


def test_nothing_of_an_answer_that_may_be_secret_or_somebodys_is_told(
    folder: Path, export: Callable[[Scenario], None]
) -> None:
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
    export(Scenario(rows=50, faults=faults))
    facts = _facts(folder)
    assert "canary" not in json.dumps(facts)
    assert len(facts["calls"]) == 3
