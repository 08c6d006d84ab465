"""Everything that is made to go wrong with an export, and how the export must end.

The first request of a download is for the end of the zip, the second for the rest. Waits of the
state machine and of PingOne take a tenth of their time; what hangs does so on the wall.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from local.aws_front import AwsFault, Delay, Kill, Refuse
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

# Bytes of a zip that is longer than what is read of its end, and of one of several parts.
_ROWS, _MIDWAY = 3_000, 40_000
_MANY_ROWS, _FAR = 100_000, 3_000_000
_BOTH = ("csv", "json")
_SMALL = Scenario(rows=20)

_DEEP_JSON = b"[" * 100_000 + b"]" * 100_000
_HUGE_JSON = b'{"status": "' + b"x" * 2_000_000 + b'"}'


@dataclass(frozen=True)
class Case:
    """An export that meets faults, and how it ends: exported, unless with an error.

    `retried` are the errors on the way that the state machine retried, `left` the names of what a
    failed export leaves in its folder, `creates` the reports that PingOne answered for, `measured`
    how often a landed export counts as completed in the metrics. `downloads` is how the file store
    answered each request for each file, None being no answer. `token` are faults of the token
    endpoint, `request` is what is asked for, `meanwhile` what else happens once PingOne has the
    report, and `changed` how the state machine is another one. `slow` cases begin first.
    """

    scenario: Scenario = _SMALL
    aws: Sequence[AwsFault] = ()
    token: Sequence[Fault] = ()
    meanwhile: Meanwhile | None = None
    changed: Callable[[Definition], None] | None = None
    formats: tuple[str, ...] = ("csv",)
    request: Mapping[str, Any] = MappingProxyType({})
    slow: bool = False

    error: str = ""
    retried: Sequence[str] = ()
    left: Sequence[str] = ()
    creates: int = 1
    measured: int = 1
    downloads: Sequence[int | None] | None = None


def _pingone(
    operation: Operation,
    effect: Effect,
    times: int | None = 1,
    skip: int = 0,
    *,
    error: str = "",
    retried: Sequence[str] = (),
    slow: bool = False,
    creates: int = 1,
    **scenario: Any,
) -> Case:
    """A call of PingOne's API that goes wrong."""
    fault = Fault(operation, effect, times, skip)
    return Case(
        Scenario(**{"rows": 20, **scenario}, faults=(fault,)),
        error=error,
        retried=retried,
        slow=slow,
        creates=creates,
    )


def _api(operation: Operation, *, not_found: str) -> dict[str, Case]:
    """What may go wrong with either call of the API."""
    creates = int(operation != "create")
    lasting: dict[str, Case] = {
        f"{status} for ever": _pingone(
            operation, Answer(status), None, error=error, creates=creates
        )
        for status, error in {
            400: "ReportRejected",
            403: "AccessDenied",
            404: not_found,
            409: "ReportRejected",
        }.items()
    }
    unavailable = ("PingOneUnavailable",)
    return lasting | {
        "401 once": _pingone(operation, Answer(401)),
        "429 with Retry-After": _pingone(operation, Answer(429, retry_after=17)),
        "429 without Retry-After": _pingone(operation, Answer(429)),
        "500 once": _pingone(operation, Answer(500), retried=unavailable),
        "503 with Retry-After": _pingone(operation, Answer(503, retry_after=17)),
        "503 for ever": _pingone(
            operation,
            Answer(503),
            None,
            error=unavailable[0],
            retried=unavailable,
            slow=True,
            creates=creates,
        ),
        "an answer that does not come": _pingone(
            operation, Hang(31), retried=unavailable, slow=True, creates=2 - creates
        ),
        "a connection that is closed": _pingone(operation, DropConnection(), retried=unavailable),
        "half of its JSON": _pingone(operation, MalformedJson(), error="InvalidResponse"),
        "an HTML page with status 200": _pingone(
            operation, Answer(200, html=True), error="InvalidResponse", creates=creates
        ),
        "400 with the access token in its message": _pingone(
            operation, EchoCredentials(400), None, error="ReportRejected", creates=creates
        ),
        "JSON that is too deep to be read": _pingone(
            operation, Body(_DEEP_JSON), error="InvalidResponse"
        ),
        "two megabytes of JSON": _pingone(operation, Body(_HUGE_JSON), error="InvalidResponse"),
        "no status": _pingone(operation, ChangeBody(omit=("status",)), error="InvalidResponse"),
    }


