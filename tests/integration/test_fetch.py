"""The fetch, from real presigned links to a real bucket."""

import gzip
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from threading import Event, Lock
from typing import Any

import boto3
import pytest
from botocore.config import Config as BotoConfig

from local.cloud import ACCOUNT_ID, REGION, LocalCloud
from local.memory_calendar import MemoryCalendar
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.pingone_simulator.zip_damage import Damage, flipped_bit
from local.stack import ENVIRONMENT_ID, create_table, simulated_pingone
from local.waiting import wait_until
from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.series import Series, _key
from pingone_reports.aws.table import Table
from pingone_reports.aws.tombstones import Tombstones
from pingone_reports.errors import CorruptZip, DownloadInterrupted, ExportError, QualityGateFailed
from pingone_reports.model.export import Export
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.report_file import Compression, Format
from pingone_reports.model.request import ExportRequest
from pingone_reports.model.status import Status
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import AccessTokens
from pingone_reports.pingone.link_hosts import LinkHosts
from pingone_reports.pingone.sessions import new_session
from pingone_reports.pingone.turns import Turns
from pingone_reports.steps.discard import DiscardReport
from pingone_reports.steps.fetch import FetchReport
from pingone_reports.transfer.pseudonyms import Pseudonyms
from pingone_reports.transfer.transfer import Transfer
from pingone_reports.zips.encrypted_zip import Piece
from tests.support.asking import authentication_of, export_of
from tests.support.tokens import KEY, request_for

# Several parts for each format.
_SCENARIO = Scenario(rows=150_000, generation_seconds=0)
_PSEUDONYMS = Pseudonyms(["phone", "username"], KEY)
_REQUEST = {
    "environmentId": ENVIRONMENT_ID,
    "reportName": "devices",
    "fields": [],
    "filter": "",
    "formats": ["csv", "json"],
    "correlationId": "fetch",
}


@pytest.fixture(scope="module")
def cloud(worker_id: str) -> Iterator[LocalCloud]:
    with LocalCloud(log_name=f"test-fetch-{worker_id}") as cloud:
        cloud.client("s3").create_bucket(Bucket="reports")
        create_table(cloud, "coordination")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("REQUESTS_CA_BUNDLE", str(cloud.ca_bundle))
            yield cloud


@pytest.fixture(scope="module")
def simulator(cloud: LocalCloud) -> Iterator[PingOneSimulator]:
    with simulated_pingone(cloud, _SCENARIO, rate_limits=False) as simulator:
        yield simulator


@pytest.mark.parametrize("chunks", [0, 1, 40])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_fetch_without_time_left_stops_early_and_leaves_nothing(
    cloud: LocalCloud, simulator: PingOneSimulator, compression: str, chunks: int
) -> None:
    # Each look at the clock costs a second.
    clock = itertools.count(chunks, -1)

    with _pingone(simulator) as pingone:
        export = _accepted(pingone)

    with pytest.raises(DownloadInterrupted, match="time"):
        _fetch(cloud, simulator, compression, lambda: next(clock), export)

    assert _Overlap(cloud, simulator, [export]).left() == {}


def test_gzip_lands_the_same_content_in_less(
    cloud: LocalCloud, simulator: PingOneSimulator
) -> None:
    plain, packed = (
        {file["format"]: file for file in _fetch(cloud, simulator, name, lambda: 900)["files"]}
        for name in ("none", "gzip")
    )

    for name in ("csv", "json"):
        assert packed[name]["key"].endswith(f"/devices.{name}.gz")
        landed = cloud.client("s3").get_object(Bucket="reports", Key=packed[name]["key"])
        body = landed["Body"].read()
        content = gzip.decompress(body)
        assert landed["ContentType"] == "application/gzip"
        assert packed[name]["bytes"] == len(body) < len(content) / 2
        assert packed[name]["sha256"] == hashlib.sha256(body).hexdigest()
        assert packed[name]["contentBytes"] == plain[name]["bytes"] == len(content)
        assert packed[name]["contentSha256"] == hashlib.sha256(content).hexdigest()
        assert packed[name]["contentSha256"] == plain[name]["sha256"]
        assert packed[name]["records"] == plain[name]["records"] == _SCENARIO.rows


def test_a_second_try_is_told_what_the_first_one_published(
    cloud: LocalCloud, simulator: PingOneSimulator
) -> None:
    with _pingone(simulator) as pingone:
        export = _accepted(pingone)
    first, again = (_fetch(cloud, simulator, "none", lambda: 900, export) for _ in range(2))

    assert again == first
    assert first["unchanged"] is False


