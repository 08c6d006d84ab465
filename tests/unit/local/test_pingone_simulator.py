"""The simulator does what PingOne's documentation says, and fails in the ways it is told to."""

import csv
import io
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import pyzipper
import requests
import time_machine

from local.pingone_simulator import (
    Answer,
    ChangeBody,
    DropConnection,
    EchoCredentials,
    Fault,
    Hang,
    LinkLifetime,
    LoseAnswer,
    PingOneSimulator,
    Scenario,
)
from local.pingone_simulator.clock import ScaledClock
from local.pingone_simulator.rate_limits import RateLimits
from local.pingone_simulator.report_data import ALL_FIELDS, DEFAULT_FIELDS, DevicesReport, JsonShape
from local.waiting import wait_until
from tests.support.simulator import FakeBucket, ManualClock

TEMPLATE = {"id": "db632bfd-7054-4bde-b108-a384aac2d513"}
FILTER = '(mfaEnabled eq "true")'
REPORT = {
    "dataExplorationTemplate": TEMPLATE,
    "fields": [{"name": name} for name in DEFAULT_FIELDS],
    "filter": FILTER,
    "deliverAs": "ASYNC_FILE",
}


class Client:
    """One export's calls: a token, then dataExplorations of one environment."""

    def __init__(self, simulator: PingOneSimulator) -> None:
        self.simulator = simulator
        self.environment = str(uuid4())
        self.url = f"{simulator.api_url}/environments/{self.environment}/dataExplorations"
        self.headers: dict[str, str] = {}

    def play(self, scenario: Scenario) -> None:
        """Of small reports, to be quick."""
        self.simulator.set_scenario(self.environment, replace(scenario, rows=20))

    def ask_token(self, **form: str) -> requests.Response:
        credentials = (self.simulator.client_id, self.simulator.client_secret)
        return requests.post(
            self.simulator.token_url(self.environment),
            auth=credentials,
            data={"grant_type": "client_credentials"} | form,
            timeout=60,
        )

    def authorize(self) -> None:
        self.headers["Authorization"] = f"Bearer {self.ask_token().json()['access_token']}"

    def create(self, body: object = REPORT, *, timeout: float = 60) -> requests.Response:
        return requests.post(self.url, json=body, headers=self.headers, timeout=timeout)

    def read(self, exploration_id: str) -> requests.Response:
        return requests.get(f"{self.url}/{exploration_id}", headers=self.headers, timeout=60)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bucket() -> FakeBucket:
    return FakeBucket()


@pytest.fixture
def simulator(bucket: FakeBucket, clock: ManualClock) -> Iterator[PingOneSimulator]:
    with PingOneSimulator(
        bucket, default_scenario=Scenario(rows=20), clock=clock
    ) as running_simulator:
        yield running_simulator


@pytest.fixture
def client(simulator: PingOneSimulator) -> Client:
    client = Client(simulator)
    client.authorize()
    return client


def ready_report(client: Client, clock: ManualClock, body: object = REPORT) -> dict[str, Any]:
    """Creates a report, lets it be generated and reads it."""
    exploration_id = client.create(body).json()["id"]
    clock.now += 6
    answer = client.read(exploration_id)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def unzipped(archive: bytes, password: str) -> tuple[str, bytes]:
    with pyzipper.AESZipFile(io.BytesIO(archive)) as opened:
        (name,) = opened.namelist()
        return name, opened.read(name, pwd=password.encode())