def _meeting(*effects: Effect, rows: int = _ROWS) -> Scenario:
    """Faults of the second request, the third and so on."""
    return Scenario(
        rows=rows,
        faults=tuple(Fault("download", effect, skip=1 + i) for i, effect in enumerate(effects)),
    )


def _download(
    *effects: Effect, answers: Sequence[int | None], rows: int = _ROWS, **case: Any
) -> Case:
    """A download that goes wrong, and all the same the file that it should be."""
    return Case(_meeting(*effects, rows=rows), downloads=answers, **case)


def _damaged(scenario: Scenario, error: str, **case: Any) -> Case:
    return Case(scenario, error=error, formats=_BOTH, **case)


def _aws(
    operation: str,
    effect: Any,
    about: str = "",
    times: int | None = 1,
    *,
    rows: int = 20,
    skip: int = 0,
    **case: Any,
) -> Case:
    """A call of AWS by a function that goes wrong."""
    return Case(Scenario(rows=rows), aws=(AwsFault(operation, effect, times, skip, about),), **case)


_DENIED, _FAILING, _SLOW_DOWN = (
    Refuse(403, "AccessDenied"),
    Refuse(500, "InternalError"),
    Refuse(503, "SlowDown"),
)
_DENIED_JSON, _THROTTLED = (
    Refuse(400, "AccessDeniedException"),
    Refuse(400, "ThrottlingException"),
)
_BROKEN = Refuse(500, "InternalServiceError")
_UNAVAILABLE = ("StorageUnavailable",)
_MANIFEST, _QUARANTINE = "manifest.json", "quarantine.json"


def _s3(operation: str, rows: int, about: str = ".csv") -> dict[str, Case]:
    """What may go wrong with each way of writing to the bucket."""
    return {
        f"{operation} fails once (500)": _aws(operation, _FAILING, about, rows=rows),
        f"{operation} is throttled (503 SlowDown) three times": _aws(
            operation, _SLOW_DOWN, about, 3, rows=rows, retried=_UNAVAILABLE
        ),
        f"{operation} is denied": _aws(
            operation, _DENIED, about, None, rows=rows, error="StorageDenied"
        ),
        f"{operation}'s answer gets lost": _aws(operation, LoseAnswer(), about, rows=rows),
    }


def _refuse_event(definition: Definition) -> None:
    """EventBridge takes ten entries at a time."""
    arguments = definition["States"]["PublishCompleted"]["Arguments"]
    arguments["Entries"] = arguments["Entries"] * 11


def _impatient(definition: Definition) -> None:
    definition["States"]["FetchReport"]["TimeoutSeconds"] = 8