class _Recorder:
    """Keeps what a try sends to S3 and DynamoDB."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def pass_through(self, params: dict[str, Any], **_call: Any) -> None:
        """What botocore calls before each call."""
        body = params["body"]
        self.bodies.append(body.encode() if isinstance(body, str) else bytes(body))


@pytest.mark.parametrize(
    ("compression", "damage"), [("none", None), ("none", flipped_bit), ("gzip", None)]
)
def test_no_value_that_becomes_a_token_is_ever_sent(
    cloud: LocalCloud, simulator: PingOneSimulator, compression: str, damage: Damage | None
) -> None:
    raw = [block.encode() for block in DevicesReport(_SCENARIO.rows, DEFAULT_FIELDS).csv_blocks()]
    request = request_for(environment=ENVIRONMENT_ID)
    stream = _PSEUDONYMS.of(request).in_file(Format.CSV)
    wanted = b"".join(stream.replaced(Piece(b"", block) for block in raw))
    recorder = _Recorder()
    scenario = replace(_SCENARIO, damage=damage, columns=DEFAULT_FIELDS)
    simulator.set_scenario(ENVIRONMENT_ID, scenario)

    try:
        landed = _fetch(
            cloud, simulator, compression, lambda: 900, gate=recorder, pseudonyms=_PSEUDONYMS
        )
    except CorruptZip:
        assert damage
        landed = {"files": []}
    finally:
        simulator.set_scenario(ENVIRONMENT_ID, _SCENARIO)

    # Several parts of 8 MiB, also before the damage.
    assert sum(len(body) > 5_000_000 for body in recorder.bodies) >= (2 if not damage else 1)
    for body in recorder.bodies:
        assert b"+1.555" not in body
        assert "山田太郎".encode() not in body
    for file in landed["files"]:
        body = cloud.client("s3").get_object(Bucket="reports", Key=file["key"])["Body"].read()
        assert hashlib.sha256(body).hexdigest() == file["sha256"]
        content = gzip.decompress(body) if compression == "gzip" else body
        assert hashlib.sha256(content).hexdigest() == file["contentSha256"]
        assert len(content) == file["contentBytes"]
        assert file["records"] == _SCENARIO.rows
        if file["format"] == "csv":
            assert content == wanted
        assert (len(body) < len(content)) == (compression == "gzip")


_UNKNOWN = (*DEFAULT_FIELDS, "phoneNumber", "mobilePhone", "deviceName", "deviceType")
# What the simulator gives for fields that it does not know either.
_CANARIES = (b"phoneNumber 1", b"mobilePhone 1", b"iPhone 16", b"+1.555", b"canary")


@pytest.mark.parametrize("end", ["complete", "kept back", "failing"])
def test_no_value_of_an_unknown_field_and_no_filter_is_ever_sent(
    cloud: LocalCloud, simulator: PingOneSimulator, end: str
) -> None:
    recorder = _Recorder()
    few = replace(_SCENARIO, rows=3000, columns=_UNKNOWN)
    scenario, failure = {
        "complete": (few, None),
        "kept back": (replace(few, json_rows=2990), QualityGateFailed),
        "failing": (replace(few, damage=flipped_bit), CorruptZip),
    }[end]
    simulator.set_scenario(ENVIRONMENT_ID, scenario)
    try:
        with _pingone(simulator) as pingone:
            export = _accepted(pingone)
        filter_ = f'username eq "canary {export.exploration_id}"'
        export = replace(export, request=replace(export.request, filter=filter_))
        with pytest.raises(failure) if failure else nullcontext():
            landed = _fetch(cloud, simulator, "none", lambda: 900, export, recorder, _PSEUDONYMS)
    finally:
        simulator.set_scenario(ENVIRONMENT_ID, _SCENARIO)

    assert recorder.bodies
    for body in recorder.bodies:
        assert [canary for canary in _CANARIES if canary in body] == []
    sent = b"".join(recorder.bodies)
    assert (b'"filter": "filter on username: ' in sent) == (end != "failing")
    if end == "complete":
        assert landed["pseudonymized"]["fields"] == sorted(
            {*_UNKNOWN} - {"deviceStatus", "deviceId", "deviceType"}
        )
        rows = [
            cloud.client("s3").get_object(Bucket="reports", Key=file["key"])["Body"].read()
            for file in landed["files"]
        ]
        assert all(b"ACTIVE" in text and b"SMS" in text for text in rows)


class _Killed(BaseException):
    """Raised where a try is cut off, as no error of AWS is: nothing is taken back after it."""


class _Cut:
    """Kills a try at one of its calls of S3 and DynamoDB, and lets no call after that through."""

    def __init__(self, at: Callable[[int, str, str], bool]) -> None:
        self._at = at
        self._calls, self._dead = 0, False

    def pass_through(self, model: Any, params: dict[str, Any], **_call: Any) -> None:
        """What botocore calls before each call; `at` gets its number, operation and path."""
        self._dead = self._dead or self._at(self._calls, model.name, params["url_path"])
        self._calls += 1
        if self._dead:
            raise _Killed


class _Gate:
    """Holds a try before one of its calls of S3 and DynamoDB, until it may go on."""

    def __init__(self, calls_before: int) -> None:
        self._calls_before = calls_before
        self._lock = Lock()
        self.reached, self.opened = Event(), Event()

    def pass_through(self, **_call: Any) -> None:
        """What botocore calls before each call; the threads of a try take turns."""
        with self._lock:
            self._calls_before -= 1
            if self._calls_before < 0:
                self.reached.set()
                assert self.opened.wait(60)


@dataclass
class _Overlap:
    """Tries of one export's fetch, while PingOne regenerates the report between them."""

    cloud: LocalCloud
    simulator: PingOneSimulator
    tries: Sequence[Export]
    results: list[dict[str, Any] | ExportError] = field(default_factory=list)

    @property
    def prefix(self) -> str:
        return ExportKeys.of(self.tries[0], "pingone").folder

    def run(self, number: int, gate: _Gate | None = None) -> None:
        """The whole try, which fails with an error of ours or not at all."""
        try:
            result: dict[str, Any] | ExportError = _fetch(
                self.cloud, self.simulator, "none", lambda: 900, self.tries[number], gate
            )
        except ExportError as error:
            result = error
        finally:
            if gate:
                gate.reached.set()
        self.results.append(result)

    def killed(self, number: int, at: Callable[[int, str, str], bool]) -> None:
        """The try, until it is cut off."""
        with pytest.raises(_Killed):
            _fetch(self.cloud, self.simulator, "none", lambda: 900, self.tries[number], _Cut(at))

    def held(self, number: int, calls_before: int) -> tuple[_Gate, Future[None]]:
        """The try, until it waits before a call or has ended."""
        gate = _Gate(calls_before)
        running = _TRIES.submit(self.run, number, gate)
        assert gate.reached.wait(60)
        return gate, running

    def discard(self, gate: _Gate | None = None) -> None:
        """What the state machine does when it has given the export up."""
        s3, dynamodb = (_client(self.cloud, service, gate) for service in ("s3", "dynamodb"))
        DiscardReport(
            bucket=Bucket(s3, "reports"),
            discarded=Tombstones(Table(dynamodb, "coordination")),
            key_prefix="pingone",
        ).run(self.tries[0])
        if gate:
            gate.reached.set()

    def is_published(self) -> bool:
        """Whether a reader finds the manifest now."""
        listed = self.cloud.client("s3").list_objects_v2(Bucket="reports", Prefix=self.prefix)
        keys = [item["Key"] for item in listed.get("Contents", [])]
        return f"{self.prefix}manifest.json" in keys

    def forget(self) -> None:
        """Begin anew with the same tries."""
        for key in self.left():
            self.cloud.client("s3").delete_object(Bucket="reports", Key=key)
        request = self.tries[0].request
        series = _key("series", request.report_name, request.environment_id)
        for item in (f"discarded#{self.tries[0].execution.arn}", series):
            self.cloud.client("dynamodb").delete_item(
                TableName="coordination", Key={"id": {"S": item}}
            )
        self.results.clear()

    def left(self, prefix: str = "") -> dict[str, bytes]:
        """The names and contents of what a reader sees, in the end."""
        s3, prefix = self.cloud.client("s3"), prefix or self.prefix
        listed = s3.list_objects_v2(Bucket="reports", Prefix=prefix).get("Contents", [])
        uploads = s3.list_multipart_uploads(Bucket="reports", Prefix=prefix)
        assert uploads.get("Uploads", []) == []
        return {
            item["Key"]: s3.get_object(Bucket="reports", Key=item["Key"])["Body"].read()
            for item in listed
        }

    def assert_manifest_is_true(self) -> dict[str, Any]:
        """What is published is what the one manifest says, and what a try says of it."""
        left = self.left()
        manifest = json.loads(left.pop(f"{self.prefix}manifest.json"))
        assert {file["key"]: file["sha256"] for file in manifest["files"]} == {
            key: hashlib.sha256(body).hexdigest() for key, body in left.items()
        }
        for result in self.results:
            assert isinstance(result, ExportError) or result.items() >= manifest.items()
        return dict(manifest)


