"""Everything that is made to go wrong; what must come of it is in docs/faults.md.

The first request of a download is for the end of the zip, the second for the rest. Waits of the
state machine and of PingOne take a tenth of their time; what hangs does so on the wall.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Literal

from local.aws_front import AwsFault, Delay, Kill, Refuse
from local.faults import Effect as AwsEffect
from local.pingone_simulator import (
    Answer,
    Body,
    ChangeBody,
    CutOff,
    DropConnection,
    EchoCredentials,
    Fault,
    FlipBit,
    Hang,
    IgnoreRange,
    LinkLifetime,
    LoseAnswer,
    MalformedJson,
    Operation,
    ReplaceObject,
    Reset,
    Scenario,
    ShortBody,
    Stall,
)
from local.pingone_simulator.faults import Effect
from local.pingone_simulator.zip_damage import empty_zip, flipped_bit, html_page, truncated

Definition = dict[str, Any]
Meanwhile = Literal["tokens revoked", "secret rotated", "secret rotated and not put in"]

_FOR_EVER = None
# Bytes of a zip that is longer than what is read of its end, and of one of several parts.
_ROWS, _MIDWAY = 3_000, 40_000
_MANY_ROWS, _FAR = 100_000, 3_000_000
_SMALL = Scenario(rows=20)
_BOTH: dict[str, Any] = {"formats": ("csv", "json")}

_DEEP_JSON = b"[" * 100_000 + b"]" * 100_000
_HUGE_JSON = b'{"status": "' + b"x" * 2_000_000 + b'"}'

_DENIED, _FAILING, _SLOW_DOWN = (
    Refuse(403, "AccessDenied"),
    Refuse(500, "InternalError"),
    Refuse(503, "SlowDown"),
)
_DENIED_JSON, _THROTTLED = (
    Refuse(400, "AccessDeniedException"),
    Refuse(400, "ThrottlingException"),
)
_MANIFEST, _QUARANTINE = "manifest.json", "quarantine.json"


@dataclass(frozen=True)
class Case:
    """An export that meets faults of PingOne's API and file store, its token endpoint and AWS.

    `meanwhile` happens once PingOne has the report, and `changed` makes the state machine another
    one. Some run on a stack where no other export is, and no function has a token; or where
    functions have as little time as the waits are short. If it lands, PingOne has made as many
    reports as `creates` says, and `measured` is how often it counts as completed in the metrics.
    """

    scenario: Scenario = _SMALL
    aws: Sequence[AwsFault] = ()
    token: Sequence[Fault] = ()
    meanwhile: Meanwhile | None = None
    changed: Callable[[Definition], None] | None = None
    formats: tuple[str, ...] = ("csv",)
    request: Mapping[str, Any] = MappingProxyType({})
    stack: Literal["shared", "alone", "hurried"] = "shared"

    creates: int = 1
    measured: int = 1
    answered: int | None = None
    """A status that PingOne or its file store must have answered with."""

    @property
    def may_come_late(self) -> bool:
        """Whether it shares its stack, and neither hangs nor is tried as often as can be."""
        faults = (*self.scenario.faults, *self.aws)
        slow = (Hang, Stall, Delay)
        return self.stack == "shared" and not any(
            fault.times is None or isinstance(fault.effect, slow) for fault in faults
        )


def _pingone(
    operation: Operation, effect: Effect, times: int | None = 1, skip: int = 0, **case: Any
) -> Case:
    """A call of PingOne's API that goes wrong."""
    return Case(Scenario(rows=20, faults=(Fault(operation, effect, times, skip),)), **case)