FAULTS: dict[str, dict[str, Case]] = {
    "request": {
        f"{name}: {value!r}": Case(request={name: value}, error="InvalidRequest", creates=0)
        for name, value in {
            "formats": ["xml"],
            "environmentId": "production",
            "fields": "userId",
            "reportName": "../devices",
            "reportname": "devices",
        }.items()
    },
    "PingOne, create": _api("create", not_found="ReportRejected")
    | {
        "an answer that gets lost after the report was created": _pingone(
            "create", LoseAnswer(), retried=("PingOneUnavailable",)
        ),
        "no id": _pingone("create", ChangeBody(omit=("id",)), error="InvalidResponse"),
        "an id that is too long for the state": _pingone(
            "create", ChangeBody(override={"id": "x" * 255_000}), error="InvalidResponse"
        ),
        "an id that leads elsewhere": _pingone(
            "create", ChangeBody(override={"id": "../users"}), error="InvalidResponse"
        ),
    },
    "PingOne, poll": _api("read", not_found="ReportExpired")
    | {
        "status FAILED": Case(Scenario(final_status="FAILED"), error="ReportFailed"),
        "a status that nobody knows": Case(Scenario(final_status="PAUSED"), error="ReportFailed"),
        "status null": Case(Scenario(final_status=None), error="InvalidResponse"),
        "no links": _pingone(
            "read_ready",
            ChangeBody(omit=("csvPresignedUrl", "jsonPresignedUrl")),
            None,
            error="InvalidResponse",
        ),
        "one link of two": Case(
            Scenario(
                faults=(Fault("read_ready", ChangeBody(omit=("jsonPresignedUrl",)), times=None),)
            ),
            error="InvalidResponse",
            formats=_BOTH,
        ),
        "no password": _pingone(
            "read_ready", ChangeBody(omit=("zipPassword",)), None, error="InvalidResponse"
        ),
        "a link to another host": _pingone(
            "read_ready",
            ChangeBody(override={"csvPresignedUrl": "https://169.254.169.254/?X-Amz-Signature=a"}),
            None,
            error="LinkNotAllowed",
        ),
        "a report of the year 1 when it is fetched": _pingone(
            "read_ready",
            ChangeBody(override={"createdAt": "0001-01-01T00:00:00Z"}),
            None,
            skip=1,
            error="InvalidResponse",
        ),
        "a report of the future": _pingone(
            "read_ready", ChangeBody(override={"createdAt": "2999-01-01T00:00:00Z"}), None
        ),
        "a report that is never ready": Case(
            Scenario(generation_seconds=600, exploration_seconds=100), error="DeadlineExceeded"
        ),
        "a report that is gone when it is fetched": _pingone(
            "read_ready", Answer(404), None, skip=1, error="ReportExpired"
        ),
        "a report that is in progress again when it is fetched": _pingone(
            "read_ready",
            ChangeBody(override={"status": "IN_PROGRESS"}),
            skip=1,
            retried=("ReportWithdrawn",),
        ),
        "429 when it is fetched": _pingone("read_ready", Answer(429), skip=1),
        "503 with Retry-After when it is fetched": _pingone(
            "read_ready", Answer(503, retry_after=17), skip=1
        ),
        "404 once, of a new report": _pingone("read", Answer(404)),
    },
    "download": {
        "403": _download(Answer(403), answers=(206, 403, 206)),
        "403 for ever": Case(
            Scenario(
                rows=_ROWS,
                # A fetch asks for fresh links four times, after pauses that are not shortened: the
                # second one finds that the report has gone.
                exploration_seconds=400,
                faults=(Fault("download", Answer(403), times=None),),
            ),
            error="ReportExpired",
            retried=("LinkRefused",),
            slow=True,
        ),
        "a link that has expired when it comes": Case(
            Scenario(
                rows=_ROWS,
                faults=(
                    # The first answer that is ready is CheckReport's, the second FetchReport's.
                    Fault("read_ready", LinkLifetime(1), skip=1),
                    Fault("read_ready", Hang(2.2), skip=1),
                ),
            ),
            downloads=(403, 206, 206),
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
            formats=_BOTH,
            downloads=(206, 206, 403, 206),
        ),
        "resets": _download(
            Reset(_FAR),
            Reset(100_000),
            Reset(1_000_000),
            rows=_MANY_ROWS,
            formats=_BOTH,
            answers=(206, 206, 206, 206, 206),
        ),
        "a stall": _download(Stall(_MIDWAY, seconds=25), answers=(206, 206, 206), slow=True),
        "no answer, twice": _download(
            DropConnection(), DropConnection(), answers=(206, None, None, 206)
        ),
        "no answer for ever": Case(
            Scenario(
                rows=_ROWS,
                exploration_seconds=250,
                faults=(Fault("download", DropConnection(), times=None),),
            ),
            error="ReportExpired",
            retried=("DownloadInterrupted",),
            slow=True,
        ),
        "500 and 503": _download(Answer(500), Answer(503), answers=(206, 500, 503, 206)),
        "redirects": _download(Answer(302), Answer(307), answers=(206, 302, 307, 206)),
        "an HTML page with status 200": _download(Answer(200, html=True), answers=(206, 200, 206)),
        "the whole file in place of its range": _download(IgnoreRange(), answers=(206, 200, 206)),
        "cut off": _download(CutOff(_MIDWAY), answers=(206, 206, 206)),
        "shorter than its range": _download(ShortBody(_MIDWAY), answers=(206, 206, 206)),
        "another object midway": _download(
            Reset(_FAR),
            ReplaceObject(),
            rows=_MANY_ROWS,
            answers=(206, 206, 412, 206, 206),
            retried=("DownloadChanged",),
        ),
        "a flipped bit": _download(
            FlipBit(_MIDWAY), answers=(206, 206, 206, 206), retried=("CorruptZip",)
        ),
        "a flipped bit for ever": _damaged(
            Scenario(rows=_ROWS, faults=(Fault("download", FlipBit(_MIDWAY), times=None),)),
            "CorruptZip",
            retried=("CorruptZip",),
        ),
    },
    "zip": {
        "a flipped bit": _damaged(
            Scenario(damage=flipped_bit), "CorruptZip", retried=("CorruptZip",)
        ),
        "a flipped bit beyond the first part": _damaged(
            Scenario(rows=150_000, damage=flipped_bit), "CorruptZip", retried=("CorruptZip",)
        ),
        "a flipped bit in one of two": _damaged(
            Scenario(rows=150_000, damage=flipped_bit, damaged_formats=("json",)),
            "CorruptZip",
            retried=("CorruptZip",),
        ),
        "a flipped bit, ZipCrypto": _damaged(
            Scenario(damage=flipped_bit, encryption="zipcrypto"),
            "CorruptZip",
            retried=("CorruptZip",),
        ),
        "its end is missing": _damaged(
            Scenario(damage=truncated), "TruncatedZip", retried=("TruncatedZip",)
        ),
        "an HTML page": _damaged(Scenario(damage=html_page), "CorruptZip", retried=("CorruptZip",)),
        "no file in it": _damaged(Scenario(damage=empty_zip), "UnexpectedMember"),
        "another file in it": _damaged(Scenario(member_name="devices.xlsx"), "UnexpectedMember"),
        "no record in it": Case(
            Scenario(rows=0), error="QualityGateFailed", left=("devices.csv", "quarantine.json")
        ),
        "another password": _damaged(
            Scenario(wrong_password=True), "WrongPassword", retried=("WrongPassword",)
        ),
    },
    "S3": _s3("CreateMultipartUpload", 20)
    | _s3("UploadPart", _MANY_ROWS, "partNumber=1")
    | _s3("CompleteMultipartUpload", _MANY_ROWS)
    | {
        f"the manifest's {fault}": case
        for fault, case in _s3("CompleteMultipartUpload", 20, _MANIFEST).items()
    }
    | {
        "UploadPart is throttled for ever": _aws(
            "UploadPart",
            _SLOW_DOWN,
            ".csv",
            None,
            error="StorageUnavailable",
            retried=_UNAVAILABLE,
            slow=True,
        ),
        "the manifest's CompleteMultipartUpload is throttled for ever": _aws(
            "CompleteMultipartUpload",
            _SLOW_DOWN,
            _MANIFEST,
            None,
            error="StorageUnavailable",
            retried=_UNAVAILABLE,
            slow=True,
        ),
        "every answer to the manifest's CompleteMultipartUpload gets lost": _aws(
            "CompleteMultipartUpload", LoseAnswer(), _MANIFEST, None
        ),
        "a connection that is reset": _aws("UploadPart", DropConnection(), ".csv"),
        "uploads of another try cannot be looked for": _aws(
            "ListMultipartUploads", _DENIED, error="StorageDenied"
        ),
        "the manifest cannot be looked for": _aws(
            "GetObject", _DENIED, _MANIFEST, None, error="StorageDenied"
        ),
        "an upload cannot be aborted at once": Case(
            Scenario(rows=150_000, damage=flipped_bit),
            aws=(AwsFault("AbortMultipartUpload", _DENIED),),
            error="CorruptZip",
            retried=("CorruptZip",),
        ),
        "DiscardReport is throttled": Case(
            aws=(
                AwsFault("CompleteMultipartUpload", _DENIED, about=_MANIFEST),
                AwsFault("ListObjectsV2", _SLOW_DOWN, times=3),
            ),
            error="StorageDenied",
            retried=_UNAVAILABLE,
        ),
        "the document in quarantine is denied": Case(
            Scenario(rows=0),
            aws=(AwsFault("CompleteMultipartUpload", _DENIED, None, about=_QUARANTINE),),
            error="StorageDenied",
        ),
        "neither the manifest nor DiscardReport is allowed": Case(
            aws=(
                AwsFault("CompleteMultipartUpload", _DENIED, about=_MANIFEST),
                AwsFault("DeleteObject", _DENIED, times=None),
            ),
            error="StorageDenied",
            left=("devices.csv",),
        ),
    },
    "DynamoDB": {
        "throttled once": _aws("UpdateItem", _THROTTLED, "pace#"),
        "throttled, try after try": _aws(
            "UpdateItem", _THROTTLED, "pace#", 6, retried=("TableUnavailable",)
        ),
        "a turn is denied": _aws(
            "UpdateItem",
            _DENIED_JSON,
            "pace#",
            None,
            error="TableUnavailable",
            retried=("TableUnavailable",),
            slow=True,
            creates=0,
        ),
        "an answer that gets lost": _aws("UpdateItem", LoseAnswer(), "pace#"),
        "the export cannot be noted for the next one": _aws(
            "UpdateItem", _DENIED_JSON, _MANIFEST, None
        ),
    },
    "functions": {
        "FetchReport is killed before it downloads": _aws(
            "GetObject", Kill(), _MANIFEST, retried=("Runtime.ExitError",)
        ),
        "FetchReport is killed within an upload": _aws(
            "UploadPart", Kill(), ".csv", rows=_MANY_ROWS, retried=("Runtime.ExitError",)
        ),
        "FetchReport is killed within an upload, for ever": _aws(
            "UploadPart",
            Kill(),
            ".csv",
            None,
            rows=_MANY_ROWS,
            error="Runtime.ExitError",
            retried=("Runtime.ExitError",),
            slow=True,
        ),
        "FetchReport is killed before the document in quarantine, for ever": Case(
            Scenario(rows=0),
            aws=(AwsFault("CompleteMultipartUpload", Kill(), None, about=_QUARANTINE),),
            error="Runtime.ExitError",
            retried=("Runtime.ExitError",),
            slow=True,
        ),
        "FetchReport is killed between its files": _aws(
            "CompleteMultipartUpload",
            Kill(),
            ".json",
            formats=_BOTH,
            retried=("Runtime.ExitError",),
        ),
        "FetchReport is killed before the manifest": _aws(
            "CompleteMultipartUpload", Kill(), _MANIFEST, retried=("Runtime.ExitError",)
        ),
        "FetchReport is killed after the manifest": _aws(
            "CompleteMultipartUpload",
            Kill(after_work=True),
            _MANIFEST,
            retried=("Runtime.ExitError",),
            measured=0,
        ),
        "FetchReport is given up within an upload, and goes on": _aws(
            "UploadPart",
            Delay(16),
            ".csv",
            rows=_MANY_ROWS,
            retried=("States.Timeout",),
            changed=_impatient,
            slow=True,
        ),
        "FetchReport is given up between its files, and goes on": _aws(
            "CompleteMultipartUpload",
            Delay(16),
            ".json",
            formats=_BOTH,
            retried=("States.Timeout",),
            changed=_impatient,
            slow=True,
        ),
        "FetchReport is given up before the manifest, and goes on": _aws(
            "CompleteMultipartUpload",
            Delay(16),
            _MANIFEST,
            retried=("States.Timeout",),
            changed=_impatient,
            slow=True,
        ),
        "DiscardReport is killed": Case(
            aws=(
                AwsFault("CompleteMultipartUpload", _DENIED, about=_MANIFEST),
                AwsFault("ListObjectsV2", Kill()),
            ),
            error="StorageDenied",
            retried=("Runtime.ExitError",),
        ),
    },
    "EventBridge": {
        "the completed event is refused for ever": Case(
            changed=_refuse_event,
            error="ValidationException",
            retried=("ValidationException",),
            left=("devices.csv", "manifest.json"),
        ),
    },
}


