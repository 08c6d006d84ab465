"""The simulator does what PingOne's documentation says where a fault of it would hide our own."""

import csv
import io
import json
import time
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
import pyzipper
import requests

from local.pingone_simulator import (
    DropConnection,
    EchoCredentials,
    Fault,
    LoseAnswer,
    PingOneSimulator,
    Scenario,
)
from local.pingone_simulator.clock import ScaledClock
from local.pingone_simulator.rate_limits import RateLimits
from local.pingone_simulator.report_data import DevicesReport
from pingone_reports.pingone.credentials import AccessTokens
from tests.support.asking import ENVIRONMENT_ID, play
from tests.support.documents import polling_answer
from tests.support.simulator import FakeBucket, ManualClock

REPORT = {
    name: polling_answer()[name]
    for name in ("dataExplorationTemplate", "fields", "filter", "deliverAs")
}


@dataclass
class Client:
    """Calls for the reports of one environment."""

    simulator: PingOneSimulator
    tokens: AccessTokens
    clock: ManualClock
    environment: str = ENVIRONMENT_ID

    def call(self, method: str, path: str = "", **given: Any) -> requests.Response:
        url = f"{self.simulator.api_url}/environments/{self.environment}/dataExplorations{path}"
        headers = {"Authorization": f"Bearer {self.tokens.current()}"}
        return requests.request(method, url, headers=headers, timeout=60, **given)

    def create(self, body: object = REPORT) -> requests.Response:
        return self.call("POST", json=body)

    def read(self, exploration_id: str) -> requests.Response:
        return self.call("GET", f"/{exploration_id}")

    def ready(self, body: object = REPORT) -> dict[str, Any]:
        """Create a report, let it be generated, read it, and let the next call be due."""
        exploration_id = self.create(body).json()["id"]
        self.clock.now += 6
        answer = self.read(exploration_id)
        assert answer.status_code == 200, answer.text
        self.clock.now += 5
        return dict(answer.json())


@pytest.fixture
def client(simulator: PingOneSimulator, tokens: AccessTokens, clock: ManualClock) -> Client:
    return Client(simulator, tokens, clock)


@pytest.fixture
def bucket(simulator: PingOneSimulator) -> FakeBucket:
    return cast("FakeBucket", simulator.bucket)


def unzipped(archive: bytes, password: str) -> tuple[str, bytes]:
    with pyzipper.AESZipFile(io.BytesIO(archive)) as opened:
        (name,) = opened.namelist()
        return name, opened.read(name, pwd=password.encode())


class TestCalls:
    def test_a_ready_exploration_is_the_sample_of_the_documentation(self, client: Client) -> None:
        body, sample = client.ready(), json.dumps(polling_answer())
        for documented, own in (
            ("https://api.pingone.eu/v1", client.simulator.api_url),
            (polling_answer()["id"], body["id"]),
        ):
            sample = sample.replace(documented, own)
        names = ("zipPassword", "csvPresignedUrl", "jsonPresignedUrl")
        secrets = {name: body[name] for name in names}
        assert all(secrets.values())
        assert body == json.loads(sample) | secrets

    def test_another_environments_exploration_is_unknown(self, client: Client) -> None:
        other = replace(client, environment=str(uuid4()))
        assert other.read(client.create().json()["id"]).status_code == 404

    def test_explorations_with_the_same_settings_get_the_same_files_for_two_hours(
        self, client: Client
    ) -> None:
        first = client.ready()
        for change in ({"filter": "other"}, {"fields": [{"name": "userId"}]}):
            assert client.ready(REPORT | change)["zipPassword"] != first["zipPassword"]
        client.clock.now = 7000
        client.tokens.renew()
        second = client.ready()
        assert second["zipPassword"] == first["zipPassword"]
        assert second["csvPresignedUrl"].startswith(first["csvPresignedUrl"].partition("?")[0])
        client.clock.now = 7206
        assert client.ready()["zipPassword"] != first["zipPassword"]

    def test_an_environment_is_called_once_in_five_seconds_and_a_licence_600_times_a_minute(
        self, clock: ManualClock
    ) -> None:
        limits, one, other = RateLimits(clock), str(uuid4()), str(uuid4())
        assert limits.admit(one) is limits.admit(other) is None
        clock.now = 1.5
        assert limits.admit(one) == 4
        clock.now = 5
        assert limits.admit(one) is None
        assert {limits.admit(str(uuid4())) for _ in range(597)} == {None}
        clock.now = 20
        assert limits.admit(str(uuid4())) == 40
        clock.now = 60
        assert limits.admit(str(uuid4())) is None


