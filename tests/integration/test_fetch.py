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
from uuid import uuid4

import pytest

from local.cloud import LocalCloud
from local.memory_calendar import MemoryCalendar
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.pingone_simulator.zip_damage import flipped_bit
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
from tests.support.clients import client_of
from tests.support.metrics import embedded_metrics
from tests.support.tokens import KEY

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


@pytest.mark.parametrize("chunks", [0, 40])
@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_fetch_without_time_left_stops_early_and_leaves_nothing(
    cloud: LocalCloud, simulator: PingOneSimulator, compression: str, chunks: int
) -> None:
    # Each look at the clock costs a second.
    clock = itertools.count(chunks, -1)
    export = _accepted(simulator)

    with pytest.raises(DownloadInterrupted, match="time"):
        _fetch(cloud, simulator, export, compression, seconds_left=lambda: next(clock))

    assert _Overlap(cloud, simulator, [export]).left() == {}


def test_gzip_lands_the_same_content_in_less(
    cloud: LocalCloud, simulator: PingOneSimulator
) -> None:
    plain, packed = (
        {
            file["format"]: file
            for file in _fetch(cloud, simulator, _accepted(simulator), name)["files"]
        }
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


def test_a_second_try_is_told_what_the_first_one_published_and_measured(
    cloud: LocalCloud, simulator: PingOneSimulator, capsys: pytest.CaptureFixture[str]
) -> None:
    export = _accepted(simulator, replace(_SCENARIO, rows=20))
    first, again = (_fetch(cloud, simulator, export) for _ in range(2))

    assert again == first
    assert first["unchanged"] is False
    lines = capsys.readouterr().out.splitlines()
    points = [point for line in lines for _, point in embedded_metrics(line)]
    measured = sorted((point.name, point.value) for point in points)
    [took] = [value for name, value in measured if name == "SecondsFetching"]
    assert measured == [
        ("Bytes", sum(file["bytes"] for file in first["files"])),
        ("ExportsCompleted", 1),
        ("Records", 20),
        ("SecondsFetching", took),
    ]


class _Recorder:
    """Keeps what a try sends to S3 and DynamoDB."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def pass_through(self, params: dict[str, Any], **_call: Any) -> None:
        """What botocore calls before each call."""
        body = params["body"]
        self.bodies.append(body.encode() if isinstance(body, str) else bytes(body))


_UNKNOWN = (*DEFAULT_FIELDS, "phoneNumber", "mobilePhone", "deviceName", "deviceType")
# What the simulator gives for fields that are named to be tokens, and for those of no known kind.
_CANARIES = (
    *(b"+1.555", "山田太郎".encode()),
    *(b"phoneNumber 1", b"mobilePhone 1", b"iPhone 16", b"canary"),
)


@pytest.mark.parametrize(
    ("scenario", "failure", "compression"),
    [
        pytest.param(_SCENARIO, None, "none", id="several parts"),
        pytest.param(_SCENARIO, None, "gzip", id="gzip"),
        pytest.param(replace(_SCENARIO, damage=flipped_bit), CorruptZip, "none", id="damaged"),
        pytest.param(replace(_SCENARIO, json_rows=9), QualityGateFailed, "none", id="kept back"),
    ],
)
def test_no_value_that_becomes_a_token_and_no_filter_is_ever_sent(
    cloud: LocalCloud,
    simulator: PingOneSimulator,
    scenario: Scenario,
    failure: type[ExportError] | None,
    compression: str,
) -> None:
    recorder, export = _Recorder(), _accepted(simulator, replace(scenario, columns=_UNKNOWN))
    filter_ = f'username eq "canary {export.exploration_id}"'
    export = replace(export, request=replace(export.request, filter=filter_))
    landed: dict[str, Any] = {"files": []}

    with pytest.raises(failure) if failure else nullcontext():
        landed = _fetch(cloud, simulator, export, compression, recorder, _PSEUDONYMS)

    # Parts of 8 MiB, also before the damage.
    assert compression == "gzip" or any(len(body) > 5_000_000 for body in recorder.bodies)
    for body in recorder.bodies:
        assert [canary for canary in _CANARIES if canary in body] == []
    named = b'"filter": "filter on username: ' in b"".join(recorder.bodies)
    assert named == (failure is not CorruptZip)
    for file in landed["files"]:
        assert landed["pseudonymized"]["fields"] == sorted(
            {*_UNKNOWN} - {"deviceStatus", "deviceId", "deviceType"}
        )
        body = cloud.client("s3").get_object(Bucket="reports", Key=file["key"])["Body"].read()
        content = gzip.decompress(body) if compression == "gzip" else body
        assert hashlib.sha256(content).hexdigest() == file["contentSha256"]
        assert b"ACTIVE" in content
        assert b"SMS" in content
        if file["format"] == "csv":
            stream = _PSEUDONYMS.of(export.request).in_file(Format.CSV)
            blocks = DevicesReport(scenario.rows, _UNKNOWN).csv_blocks()
            pieces = (Piece(b"", block.encode()) for block in blocks)
            assert content == b"".join(stream.replaced(pieces))


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
                self.cloud, self.simulator, self.tries[number], gate=gate
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
            _fetch(self.cloud, self.simulator, self.tries[number], gate=_Cut(at))

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

    def held_discard(self, calls_before: int) -> tuple[_Gate, Future[None]]:
        """That, until it waits before a call or has ended."""
        gate = _Gate(calls_before)
        running = _TRIES.submit(self.discard, gate)
        assert gate.reached.wait(60)
        return gate, running

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
_NEVER = 1000


@pytest.fixture
def overlap(cloud: LocalCloud, simulator: PingOneSimulator) -> _Overlap:
    environment = str(uuid4())
    first, second = (
        _accepted(simulator, Scenario(rows=3 + seed, generation_seconds=0, seed=seed), environment)
        for seed in range(2)
    )
    return _Overlap(cloud, simulator, [first, replace(first, exploration_id=second.exploration_id)])


@pytest.fixture
def doubtful(cloud: LocalCloud, simulator: PingOneSimulator) -> _Overlap:
    """A report without records, which the quality gate keeps back."""
    export = _accepted(simulator, Scenario(rows=0, generation_seconds=0))
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
def test_a_manifest_is_true_when_a_try_is_held_and_the_next_one_too_or_not(
    overlap: _Overlap, held_before: int, capsys: pytest.CaptureFixture[str]
) -> None:
    for other in ((held_before + 4) % _CALLS, (held_before + 9) % _CALLS, _NEVER):
        first_gate, first = overlap.held(0, held_before)
        second_gate, second = overlap.held(1, other)
        first_gate.opened.set()
        first.result()
        second_gate.opened.set()
        second.result()

        if all(isinstance(result, ExportError) for result in overlap.results):
            # Each has ended the other, and the state machine tries again.
            assert other != _NEVER
            overlap.run(1)
        overlap.assert_manifest_is_true()
        assert capsys.readouterr().out.count('"ExportsCompleted":[1') == 1
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
def test_a_manifest_is_true_or_never_comes_when_a_held_try_goes_on_beside_discard_report(
    overlap: _Overlap, held_before: int
) -> None:
    # Before: a list of uploads, what it aborts, the list of keys, what it deletes.
    for calls in (1, 3, 5, 7, _NEVER):
        gate, running = overlap.held(0, held_before)
        discard_gate, discarding = overlap.held_discard(calls)
        published = overlap.is_published()
        gate.opened.set()
        running.result()
        discard_gate.opened.set()
        discarding.result()

        if overlap.is_published():
            overlap.assert_manifest_is_true()
            assert published or calls != _NEVER
        else:
            assert overlap.left() == {}
            assert isinstance(overlap.results[0], ExportError) or calls != _NEVER
        overlap.forget()


@contextmanager
def _pingone(simulator: PingOneSimulator) -> Iterator[PingOne]:
    with new_session() as session:
        tokens = AccessTokens(
            session, simulator.token_url(ENVIRONMENT_ID), lambda: authentication_of(simulator)
        )
        yield PingOne(session, simulator.api_url, tokens)


def _accepted(
    simulator: PingOneSimulator, scenario: Scenario | None = None, environment: str = ""
) -> Export:
    """A report that is ready; there is no other export of it.

    That of a scenario is of an environment of its own, or of this one.
    """
    environment = environment or (str(uuid4()) if scenario else ENVIRONMENT_ID)
    if scenario:
        simulator.set_scenario(environment, scenario)
    request = ExportRequest.parse(_REQUEST | {"environmentId": environment}, {})
    with _pingone(simulator) as pingone:
        created = pingone.create_exploration(request)
        export = replace(export_of(created.id), request=request)
        wait_until(lambda: pingone.read_exploration(export).status is Status.SUCCESS)
    return replace(
        export,
        execution=replace(export.execution, arn=f"arn:{created.id}", name=created.id),
        request=replace(request, filter=created.id),
    )


def _fetch(
    cloud: LocalCloud,
    simulator: PingOneSimulator,
    export: Export,
    compression: str = "none",
    gate: "_Gate | _Cut | _Recorder | None" = None,
    pseudonyms: Pseudonyms | None = None,
    seconds_left: Callable[[], float] = lambda: 900,
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
        return dict(fetch.run(export, None)["completed"])


def _client(cloud: LocalCloud, service: str, gate: "_Gate | _Cut | _Recorder | None" = None) -> Any:
    """The cloud's, or one whose calls go through a gate."""
    if not gate:
        return cloud.client(service)
    client = client_of(cloud, service)
    client.meta.events.register("before-call.*.*", gate.pass_through)
    return client