class TestTokens:
    def test_basic_authentication_buys_a_token_for_an_hour(self, client: Client) -> None:
        answer = client.ask_token()
        assert answer.status_code == 200
        assert list(answer.json()) == ["access_token", "token_type", "expires_in"]
        assert answer.json()["token_type"] == "Bearer"
        assert answer.json()["expires_in"] == 3600

    @pytest.mark.parametrize("path", ["/{environment}/as/token", "/as/token"])
    def test_credentials_in_the_form_buy_a_token(self, client: Client, path: str) -> None:
        simulator = client.simulator
        answer = requests.post(
            simulator.auth_url + path.format(environment=client.environment),
            data={
                "grant_type": "client_credentials",
                "client_id": simulator.client_id,
                "client_secret": simulator.client_secret,
            },
            timeout=60,
        )
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        assert client.create().status_code == 201

    def test_wrong_credentials_are_an_invalid_client(self, client: Client) -> None:
        answer = requests.post(
            client.simulator.token_url(client.environment),
            auth=(client.simulator.client_id, "wrong"),
            data={"grant_type": "client_credentials"},
            timeout=60,
        )
        assert answer.status_code == 401
        assert answer.json()["error"] == "invalid_client"

    def test_other_grants_are_refused(self, client: Client) -> None:
        answer = client.ask_token(grant_type="authorization_code")
        assert answer.status_code == 400
        assert answer.json()["error"] == "unsupported_grant_type"

    def test_a_rotated_secret_is_wrong_only_where_it_was_rotated(
        self, client: Client, simulator: PingOneSimulator
    ) -> None:
        simulator.rotate_client_secret(client.environment)
        assert client.ask_token().status_code == 401
        assert client.create().status_code == 201
        assert Client(simulator).ask_token().status_code == 200

    @pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic abc"])
    def test_calls_without_a_good_token_are_refused(
        self, client: Client, authorization: str | None
    ) -> None:
        client.headers = {"Authorization": authorization} if authorization else {}
        answer = client.create()
        assert answer.status_code == 401
        assert list(answer.json()) == ["id", "code", "message", "details"]
        assert answer.json()["code"] == "INVALID_TOKEN"

    def test_tokens_end_after_an_hour(self, client: Client, clock: ManualClock) -> None:
        clock.now += 3599
        assert client.create().status_code == 201
        clock.now += 6
        assert client.create().status_code == 401

    def test_tokens_can_be_revoked(self, client: Client, simulator: PingOneSimulator) -> None:
        other = Client(simulator)
        other.authorize()
        simulator.revoke_tokens(client.environment)
        assert client.create().status_code == 401
        assert other.create().status_code == 201
        client.authorize()
        assert client.create().status_code == 201


class TestExplorations:
    def test_a_created_exploration_is_in_progress_and_has_no_links(self, client: Client) -> None:
        answer = client.create()
        assert answer.status_code == 201
        body = answer.json()
        assert body["status"] == "IN_PROGRESS"
        assert not {"zipPassword", "csvPresignedUrl", "jsonPresignedUrl"} & set(body)

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_an_exploration_is_in_progress_until_it_is_generated(
        self, client: Client, clock: ManualClock, slash: str
    ) -> None:
        exploration_id = client.create().json()["id"]
        clock.now = 5.5
        body = client.read(exploration_id + slash).json()
        assert body["status"] == "IN_PROGRESS"
        assert body["updatedAt"] == body["createdAt"]
        clock.now = 10.5
        assert client.read(exploration_id + slash).json()["status"] == "SUCCESS"

    def test_a_ready_exploration_is_the_sample_of_the_documentation(
        self, client: Client, clock: ManualClock
    ) -> None:
        body = ready_report(client, clock)
        environment = f"{client.simulator.api_url}/environments/{client.environment}"
        assert list(body) == [
            "_links", "id", "environment", "createdAt", "updatedAt", "expiresAt", "fields",
            "filter", "orderBy", "status", "deliverAs", "zipPassword", "csvPresignedUrl",
            "jsonPresignedUrl", "sync", "dataExplorationTemplate",
        ]  # fmt: skip
        links = ("zipPassword", "csvPresignedUrl", "jsonPresignedUrl")
        assert all(body.pop(name) for name in links)
        assert body == {
            "_links": {
                "self": {"href": f"{environment}/dataExplorations/{body['id']}"},
                "environment": {"href": environment},
                "dataExplorationTemplate": {
                    "href": f"{environment}/dataExplorationTemplates/{TEMPLATE['id']}"
                },
            },
            "id": body["id"],
            "environment": {"id": client.environment},
            "createdAt": "2023-10-16T11:51:26.000Z",
            "updatedAt": "2023-10-16T11:51:31.600Z",
            "expiresAt": "2023-10-16T12:21:26.000Z",
            "fields": REPORT["fields"],
            "filter": FILTER,
            "orderBy": [],
            "status": "SUCCESS",
            "deliverAs": "ASYNC_FILE",
            "sync": False,
            "dataExplorationTemplate": TEMPLATE | {"name": "Devices report"},
        }

    def test_a_misspelt_field_is_refused_by_its_place(self, client: Client) -> None:
        fields = [{"name": "userId"}, {"name": "devicestatus"}]
        answer = client.create(REPORT | {"fields": fields})
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_DATA")
        assert answer.json()["details"] == [
            {
                "code": "INVALID_VALUE",
                "target": "fields[1].name",
                "message": "fields[1].name is no field: devicestatus",
                "innerError": {"allowedValues": list(ALL_FIELDS)},
            }
        ]

    def test_only_the_template_is_required(self, client: Client, clock: ManualClock) -> None:
        body = ready_report(client, clock, {"dataExplorationTemplate": TEMPLATE})
        assert body["deliverAs"] == "ENTRIES"
        assert body["status"] == "SUCCESS"
        assert [field["name"] for field in body["fields"]] == list(ALL_FIELDS)
        assert "filter" not in body
        assert "csvPresignedUrl" not in body

    @pytest.mark.parametrize(
        ("change", "target"),
        [
            ({"dataExplorationTemplate": {"id": str(uuid4())}}, "dataExplorationTemplate.id"),
            ({"dataExplorationTemplate": None}, "dataExplorationTemplate.id"),
            ({"fields": ["userId"]}, "fields"),
            ({"fields": "userId"}, "fields"),
            ({"filter": 1}, "filter"),
            ({"deliverAs": "EMAIL"}, "deliverAs"),
        ],
    )
    def test_a_wrong_request_is_invalid_data(
        self, client: Client, change: dict[str, object], target: str
    ) -> None:
        answer = client.create(REPORT | change)
        assert answer.status_code == 400
        assert answer.json()["code"] == "INVALID_DATA"
        (detail,) = answer.json()["details"]
        assert set(detail) == {"code", "target", "message"}
        assert detail["target"] == target

    def test_a_body_that_is_no_json_is_refused(self, client: Client) -> None:
        answer = requests.post(client.url, data="{}", headers=client.headers, timeout=60)
        assert answer.status_code == 415

    def test_every_read_gives_fresh_links_of_the_same_files(
        self, client: Client, clock: ManualClock
    ) -> None:
        first = ready_report(client, clock)
        clock.now += 5
        second = client.read(first["id"]).json()
        assert first["zipPassword"] == second["zipPassword"]
        for name in ("csvPresignedUrl", "jsonPresignedUrl"):
            assert first[name] != second[name]
            assert first[name].partition("?")[0] == second[name].partition("?")[0]
            assert "X-Amz-Expires=300" in second[name]

    def test_an_exploration_is_gone_after_half_an_hour(
        self, client: Client, clock: ManualClock
    ) -> None:
        exploration_id = client.create().json()["id"]
        clock.now = 1799
        assert client.read(exploration_id).status_code == 200
        clock.now = 1805
        answer = client.read(exploration_id)
        assert answer.status_code == 404
        assert answer.json()["code"] == "NOT_FOUND"

    def test_another_environments_exploration_is_unknown(
        self, client: Client, simulator: PingOneSimulator
    ) -> None:
        other = Client(simulator)
        other.headers = client.headers
        assert other.read(client.create().json()["id"]).status_code == 404

    def test_an_environment_id_is_a_uuid(self, client: Client) -> None:
        client.url = client.url.replace(client.environment, "nowhere")
        assert client.create().status_code == 404

    def test_paths_and_methods_unknown_to_pingone_get_its_error_body(self, client: Client) -> None:
        assert requests.get(client.simulator.api_url, timeout=60).json()["code"] == "NOT_FOUND"
        answer = requests.delete(client.url, headers=client.headers, timeout=60)
        assert answer.status_code == 405
        assert answer.json()["code"] == "METHOD_NOT_ALLOWED"


