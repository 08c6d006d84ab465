"""The store of generated files, with links that let anyone read one of them for a while."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from local.pingone_simulator.faults import FaultPlan
from local.pingone_simulator.request_log import RequestLog


class ReportBucket(Protocol):
    """What the simulator needs of a file store; unit tests pass a fake."""

    @property
    def host(self) -> str:
        """The host of its links, with the port."""

    def upload(self, key: str, body: bytes) -> None:
        """Store an object."""

    def presigned_link(self, key: str, seconds: int) -> str:
        """A link to the object that is valid for this many seconds from now."""

    def serve(
        self, faults_of: Callable[[str], FaultPlan], log: RequestLog
    ) -> AbstractContextManager[None]:
        """Serve links while the context lasts, with the faults of an environment's downloads."""
