"""What can go wrong with a call of PingOne or with a download, beside what can with any call."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from local import faults
from local.faults import DropConnection, LoseAnswer

Operation = Literal["token", "create", "read", "read_ready", "download"]
"""`read` is every GET of an exploration, `read_ready` only those made once its status is final.

`download` is every GET of a link, counted for each format by itself: the exporter's first asks for
the end of a file, its second for the rest.
"""


@dataclass(frozen=True)
class Answer:
    """Answer with this status instead of doing the work."""

    status: int
    retry_after: int | str | None = None
    html: bool = False


@dataclass(frozen=True)
class EchoCredentials:
    """Answer with this status and a message that repeats what the call authorized itself with."""

    status: int


@dataclass(frozen=True)
class Hang:
    """Hold the answer back. Wall seconds, as client timeouts are; never scaled."""

    seconds: float


@dataclass(frozen=True)
class MalformedJson:
    """Send the first half of the body, with a Content-Length that fits it."""


@dataclass(frozen=True)
class ChangeBody:
    """Leave keys out of the JSON body, or give them another value."""

    omit: tuple[str, ...] = ()
    override: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Body:
    """Send this body in place of the one that is due."""

    content: bytes


@dataclass(frozen=True)
class LinkLifetime:
    """Give links of this many seconds; together with a longer `Hang` they arrive expired."""

    seconds: int


@dataclass(frozen=True)
class Reset:
    """Reset the connection after so many bytes of the body. This and the next are of downloads."""

    after: int


@dataclass(frozen=True)
class CutOff:
    """Close the connection after so many bytes of the body, short of its Content-Length."""

    after: int


@dataclass(frozen=True)
class Stall:
    """Pause after so many bytes of the body. Wall seconds."""

    after: int
    seconds: float


@dataclass(frozen=True)
class ShortBody:
    """Send so many bytes of the range, with a Content-Length that fits them."""

    size: int


@dataclass(frozen=True)
class FlipBit:
    """Turn over a bit of the body's byte with this index."""

    at: int


@dataclass(frozen=True)
class IgnoreRange:
    """Answer 200 with the whole file."""


@dataclass(frozen=True)
class ReplaceObject:
    """First put another object with the same content under the key."""


Effect = (
    Answer
    | EchoCredentials
    | DropConnection
    | LoseAnswer
    | Hang
    | MalformedJson
    | ChangeBody
    | Body
    | LinkLifetime
    | Reset
    | CutOff
    | Stall
    | ShortBody
    | FlipBit
    | IgnoreRange
    | ReplaceObject
)


@dataclass(frozen=True)
class Fault(faults.Fault[Effect]):
    """What goes wrong with calls of one environment.

    Faults that meet on one call act together. A call that the simulator itself refuses (401, 429)
    is not counted; one that a fault answers has used up its environment's five seconds.
    """

    operation: Operation


FaultPlan = faults.FaultPlan[Effect]
