"""Faults of calls to PingOne and of downloads, in addition to those of any call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from local import faults
from local.faults import Effect as Effect
from local.faults import FaultPlan as FaultPlan

Operation = Literal["token", "environments", "create", "read", "read_ready", "download"]
"""`environments` is every page of the list, with the faults of the organisation's scenario.

`read` is every GET of an exploration, `read_ready` only those made once its status is final.

`download` is every GET of a link, with a count for each format. The exporter's first GET asks for
the end of a file, the second for the rest.
"""


@dataclass(frozen=True)
class Answer(Effect):
    """Answer with this status instead of doing the work."""

    status: int
    retry_after: int | str | None = None
    html: bool = False


@dataclass(frozen=True)
class EchoCredentials(Effect):
    """Answer with this status, and a message that repeats the call's Authorization header."""

    status: int


@dataclass(frozen=True)
class Hang(Effect):
    """Hold the answer back for wall seconds, which are those of client timeouts; never scaled."""

    seconds: float


@dataclass(frozen=True)
class MalformedJson(Effect):
    """Send the first half of the body, with a Content-Length that fits it."""


@dataclass(frozen=True)
class ChangeBody(Effect):
    """Leave keys out of the JSON body, or give them another value."""

    omit: tuple[str, ...] = ()
    override: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Body(Effect):
    """Send this body instead of the right one."""

    content: bytes


@dataclass(frozen=True)
class LinkLifetime(Effect):
    """Return links that are valid for this many seconds; with a longer `Hang`, they are expired."""

    seconds: int


@dataclass(frozen=True)
class Reset(Effect):
    """Reset the connection after this many bytes. This and the faults below are of downloads."""

    after: int


@dataclass(frozen=True)
class CutOff(Effect):
    """Close the connection after this many bytes, fewer than its Content-Length."""

    after: int


@dataclass(frozen=True)
class Stall(Effect):
    """Pause after this many bytes, for wall seconds."""

    after: int
    seconds: float


@dataclass(frozen=True)
class ShortBody(Effect):
    """Send only the first bytes of the range, with a Content-Length that fits them."""

    size: int


@dataclass(frozen=True)
class FlipBit(Effect):
    """Flip a bit of the body's byte with this index."""

    at: int


@dataclass(frozen=True)
class IgnoreRange(Effect):
    """Answer 200 with the whole file."""


@dataclass(frozen=True)
class ReplaceObject(Effect):
    """Before the answer, replace the object by another one with the same content."""


@dataclass(frozen=True)
class Fault(faults.Fault):
    """A fault of calls for one environment.

    Faults of the same call act together. A call that the simulator itself refuses (401, 429) does
    not count. A call that a fault answers counts for the rate limit of its environment.
    """

    operation: Operation