class TestFiles:
    @pytest.mark.parametrize(
        "scenario",
        [
            Scenario(),
            Scenario(encryption="aes128", ae_version=1),
            Scenario(encryption="zipcrypto", data_descriptor=True),
            Scenario(encryption=None, compression="stored", zip64=True),
        ],
    )
    def test_both_files_hold_the_requested_fields_of_the_same_records(
        self, client: Client, bucket: FakeBucket, scenario: Scenario
    ) -> None:
        fields = ("deviceId", "username", "somethingNew")
        client.simulator.set_scenario(client.environment, replace(scenario, fields=fields, rows=20))
        body = client.ready(REPORT | {"fields": [{"name": name} for name in fields]})
        csv_key, csv_zip = bucket.object_of(body["csvPresignedUrl"])
        json_key, json_zip = bucket.object_of(body["jsonPresignedUrl"])
        csv_name, csv_file = unzipped(csv_zip, body["zipPassword"])
        json_name, json_file = unzipped(json_zip, body["zipPassword"])

        assert (csv_key, json_key) == (f"{csv_name}.zip", f"{json_name}.zip")
        records = json.loads(json_file)
        assert len(records) == 20
        assert list(records[0]) == list(fields)
        assert list(csv.DictReader(io.StringIO(csv_file.decode(), newline=""))) == records

    def test_small_reports_are_as_awkward_to_read_as_large_ones(self) -> None:
        text = "".join(DevicesReport(10).csv_blocks())
        for awkward in ('"O\'Brien, Seán"', 'Ada ""the Countess""', '"Zoë\nMüller"', "山田太郎"):
            assert awkward in text


class TestFaults:
    def test_an_error_repeats_the_token(self, client: Client) -> None:
        play(client.simulator, Fault("create", EchoCredentials(400)))
        assert client.tokens.current() in client.create().json()["message"]

    @pytest.mark.parametrize(
        ("fault", "status"), [(DropConnection(), "IN_PROGRESS"), (LoseAnswer(), "SUCCESS")]
    )
    def test_a_lost_call_has_made_the_files_of_the_next_one_and_a_dropped_one_has_not(
        self, client: Client, fault: DropConnection | LoseAnswer, status: str
    ) -> None:
        play(client.simulator, Fault("create", fault))
        with pytest.raises(requests.ConnectionError):
            client.create()
        client.clock.now += 6
        exploration_id = client.create().json()["id"]
        client.clock.now += 5
        assert client.read(exploration_id).json()["status"] == status


class TestWhatTestsCanSee:
    def test_every_secret_that_was_given_out_is_recorded(self, client: Client) -> None:
        body, simulator = client.ready(), client.simulator
        secrets = {secret.value for secret in simulator.issued_secrets}
        assert secrets == {
            simulator.client_secret,
            client.tokens.current(),
            body["zipPassword"],
            body["csvPresignedUrl"].partition("X-Amz-Signature=")[2],
            body["jsonPresignedUrl"].partition("X-Amz-Signature=")[2],
        }
        assert not any(secret in repr(simulator.requests) for secret in secrets)

    def test_the_seconds_of_a_scaled_clock_pass_faster_and_its_instants_are_true(self) -> None:
        clock = ScaledClock(0.01)
        began = clock.seconds()
        time.sleep(0.03)
        assert clock.seconds() - began >= 3
        assert clock.instant(100) - clock.instant(0) == timedelta(seconds=1)
