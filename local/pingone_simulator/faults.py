"""What can go wrong with a call, and which calls it goes wrong with."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

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
class DropConnection:
    """Close the connection instead of doing the work."""


@dataclass(frozen=True)
class LoseResponse:
    """Do the work, then close the connection without an answer."""


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
    | LoseResponse
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
class Fault:
    """An effect on `times` calls of an operation (None: on all), after the first `skip` of them.

    Faults that meet on one call act together. A call that the simulator itself refuses (401, 429)
    is not counted; one that a fault answers has used up its environment's five seconds.
    """

    operation: Operation
    effect: Effect
    times: int | None = 1
    skip: int = 0

    def hits(self, call: int) -> bool:
        return call >= self.skip and (self.times is None or call < self.skip + self.times)


class FaultPlan:
    """Counts the calls of one environment and says what happens to each."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self._faults = faults
        self._calls: Counter[tuple[Operation, str]] = Counter()
        self._met: set[int] = set()
        self._lock = threading.Lock()

    def effects_of_next(self, operation: Operation, format_: str = "") -> list[Effect]:
        with self._lock:
            call = self._calls[operation, format_]
            self._calls[operation, format_] += 1
            met = [
                number
                for number, fault in enumerate(self._faults)
                if fault.operation == operation and fault.hits(call)
            ]
            self._met.update(met)
        return [self._faults[number].effect for number in met]

    @property
    def unmet(self) -> list[Fault]:
        """The faults that no call has met yet."""
        with self._lock:
            return [f for number, f in enumerate(self._faults) if number not in self._met]
