"""The stack's event bus, and the topic of its mails."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.errors import AnnouncementFailed
from pingone_reports.model.text import printable

SOURCE = "pingone.reports"
# EventBridge takes ten entries at once, of 256 KB in all. Ours have at most a few KB each.
_MOST_AT_ONCE = 10
_PAUSES = (0.2, 0.5, 1, 2, 4)
# "less than 100 characters long", of ASCII, in one line (Publish, Amazon SNS API reference).
_LONGEST_SUBJECT = 99


class EventBus:
    """A bus that takes the application's events. Raises AnnouncementFailed."""

    def __init__(self, events: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._events = events
        self._name = name
        self._sleep = sleep

    def publish(
        self, detail_type: str, details: Sequence[Mapping[str, Any]], resource: str
    ) -> None:
        """Publish an event for each detail, each at least once, about the ARN `resource`.

        PutEvents may take some and refuse others: those come again, after all others.
        """
        entries = [
            {
                "EventBusName": self._name,
                "Source": SOURCE,
                "DetailType": detail_type,
                "Resources": [resource],
                "Detail": json.dumps(detail),
            }
            for detail in details
        ]
        for pause in (*_PAUSES, None):
            refused = [
                refusal
                for start in range(0, len(entries), _MOST_AT_ONCE)
                for refusal in self._put(entries[start : start + _MOST_AT_ONCE])
            ]
            if not refused:
                return
            if pause is None:
                raise _failed("EventBridge", refused[0][1])
            entries = [entry for entry, _ in refused]
            self._sleep(pause)

    def _put(self, entries: list[dict[str, Any]]) -> Iterator[tuple[dict[str, Any], str]]:
        """The entries that the bus refuses, each with the code of why."""
        try:
            results = self._events.put_events(Entries=entries)["Entries"]
        except AWS_ERRORS as error:
            raise _failed("EventBridge", code_of(error)) from None
        for entry, result in zip(entries, results, strict=True):
            if "ErrorCode" in result:
                yield entry, result["ErrorCode"]


class Topic:
    """A topic whose subscribers get mails. Raises AnnouncementFailed."""

    def __init__(self, sns: Any, arn: str) -> None:
        self._sns = sns
        self._arn = arn

    def send(self, subject: str, text: str) -> None:
        """Send a mail. In its subject, other characters than those of ASCII become `?`."""
        line = printable(subject.encode("ascii", "replace").decode())[:_LONGEST_SUBJECT]
        try:
            self._sns.publish(TopicArn=self._arn, Subject=line, Message=text)
        except AWS_ERRORS as error:
            raise _failed("SNS", code_of(error)) from None


def _failed(service: str, code: str) -> AnnouncementFailed:
    return AnnouncementFailed(
        f"{service} did not take what changed ({code}): if this lasts, check the function's role, "
        "the policy of the bus and its key. The tables are written, and another try tells again."
    )