class TestCache:
    def test_explorations_with_the_same_settings_get_the_same_files_at_once(
        self, client: Client, clock: ManualClock
    ) -> None:
        first = ready_report(client, clock)
        clock.now = 7000
        client.authorize()
        exploration_id = client.create().json()["id"]
        assert exploration_id != first["id"]
        clock.now += 5
        second = client.read(exploration_id).json()
        assert second["zipPassword"] == first["zipPassword"]
        assert second["csvPresignedUrl"].startswith(first["csvPresignedUrl"].partition("?")[0])

    @pytest.mark.parametrize("change", [{"filter": "other"}, {"fields": [{"name": "userId"}]}])
    def test_explorations_with_other_settings_get_files_of_their_own(
        self, client: Client, clock: ManualClock, change: dict[str, object]
    ) -> None:
        first = ready_report(client, clock)
        clock.now += 5
        second = ready_report(client, clock, REPORT | change)
        assert second["zipPassword"] != first["zipPassword"]

    def test_the_cache_lasts_two_hours(self, client: Client, clock: ManualClock) -> None:
        first = ready_report(client, clock)
        clock.now = 7206
        client.authorize()
        assert ready_report(client, clock)["zipPassword"] != first["zipPassword"]

    def test_a_new_scenario_starts_with_an_empty_cache(
        self, client: Client, clock: ManualClock
    ) -> None:
        first = ready_report(client, clock)
        client.play(Scenario())
        clock.now += 5
        assert ready_report(client, clock)["zipPassword"] != first["zipPassword"]


