"""What the PingOne simulator runs on in unit tests: a clock that tests move, files in memory."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime, timedelta

from local.pingone_simulator.faults import FaultPlan
from local.pingone_simulator.request_log import RequestLog


class ManualClock:
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def seconds(self) -> float:
        return self.now

    def instant(self, seconds: float) -> datetime:
        return datetime(2023, 10, 16, 11, 51, 26, tzinfo=UTC) + timedelta(seconds=seconds)


class ManualClockOfNow(ManualClock):
    """Stands still until a test moves it, but stands at the present."""

    def __init__(self) -> None:
        super().__init__()
        self._zero = datetime.now(UTC)

    def instant(self, seconds: float) -> datetime:
        return self._zero + timedelta(seconds=seconds)


class FakeBucket:
    """Keeps objects, and numbers its links so that each is another one."""

    host = "s3.test"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.links = 0

    def upload(self, key: str, body: bytes) -> None:
        self.objects[key] = body

    def presigned_link(self, key: str, seconds: int) -> str:
        self.links += 1
        return f"https://s3.test/{key}?X-Amz-Expires={seconds}&X-Amz-Signature=sig{self.links}"

    def serve(
        self, _faults_of: Callable[[str], FaultPlan], _log: RequestLog
    ) -> AbstractContextManager[None]:
        return nullcontext()

    def object_of(self, link: str) -> tuple[str, bytes]:
        key = link.removeprefix("https://s3.test/").partition("?")[0]
        return key, self.objects[key]