def _token(effect: Effect, times: int | None = 1, **case: Any) -> Case:
    return Case(token=(Fault("token", effect, times),), **case)


def _secret(effect: Any, times: int | None = 1, **case: Any) -> Case:
    return Case(aws=(AwsFault("GetSecretValue", effect, times=times),), **case)


# Of what all exports of a stack share: one after another, on a stack of their own.
FAULTS_OF_ALL: dict[str, dict[str, Case]] = {
    "PingOne, token": {
        "a connection that is closed": _token(DropConnection(), retried=("PingOneUnavailable",)),
        "an answer that does not come": _token(Hang(21), retried=("PingOneUnavailable",)),
        "429": _token(Answer(429), retried=("PingOneUnavailable",)),
        "503 for ever": _token(
            Answer(503),
            None,
            error="PingOneUnavailable",
            retried=("PingOneUnavailable",),
            creates=0,
        ),
        "401": _token(Answer(401), None, error="Unauthorized", creates=0),
        "an HTML page with status 200": _token(
            Answer(200, html=True), error="InvalidResponse", creates=0
        ),
        "no token in its answer": _token(
            ChangeBody(omit=("access_token",)), error="InvalidResponse", creates=0
        ),
        "a token that no header can hold": _token(
            ChangeBody(override={"access_token": "canary\r\nX-Injected: 1"}),
            error="InvalidResponse",
            creates=0,
        ),
        "a lifetime of 400 digits": _token(
            ChangeBody(override={"expires_in": int("9" * 400)}), error="InvalidResponse", creates=0
        ),
        "all tokens are revoked midway": Case(meanwhile="tokens revoked"),
        "the secret is rotated midway": Case(meanwhile="secret rotated"),
        "the secret is rotated midway and not put in": Case(
            meanwhile="secret rotated and not put in", error="Unauthorized"
        ),
    },
    "Secrets Manager": {
        "fails once (500)": _secret(_BROKEN),
        "is throttled three times": _secret(_THROTTLED, 3, retried=("SecretUnavailable",)),
        "fails for ever": _secret(
            _BROKEN, None, error="SecretUnavailable", retried=("SecretUnavailable",), creates=0
        ),
        "denies": _secret(_DENIED_JSON, None, error="InvalidSecret", creates=0),
    },
    "DynamoDB": {
        "the start's place is throttled, try after try": Case(
            aws=(AwsFault("UpdateItem", _THROTTLED, 6, about="start#"),),
            retried=("TableUnavailable",),
        ),
        "what was started cannot be looked up, try after try": Case(
            aws=(AwsFault("GetItem", _THROTTLED, 6, about="start#"),),
            retried=("TableUnavailable",),
        ),
        "the previous export cannot be looked up, try after try": Case(
            aws=(AwsFault("GetItem", _THROTTLED, 6, about="series#"),),
            retried=("TableUnavailable",),
        ),
        "what is discarded cannot be looked up, try after try": Case(
            aws=(AwsFault("GetItem", _THROTTLED, 6, about="discarded#"),),
            retried=("TableUnavailable",),
        ),
        "DiscardReport cannot keep a fetch from publishing, try after try": Case(
            aws=(
                AwsFault("CompleteMultipartUpload", _DENIED, about=_MANIFEST),
                AwsFault("UpdateItem", _THROTTLED, 6, about="discarded#"),
            ),
            error="StorageDenied",
            retried=("TableUnavailable",),
        ),
    },
}