_TRIES = ThreadPoolExecutor(2)
# Of a whole try.
_CALLS = 15


@pytest.fixture
def overlap(cloud: LocalCloud, simulator: PingOneSimulator) -> _Overlap:
    exports = []
    with _pingone(simulator) as pingone:
        for seed in range(2):
            scenario = Scenario(rows=3 + seed, generation_seconds=0, seed=seed)
            simulator.set_scenario(ENVIRONMENT_ID, scenario)
            exports.append(_accepted(pingone))
    simulator.set_scenario(ENVIRONMENT_ID, _SCENARIO)
    first, second = exports
    return _Overlap(cloud, simulator, [first, replace(first, exploration_id=second.exploration_id)])


@pytest.fixture
def doubtful(cloud: LocalCloud, simulator: PingOneSimulator) -> _Overlap:
    """A report without records, which the quality gate keeps back."""
    simulator.set_scenario(ENVIRONMENT_ID, Scenario(rows=0, generation_seconds=0))
    with _pingone(simulator) as pingone:
        export = _accepted(pingone)
    simulator.set_scenario(ENVIRONMENT_ID, _SCENARIO)
    # Only a filter may leave no record.
    return _Overlap(cloud, simulator, [replace(export, request=replace(export.request, filter=""))])


def test_a_try_makes_as_many_calls_as_are_held_below(overlap: _Overlap) -> None:
    _, running = overlap.held(0, _CALLS)
    running.result()
    overlap.forget()
    gate, running = overlap.held(0, _CALLS - 1)
    assert not running.done()
    gate.opened.set()
    running.result()