class TestRateLimits:
    def test_an_environment_is_called_once_in_five_seconds(
        self, client: Client, clock: ManualClock
    ) -> None:
        exploration_id = client.create().json()["id"]
        clock.now = 1.5
        refused = client.read(exploration_id)
        assert refused.status_code == 429
        assert refused.json()["code"] == "REQUEST_LIMITED"
        assert refused.headers["Retry-After"] == "4"
        clock.now = 5
        assert client.read(exploration_id).status_code == 200

    def test_environments_do_not_limit_each_other(
        self, client: Client, simulator: PingOneSimulator
    ) -> None:
        client.create()
        other = Client(simulator)
        other.authorize()
        assert other.create().status_code == 201

    def test_the_licence_is_limited_to_600_calls_a_minute(self, clock: ManualClock) -> None:
        limits = RateLimits(clock)
        assert {limits.admit(str(uuid4())) for _ in range(600)} == {None}
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
        self, client: Client, bucket: FakeBucket, clock: ManualClock, scenario: Scenario
    ) -> None:
        fields = ("deviceId", "username", "somethingNew")
        client.play(replace(scenario, fields=fields))
        body = ready_report(client, clock, REPORT | {"fields": [{"name": name} for name in fields]})
        csv_key, csv_zip = bucket.object_of(body["csvPresignedUrl"])
        json_key, json_zip = bucket.object_of(body["jsonPresignedUrl"])
        csv_name, csv_file = unzipped(csv_zip, body["zipPassword"])
        json_name, json_file = unzipped(json_zip, body["zipPassword"])

        assert csv_key.startswith(f"devices-report-{client.environment}-")
        assert csv_key == f"{csv_name}.zip"
        assert json_key == f"{json_name}.zip"
        assert csv_name.removesuffix(".csv") == json_name.removesuffix(".json")
        records = json.loads(json_file)
        assert len(records) == 20
        assert list(records[0]) == list(fields)
        assert list(csv.DictReader(io.StringIO(csv_file.decode(), newline=""))) == records


class TestReportData:
    @pytest.mark.parametrize("rows", [0, 1, 4097])
    @pytest.mark.parametrize("shape", ["array", "object", "lines"])
    def test_csv_and_json_are_the_same_records(self, rows: int, shape: JsonShape) -> None:
        report = DevicesReport(rows, seed=7)
        text = "".join(report.json_blocks(shape))
        if shape == "lines":
            records = [json.loads(line) for line in text.split("\n")[:-1]]
        else:
            records = json.loads(text)
            if shape == "object":
                records = records["entries"]

        parsed = csv.DictReader(io.StringIO("".join(report.csv_blocks()), newline=""))
        assert list(parsed) == records
        assert parsed.fieldnames == list(DEFAULT_FIELDS)
        assert len(records) == len({record["userId"] for record in records}) == rows

    def test_small_reports_are_as_awkward_to_read_as_large_ones(self) -> None:
        text = "".join(DevicesReport(10).csv_blocks())
        for awkward in ('"O\'Brien, Seán"', 'Ada ""the Countess""', '"Zoë\nMüller"', "山田太郎"):
            assert awkward in text