def _at_check(effect: Any, **case: Any) -> Case:
    """When CheckReport books a turn because the one of StartReport is over."""
    return Case(
        Scenario(rows=20, generation_seconds=30),
        aws=(AwsFault("UpdateItem", effect, skip=1, about="pace#"),),
        **case,
    )


# Of functions that have as little time as the waits are short.
FAULTS_IN_A_HURRY: dict[str, dict[str, Case]] = {
    "functions": {
        "StartReport is killed before PingOne has the report": _aws(
            "UpdateItem", Kill(), "pace#", retried=("Runtime.ExitError",)
        ),
        "StartReport is killed before it has noted the report": _aws(
            "UpdateItem", Kill(), "explorationId", retried=("Runtime.ExitError",), creates=2
        ),
        "StartReport is killed when it has noted the report": _aws(
            "UpdateItem", Kill(after_work=True), "explorationId", retried=("Runtime.ExitError",)
        ),
        "StartReport times out": _aws(
            "UpdateItem", Delay(19), "pace#", retried=("Sandbox.Timedout",)
        ),
        "CheckReport is killed": _at_check(Kill(), retried=("Runtime.ExitError",)),
        "CheckReport times out": _at_check(Delay(19), retried=("Sandbox.Timedout",)),
    },
    "DynamoDB": {
        "the report cannot be noted once PingOne has it": _aws(
            "UpdateItem",
            _DENIED_JSON,
            "explorationId",
            retried=("TableUnavailable",),
            creates=2,
        ),
    },
}