def _api(operation: Operation, reports: int) -> dict[str, Case]:
    """What may go wrong with either call of the API, and how many reports a lost one makes."""
    refused = {
        f"{status} for ever": _pingone(operation, Answer(status), _FOR_EVER)
        for status in (400, 403, 404, 409)
    }
    return refused | {
        "401 once": _pingone(operation, Answer(401)),
        "429 with Retry-After": _pingone(operation, Answer(429, retry_after=17)),
        "429 without Retry-After": _pingone(operation, Answer(429)),
        "500 once": _pingone(operation, Answer(500)),
        "503 with Retry-After": _pingone(operation, Answer(503, retry_after=17)),
        "503 for ever": _pingone(operation, Answer(503), _FOR_EVER),
        "an answer that does not come": _pingone(operation, Hang(31), creates=reports),
        "a connection that is closed": _pingone(operation, DropConnection()),
        "half of its JSON": _pingone(operation, MalformedJson()),
        "an HTML page with status 200": _pingone(operation, Answer(200, html=True)),
        "400 with the access token in its message": _pingone(
            operation, EchoCredentials(400), _FOR_EVER
        ),
        "JSON that is too deep to be read": _pingone(operation, Body(_DEEP_JSON)),
        "two megabytes of JSON": _pingone(operation, Body(_HUGE_JSON)),
        "no status": _pingone(operation, ChangeBody(omit=("status",))),
    }


def _without(*names: str) -> Case:
    """An answer that says that the report is ready, and no more."""
    return _pingone("read_ready", ChangeBody(omit=names), _FOR_EVER)


def _instead(value: str, of: str, skip: int = 0) -> Case:
    return _pingone("read_ready", ChangeBody(override={of: value}), _FOR_EVER, skip)


def _download(*effects: Effect, rows: int = _ROWS, **case: Any) -> Case:
    """A download whose second request goes wrong, its third and so on."""
    faults = (Fault("download", effect, skip=skip) for skip, effect in enumerate(effects, 1))
    return Case(Scenario(rows=rows, faults=tuple(faults)), **case)


def _downloads(effect: Effect, exploration_seconds: float = 1800) -> Case:
    """Downloads that all go wrong."""
    fault = Fault("download", effect, _FOR_EVER)
    return Case(Scenario(rows=_ROWS, exploration_seconds=exploration_seconds, faults=(fault,)))


def _aws(
    operation: str,
    effect: AwsEffect,
    about: str = "",
    times: int | None = 1,
    rows: int = 20,
    skip: int = 0,
    **case: Any,
) -> Case:
    """A call of AWS by a function that goes wrong."""
    return Case(Scenario(rows=rows), (AwsFault(operation, effect, times, skip, about),), **case)


def _s3(operation: str, rows: int, about: str = ".csv", what: str = "") -> dict[str, Case]:
    """What may go wrong with each way of writing to the bucket."""
    return {
        f"{what}{operation} fails once (500)": _aws(operation, _FAILING, about, rows=rows),
        f"{what}{operation} is throttled (503 SlowDown) three times": _aws(
            operation, _SLOW_DOWN, about, 3, rows
        ),
        f"{what}{operation} is denied": _aws(operation, _DENIED, about, _FOR_EVER, rows),
        f"{what}{operation}'s answer gets lost": _aws(operation, LoseAnswer(), about, rows=rows),
    }


def _discarding(*aws: AwsFault, **case: Any) -> Case:
    """Faults of DiscardReport, which comes because the manifest is denied."""
    return Case(aws=(AwsFault("CompleteMultipartUpload", _DENIED, about=_MANIFEST), *aws), **case)


def _fetching(effect: AwsEffect, **case: Any) -> dict[str, Case]:
    """A fetch to which the same happens at several places."""
    return {
        "within an upload": _aws("UploadPart", effect, ".csv", rows=_MANY_ROWS, **case),
        "between its files": _aws("CompleteMultipartUpload", effect, ".json", **_BOTH, **case),
        "before the manifest": _aws("CompleteMultipartUpload", effect, _MANIFEST, **case),
    }


def _refuse_event(definition: Definition) -> None:
    """EventBridge takes ten entries at a time."""
    arguments = definition["States"]["PublishCompleted"]["Arguments"]
    arguments["Entries"] = arguments["Entries"] * 11


def _impatient(definition: Definition) -> None:
    definition["States"]["FetchReport"]["TimeoutSeconds"] = 8


def _token(effect: Effect, times: int | None = 1) -> Case:
    return Case(token=(Fault("token", effect, times),), stack="alone")