@pytest.mark.parametrize("held_before", range(_CALLS))
def test_a_manifest_is_true_when_a_held_try_goes_on_after_the_next_one(
    overlap: _Overlap, held_before: int, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, running = overlap.held(0, held_before)
    overlap.run(1)
    gate.opened.set()
    running.result()

    overlap.assert_manifest_is_true()
    [second] = [result for result in overlap.results if not isinstance(result, ExportError)][-1:]
    assert second
    assert capsys.readouterr().out.count('"ExportsCompleted":[1') == 1


@pytest.mark.parametrize("held_before", range(_CALLS))
def test_a_manifest_is_true_when_two_tries_hold_each_other_up(
    overlap: _Overlap, held_before: int
) -> None:
    for other in ((held_before + distance) % _CALLS for distance in (4, 9)):
        first_gate, first = overlap.held(0, held_before)
        second_gate, second = overlap.held(1, other)
        first_gate.opened.set()
        first.result()
        second_gate.opened.set()
        second.result()

        if all(isinstance(result, ExportError) for result in overlap.results):
            # Each has ended the other, and the state machine tries again.
            overlap.run(1)
        overlap.assert_manifest_is_true()
        overlap.forget()


# A try has asked for the manifest, begins its three uploads, and then looks for those of others.
@pytest.mark.parametrize("uploads", [1, 2, 3])
def test_a_try_that_finds_the_manifest_aborts_what_a_dead_one_has_begun(
    overlap: _Overlap, uploads: int
) -> None:
    # The first try has begun its uploads and looked for others.
    gate, running = overlap.held(0, _CALLS // 2)
    overlap.killed(1, lambda call, _operation, _path: call == 1 + uploads)
    gate.opened.set()
    running.result()
    assert overlap.is_published()

    overlap.run(1)

    overlap.assert_manifest_is_true()


@pytest.mark.parametrize("tries", [1, 3])
def test_nothing_stays_in_quarantine_without_its_document(doubtful: _Overlap, tries: int) -> None:
    quarantine = ExportKeys.of(doubtful.tries[0], "pingone").quarantine_folder
    for _ in range(tries):
        doubtful.killed(
            0,
            lambda _call, operation, path: (
                operation == "CompleteMultipartUpload" and path.endswith("/quarantine.json")
            ),
        )
    s3 = doubtful.cloud.client("s3")
    listed = s3.list_objects_v2(Bucket="reports", Prefix=quarantine)
    assert [item["Key"] for item in listed["Contents"]] == [
        f"{quarantine}devices.csv", f"{quarantine}devices.json"
    ]  # fmt: skip

    doubtful.discard()

    assert doubtful.left(quarantine) == doubtful.left() == {}


def test_what_is_in_quarantine_with_its_document_stays(doubtful: _Overlap) -> None:
    quarantine = ExportKeys.of(doubtful.tries[0], "pingone").quarantine_folder
    doubtful.run(0)

    doubtful.discard()

    assert [key.removeprefix(quarantine) for key in doubtful.left(quarantine)] == [
        "devices.csv", "devices.json", "quarantine.json"
    ]  # fmt: skip


@pytest.mark.parametrize("held_before", range(_CALLS))
def test_nothing_is_published_after_discard_report(overlap: _Overlap, held_before: int) -> None:
    gate, running = overlap.held(0, held_before)
    overlap.discard()
    published = overlap.is_published()
    gate.opened.set()
    running.result()

    if published:
        overlap.assert_manifest_is_true()
    else:
        assert overlap.left() == {}
        assert isinstance(overlap.results[0], ExportError)


@pytest.mark.parametrize("held_before", range(_CALLS))
def test_a_manifest_is_true_when_a_try_goes_on_while_discard_report_is_held(
    overlap: _Overlap, held_before: int
) -> None:
    # Before: a list of uploads, what it aborts, the list of keys, what it deletes.
    for calls in range(1, 8, 2):
        gate, running = overlap.held(0, held_before)
        discard_gate = _Gate(calls)
        discarding = _TRIES.submit(overlap.discard, discard_gate)
        assert discard_gate.reached.wait(60)
        gate.opened.set()
        running.result()
        discard_gate.opened.set()
        discarding.result()

        if overlap.is_published():
            overlap.assert_manifest_is_true()
        else:
            assert overlap.left() == {}
        overlap.forget()


@contextmanager
def _pingone(simulator: PingOneSimulator) -> Iterator[PingOne]:
    with new_session() as session:
        tokens = AccessTokens(
            session, simulator.token_url(ENVIRONMENT_ID), lambda: authentication_of(simulator)
        )
        yield PingOne(session, simulator.api_url, tokens)


def _accepted(pingone: PingOne) -> Export:
    """A report that is ready; there is no other export of it."""
    created = pingone.create_exploration(ExportRequest.parse(_REQUEST, {}))
    export = export_of(created.id)
    wait_until(lambda: pingone.read_exploration(export).status is Status.SUCCESS)
    return replace(
        export,
        execution=replace(export.execution, arn=f"arn:{created.id}", name=created.id),
        request=replace(export.request, fields=(), filter=created.id),
    )


def _fetch(
    cloud: LocalCloud,
    simulator: PingOneSimulator,
    compression: str,
    seconds_left: Callable[[], float],
    export: Export | None = None,
    gate: "_Gate | _Cut | _Recorder | None" = None,
    pseudonyms: Pseudonyms | None = None,
) -> dict[str, Any]:
    """Fetch a report of the simulator into the bucket, through a gate."""
    s3, dynamodb = (_client(cloud, service, gate) for service in ("s3", "dynamodb"))
    table = Table(dynamodb, "coordination")
    with new_session() as session, _pingone(simulator) as pingone:
        fetch = FetchReport(
            pingone=pingone,
            turns=Turns(MemoryCalendar()),
            link_hosts=LinkHosts([simulator.link_host]),
            transfer=Transfer(
                session=session,
                compression=Compression(compression),
                max_bytes=10**9,
                seconds_left=seconds_left,
            ),
            pseudonyms=pseudonyms,
            bucket=Bucket(s3, "reports"),
            key_prefix="pingone",
            region=None,
            series=Series(table),
            discarded=Tombstones(table),
            max_record_drop_percent=50,
            seconds_left=seconds_left,
        )
        return dict(fetch.run(export or _accepted(pingone), None)["completed"])


def _client(cloud: LocalCloud, service: str, gate: "_Gate | _Cut | _Recorder | None" = None) -> Any:
    """The cloud's, or one whose calls go through a gate."""
    if not gate:
        return cloud.client(service)
    client = boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        aws_access_key_id=ACCOUNT_ID,
        aws_secret_access_key="local",
        verify=str(cloud.ca_bundle),
        config=BotoConfig(s3={"addressing_style": "path"}),
    )
    client.meta.events.register("before-call.*.*", gate.pass_through)
    return client