@dataclass(frozen=True)
class TableCase:
    """A published export whose tabulation meets faults: in the tables, unless with an error.

    `failed` are the errors of tries, as they are logged. `replaced` is what stands in place of its
    file. One that is `changed` has lost a device since an export before it, whose rows may have
    `expired`, and it may come `twice` at once. `told` says whether somebody gets to know.
    """

    aws: Sequence[AwsFault] = ()
    replaced: bytes = b""
    changed: bool = False
    expired: bool = False
    twice: bool = False
    told: bool = False

    error: str = ""
    failed: Sequence[str] = ()


def _table(
    operation: str, effect: Any, about: str, times: int | None = 1, **case: Any
) -> TableCase:
    return TableCase(aws=(AwsFault(operation, effect, times, about=about),), **case)


_DEVICES, _EXPORTS = "tables/devices/", "tables/exports/"
_DENIED_STORAGE, _NO_STORAGE = (
    {"error": "StorageDenied", "failed": ("StorageDenied",)},
    {"error": "StorageUnavailable", "failed": _UNAVAILABLE},
)

# After the export, which has succeeded whatever happens: Lambda calls TabulateReport thrice.
FAULTS_OF_TABLES: dict[str, dict[str, TableCase]] = {
    "tables for Athena": {
        "the manifest cannot be read": _table(
            "GetObject", _DENIED, _MANIFEST, None, **_DENIED_STORAGE
        ),
        "the manifest's answer gets lost": _table("GetObject", LoseAnswer(), _MANIFEST),
        "the file cannot be read": _table("HeadObject", _DENIED, ".csv", None, **_DENIED_STORAGE),
        "the file is throttled (503 SlowDown) three times": _table(
            "GetObject", _SLOW_DOWN, ".csv", 3, failed=_UNAVAILABLE
        ),
        "the file is throttled for ever": _table(
            "GetObject", _SLOW_DOWN, ".csv", None, **_NO_STORAGE
        ),
        "the file is another one than the manifest says": TableCase(
            replaced=b"userId\r\nnobody\r\n", error="InvalidReport", failed=("InvalidReport",)
        ),
        "TabulateReport is killed while it downloads": _table("GetObject", Kill(), ".csv"),
        "the rows cannot be written": _table(
            "PutObject", _DENIED, _DEVICES, None, **_DENIED_STORAGE
        ),
        "the rows' answer gets lost": _table("PutObject", LoseAnswer(), _DEVICES),
        "TabulateReport is killed between rows and export": _table("PutObject", Kill(), _EXPORTS),
        "the export cannot be written": _table(
            "PutObject", _DENIED, _EXPORTS, None, **_DENIED_STORAGE
        ),
        "the export's write is throttled three times": _table(
            "PutObject", _SLOW_DOWN, _EXPORTS, 3, failed=_UNAVAILABLE
        ),
    },
    "what changed": {
        "the changes cannot be written": _table(
            "PutObject", _DENIED, "tables/changes/", None, changed=True, **_DENIED_STORAGE
        ),
        "the page cannot be written": _table(
            "PutObject", _DENIED, "posture/", None, changed=True, **_DENIED_STORAGE
        ),
        "the rows of the export before it have expired": TableCase(
            changed=True, expired=True, told=True
        ),
        "it is tabulated twice at once": TableCase(changed=True, twice=True, told=True),
        "PutEvents is denied": _table(
            "PutEvents",
            Refuse(400, "AccessDeniedException"),
            "",
            None,
            changed=True,
            error="AnnouncementFailed",
            failed=("AnnouncementFailed",),
        ),
        "PutEvents is throttled three times": _table(
            "PutEvents",
            Refuse(400, "ThrottlingException"),
            "",
            3,
            changed=True,
            told=True,
            failed=("AnnouncementFailed",),
        ),
        "PutEvents's answer gets lost": _table(
            "PutEvents", LoseAnswer(), "", changed=True, told=True
        ),
        "TabulateReport is killed between rows and events": _table(
            "PutEvents", Kill(), "", changed=True, told=True
        ),
    },
}