def _secret(effect: AwsEffect, times: int | None = 1) -> Case:
    return _aws("GetSecretValue", effect, "", times, stack="alone")


def _meanwhile(what: Meanwhile) -> Case:
    return Case(meanwhile=what, stack="alone", answered=401)


def _at_start(effect: AwsEffect, about: str, creates: int = 1) -> Case:
    return _aws("UpdateItem", effect, about, creates=creates, stack="hurried")


def _at_check(effect: AwsEffect) -> Case:
    """When CheckReport books a turn because the one of StartReport is over."""
    fault = AwsFault("UpdateItem", effect, skip=1, about="pace#")
    return Case(Scenario(rows=20, generation_seconds=30), (fault,), stack="hurried")


FAULTS: dict[str, dict[str, Case]] = {
    "PingOne, token": {
        "a connection that is closed": _token(DropConnection()),
        "an answer that does not come": _token(Hang(21)),
        "429": _token(Answer(429)),
        "503 for ever": _token(Answer(503), _FOR_EVER),
        "401": _token(Answer(401), _FOR_EVER),
        "an HTML page with status 200": _token(Answer(200, html=True)),
        "no token in its answer": _token(ChangeBody(omit=("access_token",))),
        "a token that no header can hold": _token(
            ChangeBody(override={"access_token": "canary\r\nX-Injected: 1"})
        ),
        "a lifetime of 400 digits": _token(ChangeBody(override={"expires_in": int("9" * 400)})),
        "all tokens are revoked midway": _meanwhile("tokens revoked"),
        "the secret is rotated midway": _meanwhile("secret rotated"),
        "the secret is rotated midway and not put in": _meanwhile("secret rotated and not put in"),
    },
    "Secrets Manager": {
        "fails once (500)": _secret(Refuse(500, "InternalServiceError")),
        "is throttled three times": _secret(_THROTTLED, 3),
        "fails for ever": _secret(Refuse(500, "InternalServiceError"), _FOR_EVER),
        "denies": _secret(_DENIED_JSON, _FOR_EVER),
    },
    "DynamoDB": {
        f"{what}, try after try": _aws(operation, _THROTTLED, about, 6, stack="alone")
        for what, operation, about in (
            ("the start's place is throttled", "UpdateItem", "start#"),
            ("what was started cannot be looked up", "GetItem", "start#"),
            ("the previous export cannot be looked up", "GetItem", "series#"),
            ("what is discarded cannot be looked up", "GetItem", "discarded#"),
        )
    }
    | {
        "DiscardReport cannot keep a fetch from publishing, try after try": _discarding(
            AwsFault("UpdateItem", _THROTTLED, 6, about="discarded#"), stack="alone"
        ),
        "throttled once": _aws("UpdateItem", _THROTTLED, "pace#"),
        "throttled, try after try": _aws("UpdateItem", _THROTTLED, "pace#", 6),
        "a turn is denied": _aws("UpdateItem", _DENIED_JSON, "pace#", _FOR_EVER),
        "an answer that gets lost": _aws("UpdateItem", LoseAnswer(), "pace#"),
        "the export cannot be noted for the next one": _aws(
            "UpdateItem", _DENIED_JSON, _MANIFEST, _FOR_EVER
        ),
        "the report cannot be noted once PingOne has it": _at_start(
            _DENIED_JSON, "explorationId", creates=2
        ),
    },
    "request": {
        f"{name}: {value!r}": Case(request={name: value})
        for name, value in {
            "formats": ["xml"],
            "environmentId": "production",
            "fields": "userId",
            "reportName": "../devices",
            "reportname": "devices",
        }.items()
    },
    "PingOne, create": _api("create", reports=2)
    | {
        "an answer that gets lost after the report was created": _pingone("create", LoseAnswer()),
        "no id": _pingone("create", ChangeBody(omit=("id",))),
        "an id that is too long for the state": _pingone(
            "create", ChangeBody(override={"id": "x" * 255_000})
        ),
        "an id that leads elsewhere": _pingone("create", ChangeBody(override={"id": "../users"})),
    },
    "PingOne, poll": _api("read", reports=1)
    | {
        "status FAILED": Case(Scenario(final_status="FAILED")),
        "a status that nobody knows": Case(Scenario(final_status="PAUSED")),
        "status null": Case(Scenario(final_status=None)),
        "no links": _without("csvPresignedUrl", "jsonPresignedUrl"),
        "one link of two": replace(_without("jsonPresignedUrl"), **_BOTH),
        "no password": _without("zipPassword"),
        "a link to another host": _instead(
            "https://169.254.169.254/?X-Amz-Signature=a", of="csvPresignedUrl"
        ),
        "a report of the year 1 when it is fetched": _instead(
            "0001-01-01T00:00:00Z", of="createdAt", skip=1
        ),
        "a report of the future": _instead("2999-01-01T00:00:00Z", of="createdAt"),
        "a report that is never ready": Case(
            Scenario(generation_seconds=600, exploration_seconds=100)
        ),
        "a report that is gone when it is fetched": _pingone(
            "read_ready", Answer(404), _FOR_EVER, skip=1
        ),
        "a report that is in progress again when it is fetched": _pingone(
            "read_ready", ChangeBody(override={"status": "IN_PROGRESS"}), skip=1
        ),
        "429 when it is fetched": _pingone("read_ready", Answer(429), skip=1),
        "503 with Retry-After when it is fetched": _pingone(
            "read_ready", Answer(503, retry_after=17), skip=1
        ),
        "404 once, of a new report": _pingone("read", Answer(404)),
    },
    "download": {
        "403": _download(Answer(403)),
        # A fetch asks for fresh links four times, after pauses that are not shortened: the second
        # one finds that the report has gone.
        "403 for ever": _downloads(Answer(403), exploration_seconds=400),
        "a link that has expired when it comes": Case(
            Scenario(
                rows=_ROWS,
                faults=(
                    # The first answer that is ready is CheckReport's, the second FetchReport's.
                    Fault("read_ready", LinkLifetime(1), skip=1),
                    Fault("read_ready", Hang(2.2), skip=1),
                ),
            ),
            answered=403,
        ),
        "a link that expires midway": Case(
            Scenario(
                rows=_MANY_ROWS,
                faults=(
                    Fault("read_ready", LinkLifetime(15), skip=1),
                    Fault("download", Hang(15.2), skip=1),
                    Fault("download", Reset(_FAR), skip=1),
                ),
            ),
            answered=403,
            **_BOTH,
        ),
        "resets": _download(
            Reset(_FAR), Reset(100_000), Reset(1_000_000), rows=_MANY_ROWS, **_BOTH
        ),
        "a stall": _download(Stall(_MIDWAY, seconds=25)),
        "no answer, twice": _download(DropConnection(), DropConnection()),
        "no answer for ever": _downloads(DropConnection(), exploration_seconds=250),
        "500 and 503": _download(Answer(500), Answer(503)),
        "redirects": _download(Answer(302), Answer(307)),
        "an HTML page with status 200": _download(Answer(200, html=True)),
        "the whole file in place of its range": _download(IgnoreRange()),
        "cut off": _download(CutOff(_MIDWAY)),
        "shorter than its range": _download(ShortBody(_MIDWAY)),
        "another object midway": _download(Reset(_FAR), ReplaceObject(), rows=_MANY_ROWS),
        "a flipped bit": _download(FlipBit(_MIDWAY)),
        "a flipped bit for ever": _downloads(FlipBit(_MIDWAY)),
    },
    "zip": {
        fault: Case(scenario, **_BOTH)
        for fault, scenario in {
            "a flipped bit": Scenario(damage=flipped_bit),
            "a flipped bit beyond the first part": Scenario(rows=150_000, damage=flipped_bit),
            "a flipped bit in one of two": Scenario(
                rows=150_000, damage=flipped_bit, damaged_formats=("json",)
            ),
            "a flipped bit, ZipCrypto": Scenario(damage=flipped_bit, encryption="zipcrypto"),
            "its end is missing": Scenario(damage=truncated),
            "an HTML page": Scenario(damage=html_page),
            "no file in it": Scenario(damage=empty_zip),
            "another file in it": Scenario(member_name="devices.xlsx"),
            "another password": Scenario(wrong_password=True),
        }.items()
    }
    | {"no record in it": Case(Scenario(rows=0))},
    "S3": _s3("CreateMultipartUpload", 20)
    | _s3("UploadPart", _MANY_ROWS, "partNumber=1")
    | _s3("CompleteMultipartUpload", _MANY_ROWS)
    | _s3("CompleteMultipartUpload", 20, _MANIFEST, what="the manifest's ")
    | {
        "UploadPart is throttled for ever": _aws("UploadPart", _SLOW_DOWN, ".csv", _FOR_EVER),
        "the manifest's CompleteMultipartUpload is throttled for ever": _aws(
            "CompleteMultipartUpload", _SLOW_DOWN, _MANIFEST, _FOR_EVER
        ),
        "every answer to the manifest's CompleteMultipartUpload gets lost": _aws(
            "CompleteMultipartUpload", LoseAnswer(), _MANIFEST, _FOR_EVER
        ),
        "a connection that is reset": _aws("UploadPart", DropConnection(), ".csv"),
        "uploads of another try cannot be looked for": _aws("ListMultipartUploads", _DENIED),
        "the manifest cannot be looked for": _aws("GetObject", _DENIED, _MANIFEST, _FOR_EVER),
        "an upload cannot be aborted at once": Case(
            Scenario(rows=150_000, damage=flipped_bit),
            aws=(AwsFault("AbortMultipartUpload", _DENIED),),
        ),
        "DiscardReport is throttled": _discarding(AwsFault("ListObjectsV2", _SLOW_DOWN, 3)),
        "the document in quarantine is denied": _aws(
            "CompleteMultipartUpload", _DENIED, _QUARANTINE, _FOR_EVER, rows=0
        ),
        "neither the manifest nor DiscardReport is allowed": _discarding(
            AwsFault("DeleteObject", _DENIED, _FOR_EVER)
        ),
    },
    "functions": {
        f"FetchReport is killed {where}": case for where, case in _fetching(Kill()).items()
    }
    | {
        "FetchReport is killed before it downloads": _aws("GetObject", Kill(), _MANIFEST),
        "FetchReport is killed after the manifest": _aws(
            "CompleteMultipartUpload", Kill(after_work=True), _MANIFEST, measured=0
        ),
        "FetchReport is killed within an upload, for ever": _aws(
            "UploadPart", Kill(), ".csv", _FOR_EVER, _MANY_ROWS
        ),
        "FetchReport is killed before the document in quarantine, for ever": _aws(
            "CompleteMultipartUpload", Kill(), _QUARANTINE, _FOR_EVER, rows=0
        ),
    }
    | {
        f"FetchReport is given up {where}, and goes on": case
        for where, case in _fetching(Delay(16), changed=_impatient).items()
    }
    | {
        "DiscardReport is killed": _discarding(AwsFault("ListObjectsV2", Kill())),
        "StartReport is killed before PingOne has the report": _at_start(Kill(), "pace#"),
        "StartReport is killed before it has noted the report": _at_start(
            Kill(), "explorationId", creates=2
        ),
        "StartReport is killed when it has noted the report": _at_start(
            Kill(after_work=True), "explorationId"
        ),
        "StartReport times out": _at_start(Delay(19), "pace#"),
        "CheckReport is killed": _at_check(Kill()),
        "CheckReport times out": _at_check(Delay(19)),
    },
    "EventBridge": {
        "the completed event is refused for ever": Case(changed=_refuse_event),
    },
}