class TestFaults:
    @pytest.mark.parametrize(
        ("fault", "statuses"),
        [
            (Fault("create", Answer(500), times=2), [500, 500, 201]),
            (Fault("create", Answer(500), skip=1), [201, 500, 201]),
            (Fault("create", Answer(500), times=None, skip=1), [201, 500, 500]),
        ],
    )
    def test_a_fault_hits_the_calls_it_names(
        self, client: Client, clock: ManualClock, fault: Fault, statuses: list[int]
    ) -> None:
        client.play(Scenario(faults=(fault,)))
        for status in statuses:
            assert client.create().status_code == status
            clock.now += 5

    def test_calls_refused_by_the_rate_limit_are_not_counted(
        self, client: Client, clock: ManualClock
    ) -> None:
        client.play(Scenario(faults=(Fault("create", Answer(500), skip=1),)))
        assert [client.create().status_code for _ in range(2)] == [201, 429]
        clock.now += 5
        assert client.create().status_code == 500

    def test_only_reads_of_a_final_status_count_as_ready(
        self, client: Client, clock: ManualClock
    ) -> None:
        client.play(Scenario(faults=(Fault("read_ready", ChangeBody(omit=("status",))),)))
        exploration_id = client.create().json()["id"]
        clock.now = 5.1
        assert client.read(exploration_id).json()["status"] == "IN_PROGRESS"
        clock.now = 10.2
        assert "status" not in client.read(exploration_id).json()
        clock.now = 15.3
        assert client.read(exploration_id).json()["status"] == "SUCCESS"

    def test_an_error_repeats_the_token(self, client: Client) -> None:
        client.play(Scenario(faults=(Fault("create", EchoCredentials(400)),)))
        answer = client.create()
        assert answer.status_code == 400
        assert answer.request.headers["Authorization"] in answer.json()["message"]

    def test_links_arrive_with_another_lifetime(self, client: Client, clock: ManualClock) -> None:
        client.play(Scenario(link_seconds=60, faults=(Fault("read_ready", LinkLifetime(1)),)))
        body = ready_report(client, clock)
        assert "X-Amz-Expires=1&" in body["csvPresignedUrl"]
        clock.now += 5
        assert "X-Amz-Expires=60&" in client.read(body["id"]).json()["csvPresignedUrl"]

    def test_a_dropped_call_has_no_effect_and_a_lost_one_has(
        self, client: Client, clock: ManualClock, bucket: FakeBucket
    ) -> None:
        client.play(Scenario(faults=(Fault("create", DropConnection()),)))
        with pytest.raises(requests.ConnectionError):
            client.create()
        assert not bucket.objects

        client.play(Scenario(faults=(Fault("create", LoseAnswer()),)))
        clock.now += 5
        with pytest.raises(requests.ConnectionError):
            client.create()
        clock.now += 6
        ready_report(client, clock)
        assert len(bucket.objects) == 2, "the second exploration found the files of the first"

    def test_stopping_does_not_wait_for_what_hangs(
        self, bucket: FakeBucket, clock: ManualClock
    ) -> None:
        simulator = PingOneSimulator(bucket, clock=clock).start()
        client = Client(simulator)
        client.authorize()
        client.play(Scenario(faults=(Fault("create", Hang(3600)),)))
        call = threading.Thread(target=client.create)
        call.start()
        wait_until(lambda: len(simulator.requests) == 2)
        simulator.stop()
        call.join(timeout=300)
        assert not call.is_alive()

    def test_a_stopped_simulator_answers_nobody(
        self, bucket: FakeBucket, clock: ManualClock
    ) -> None:
        with PingOneSimulator(bucket, clock=clock) as simulator, requests.Session() as session:
            session.get(simulator.api_url, timeout=60)
            simulator.stop()
            with pytest.raises(requests.ConnectionError):
                session.get(simulator.api_url, timeout=60)


class TestWhatTestsCanSee:
    def test_requests_are_recorded_with_their_correlation_id(
        self, client: Client, clock: ManualClock
    ) -> None:
        client.headers["X-Ping-External-Transaction-Id"] = "order-66"
        clock.now = 2
        client.create()
        client.create()
        token, create, refused = client.simulator.requests_of(client.environment)
        assert (token.method, token.path) == ("POST", f"/{client.environment}/as/token")
        assert create.status == 201
        assert create.seconds == 2
        assert create.time == clock.instant(2)
        assert create.correlation_id == "order-66"
        assert refused.status == 429

    def test_every_secret_that_was_given_out_is_recorded(
        self, client: Client, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        body = ready_report(client, clock)
        secrets = {secret.value for secret in simulator.issued_secrets}
        assert secrets == {
            simulator.client_secret,
            client.headers["Authorization"].removeprefix("Bearer "),
            body["zipPassword"],
            body["csvPresignedUrl"].partition("X-Amz-Signature=")[2],
            body["jsonPresignedUrl"].partition("X-Amz-Signature=")[2],
        }
        recorded = repr(simulator.requests)
        assert not any(secret in recorded for secret in secrets)


class TestTimeScale:
    def test_api_seconds_pass_faster_and_instants_stay_true(self, bucket: FakeBucket) -> None:
        with PingOneSimulator(bucket, time_scale=0.01) as simulator:
            client = Client(simulator)
            client.authorize()
            body = client.create().json()
            while (answer := client.read(body["id"])).json().get("status") != "SUCCESS":
                assert answer.status_code in (200, 429)
            asked, ready = simulator.requests[1], simulator.requests[-1]
            assert ready.seconds - asked.seconds >= 5.6
            assert (ready.time - asked.time).total_seconds() == pytest.approx(
                (ready.seconds - asked.seconds) * 0.01, abs=1e-5
            )
            created, expires = (
                datetime.fromisoformat(body[name]) for name in ("createdAt", "expiresAt")
            )
            assert expires - created == timedelta(seconds=18)

    @time_machine.travel(datetime(2026, 3, 1, tzinfo=UTC), tick=False)
    def test_a_scaled_clock_begins_at_the_present(self) -> None:
        assert ScaledClock(0.1).instant(0) == datetime(2026, 3, 1, tzinfo=UTC)
