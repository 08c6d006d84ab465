"""An export: what the state machine carries from StartReport to CheckReport to FetchReport."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from pingone_reports.model.request import CORRELATION_ID_CHARACTERS, ExportRequest


@dataclass(frozen=True, kw_only=True)
class Execution:
    """The Step Functions execution that an export belongs to. `started_at` is aware."""

    arn: str
    name: str
    started_at: datetime

    @property
    def correlation_id(self) -> str:
        """The execution's name, with `-` for each character that a correlation id cannot have."""
        return re.sub(rf"[^{CORRELATION_ID_CHARACTERS}]", "-", self.name)

    @classmethod
    def parse(cls, document: Mapping[str, str]) -> Self:
        """Read the state machine's `execution` object."""
        return cls(
            arn=document["arn"],
            name=document["name"],
            started_at=datetime.fromisoformat(document["startedAt"]),
        )


@dataclass(frozen=True, kw_only=True)
class Export:
    """One export that PingOne has accepted: ids and times, nothing secret.

    `requested_at` is when PingOne was asked, `deadline` is when polling ends; both are aware.
    `usual_seconds` is how long the last report of its series took, 0 if that is not known.
    """

    request: ExportRequest
    execution: Execution
    exploration_id: str
    requested_at: datetime
    deadline: datetime
    usual_seconds: int = 0

    def to_state(self) -> dict[str, Any]:
        """The JSON form between states; `from_state` reads it back."""
        return {
            "request": self.request.to_state(),
            "execution": {
                "arn": self.execution.arn,
                "name": self.execution.name,
                "startedAt": self.execution.started_at.isoformat(),
            },
            "explorationId": self.exploration_id,
            "requestedAt": self.requested_at.isoformat(),
            "deadline": self.deadline.isoformat(),
            "usualSeconds": self.usual_seconds,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Read what `to_state` wrote."""
        return cls(
            request=ExportRequest.from_state(state["request"]),
            execution=Execution.parse(state["execution"]),
            exploration_id=state["explorationId"],
            requested_at=datetime.fromisoformat(state["requestedAt"]),
            deadline=datetime.fromisoformat(state["deadline"]),
            usual_seconds=state.get("usualSeconds", 0),
        )