@dataclass(frozen=True)
class FleetCase:
    """A fleet of one environment that meets faults: exported, unless with an error.

    `retried` are the errors on the way, `left` the names of what is in its folder. `of_results`
    says that the faults are of what is noted of its exports, and not of the fleet itself.
    """

    aws: Sequence[AwsFault]
    of_results: bool = False

    error: str = ""
    retried: Sequence[str] = ()
    left: Sequence[str] = ("exports.json", "fleet.json", "listing.json")


def _fleet(
    operation: str, effect: Any, about: str, times: int | None = 1, **case: Any
) -> FleetCase:
    return FleetCase(aws=(AwsFault(operation, effect, times, about=about),), **case)


_EXIT: dict[str, Any] = {"retried": ("Runtime.ExitError",)}

FAULTS_OF_FLEETS: dict[str, dict[str, FleetCase]] = {
    "fleets": {
        "the key is throttled, try after try": _fleet(
            "UpdateItem", _THROTTLED, "claim#fleet#", 6, retried=("TableUnavailable",)
        ),
        "the listing cannot be written": _fleet(
            "PutObject", _DENIED, "listing.json", None, error="StorageDenied", left=()
        ),
        "the listing's answer gets lost": _fleet("PutObject", LoseAnswer(), "listing.json"),
        "ListEnvironments is killed when it has written the listing": _fleet(
            "PutObject", Kill(after_work=True), "listing.json", **_EXIT
        ),
        "the results are throttled, try after try": _fleet(
            "GetItem", _THROTTLED, "result#", 6, of_results=True, retried=("TableUnavailable",)
        ),
        "SummarizeFleet is killed before the manifest": _fleet(
            "PutObject", Kill(), "fleet.json", **_EXIT
        ),
        "SummarizeFleet is killed when it has written the manifest": _fleet(
            "PutObject", Kill(after_work=True), "fleet.json", **_EXIT
        ),
        "the manifest cannot be written": _fleet(
            "PutObject",
            _DENIED,
            "fleet.json",
            None,
            error="StorageDenied",
            left=("exports.json", "listing.json"),
        ),
        "the manifest's answer gets lost": _fleet("PutObject", LoseAnswer(), "fleet.json"),
    },
}

