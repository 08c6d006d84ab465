"""A bus, and a topic, that keep what they get."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pingone_reports.model.announcements import COMPARED, SECURITY_EVENT_DETECTED


class Bus:
    """It keeps events, with what they are about, and mails.

    `before` is called first, with the detail type or with "mail".
    """

    def __init__(self) -> None:
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        self.resources: set[str] = set()
        self.mails: list[tuple[str, str]] = []
        self.before: Any = lambda _kind: None

    def publish(
        self, detail_type: str, details: Sequence[Mapping[str, Any]], resource: str
    ) -> None:
        self.before(detail_type)
        self.events += [(detail_type, json.loads(json.dumps(detail))) for detail in details]
        self.resources.add(resource)

    def send(self, subject: str, text: str) -> None:
        self.before("mail")
        self.mails.append((subject, text))

    @property
    def compared(self) -> list[Mapping[str, Any]]:
        return [detail for kind, detail in self.events if kind == COMPARED]

    @property
    def security(self) -> list[Mapping[str, Any]]:
        return [detail for kind, detail in self.events if kind == SECURITY_EVENT_DETECTED]

    @property
    def told(self) -> list[str]:
        """Of which exports it was told that they changed something, each against which."""
        return [
            f"{each['exportId']} after {each['previousExportId']}"
            for each in self.compared
            if each["result"] == "changed"
        ]