@dataclass(frozen=True)
class TableCase:
    """A published export whose tabulation meets faults; Lambda calls TabulateReport thrice.

    `replaced` is what stands in place of its file. One that is `changed` has lost a device since an
    export before it, whose rows may have `expired`, and it may come `twice` at once.
    """

    aws: Sequence[AwsFault] = ()
    replaced: bytes = b""
    changed: bool = False
    expired: bool = False
    twice: bool = False


def _table(
    operation: str, effect: AwsEffect, about: str, times: int | None = 1, changed: bool = False
) -> TableCase:
    return TableCase((AwsFault(operation, effect, times, about=about),), changed=changed)


def _told(effect: AwsEffect, times: int | None = 1) -> TableCase:
    """A tabulation that finds changes, and cannot tell them at once."""
    return _table("PutEvents", effect, "", times, changed=True)


_DEVICES, _EXPORTS = "tables/devices/", "tables/exports/"

FAULTS_OF_TABLES: dict[str, dict[str, TableCase]] = {
    "tables for Athena": {
        "the manifest cannot be read": _table("GetObject", _DENIED, _MANIFEST, _FOR_EVER),
        "the manifest's answer gets lost": _table("GetObject", LoseAnswer(), _MANIFEST),
        "the file cannot be read": _table("HeadObject", _DENIED, ".csv", _FOR_EVER),
        "the file is throttled (503 SlowDown) three times": _table(
            "GetObject", _SLOW_DOWN, ".csv", 3
        ),
        "the file is throttled for ever": _table("GetObject", _SLOW_DOWN, ".csv", _FOR_EVER),
        "the file is another one than the manifest says": TableCase(
            replaced=b"userId\r\nnobody\r\n"
        ),
        "TabulateReport is killed while it downloads": _table("GetObject", Kill(), ".csv"),
        "the rows cannot be written": _table("PutObject", _DENIED, _DEVICES, _FOR_EVER),
        "the rows' answer gets lost": _table("PutObject", LoseAnswer(), _DEVICES),
        "TabulateReport is killed between rows and export": _table("PutObject", Kill(), _EXPORTS),
        "the export cannot be written": _table("PutObject", _DENIED, _EXPORTS, _FOR_EVER),
        "the export's write is throttled three times": _table("PutObject", _SLOW_DOWN, _EXPORTS, 3),
    },
    "what changed": {
        "the changes cannot be written": _table(
            "PutObject", _DENIED, "tables/changes/", _FOR_EVER, changed=True
        ),
        "the page cannot be written": _table(
            "PutObject", _DENIED, "posture/", _FOR_EVER, changed=True
        ),
        "the rows of the export before it have expired": TableCase(changed=True, expired=True),
        "it is tabulated twice at once": TableCase(changed=True, twice=True),
        "PutEvents is denied": _told(_DENIED_JSON, _FOR_EVER),
        "PutEvents is throttled three times": _told(_THROTTLED, 3),
        "PutEvents's answer gets lost": _told(LoseAnswer()),
        "TabulateReport is killed between rows and events": _told(Kill()),
    },
}