# What the local cloud cannot do, and what is shown elsewhere.
NOT_SHOWN = {
    "PutEvents is denied": "The local Step Functions asks no role. The state machine retries and "
    "catches it as it does the event that is refused above.",
    "An entry of PutEvents fails": "The local Step Functions takes it for sent. On AWS the task "
    "fails with `EventBridge.FailedEntry`, which is retried and caught like any error.",
    "An execution that is stopped or times out as a whole": "It runs no further state: "
    "[the operator's page](operate.md#what-a-stopped-execution-leaves) says what it may leave.",
    "Two tries of one fetch at once, or one beside DiscardReport": "Held at every call of S3 and "
    "DynamoDB while the other runs, in `tests/integration/test_fetch.py`: a manifest is true or is "
    "not there. It rests on S3 listing each upload that was begun before, and on an aborted upload "
    "staying so. AWS documents that lists of objects are strongly consistent, not in so many words "
    "that lists of uploads are, nor what comes of an abort while S3 completes the upload.",
    "A try that is killed while another one publishes": "The next one finds the manifest and "
    "aborts what the dead one has begun, in `tests/integration/test_fetch.py`.",
    "FetchReport is killed between its manifest and its metrics": "The export has landed and its "
    "event comes, but no metric counts it. That is some milliseconds of an export; if it was the "
    "only one in `AlarmAfterHoursWithoutExport`, the alarm goes off in vain.",
    "429 for two hours": "`DeadlineExceeded`, in `tests/unit/steps/test_start.py`.",
    "The same request twice at once": "With an `idempotencyKey` one export, in "
    "`tests/end_to_end/test_once.py`; without, two with a folder each, in `test_load.py`.",
    "A fleet whose list is denied, is empty or changes; two fleets at once; a fleet or one of its "
    "exports that is stopped": "In `tests/end_to_end/test_fleet.py` and "
    "`tests/unit/steps/test_fleet.py`.",
    "An export of a fleet that is throttled, or whose start's answer gets lost": "By the "
    "definition's expressions, in `tests/template/test_fleet_machine.py`: the local Step Functions "
    "starts an execution of a known name anew.",
    "A role without a permission": "Each of them, in `tests/end_to_end/test_least_privilege.py`.",
}