# What a fleet of one environment meets, or what is noted of its export.
FAULTS_OF_FLEETS: dict[str, dict[str, AwsFault]] = {
    "fleets": {
        "the key is throttled, try after try": AwsFault(
            "UpdateItem", _THROTTLED, 6, about="claim#fleet#"
        ),
        "the listing cannot be written": AwsFault(
            "PutObject", _DENIED, _FOR_EVER, about="listing.json"
        ),
        "the listing's answer gets lost": AwsFault("PutObject", LoseAnswer(), about="listing.json"),
        "ListEnvironments is killed when it has written the listing": AwsFault(
            "PutObject", Kill(after_work=True), about="listing.json"
        ),
        "the results are throttled, try after try": AwsFault(
            "GetItem", _THROTTLED, 6, about="result#"
        ),
        "SummarizeFleet is killed before the manifest": AwsFault(
            "PutObject", Kill(), about="fleet.json"
        ),
        "SummarizeFleet is killed when it has written the manifest": AwsFault(
            "PutObject", Kill(after_work=True), about="fleet.json"
        ),
        "the manifest cannot be written": AwsFault(
            "PutObject", _DENIED, _FOR_EVER, about="fleet.json"
        ),
        "the manifest's answer gets lost": AwsFault("PutObject", LoseAnswer(), about="fleet.json"),
    },
}
