"""The stack's event bus, and the topic of its mails."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pingone_reports.aws.error_codes import AWS_ERRORS, code_of
from pingone_reports.errors import AnnouncementFailed

SOURCE = "pingone.reports"
# EventBridge takes ten entries at once, of 256 KB in all. Ours have at most a few KB each.
_MOST_AT_ONCE = 10
_PAUSES = (0.2, 0.5, 1, 2, 4)


class EventBus:
    """A bus that takes the application's events. Raises AnnouncementFailed."""

    def __init__(self, events: Any, name: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._events = events
        self._name = name
        self._sleep = sleep

    def publish(self, detail_type: str, details: Sequence[Mapping[str, Any]]) -> None:
        """Publish an event for each detail, in their order; each at least once."""
        entries = [
            {
                "EventBusName": self._name,
                "Source": SOURCE,
                "DetailType": detail_type,
                "Detail": json.dumps(detail),
            }
            for detail in details
        ]
        for start in range(0, len(entries), _MOST_AT_ONCE):
            self._publish(entries[start : start + _MOST_AT_ONCE])

    def _publish(self, entries: list[dict[str, str]]) -> None:
        """PutEvents may take some entries and refuse others: those come again."""
        for pause in (*_PAUSES, None):
            try:
                results = self._events.put_events(Entries=entries)["Entries"]
            except AWS_ERRORS as error:
                raise _failed("EventBridge", code_of(error)) from None
            codes = [result["ErrorCode"] for result in results if "ErrorCode" in result]
            entries = [
                entry
                for entry, result in zip(entries, results, strict=True)
                if "ErrorCode" in result
            ]
            if not entries:
                return
            if pause is None:
                raise _failed("EventBridge", codes[0])
            self._sleep(pause)


class Topic:
    """A topic whose subscribers get mails. Raises AnnouncementFailed."""

    def __init__(self, sns: Any, arn: str) -> None:
        self._sns = sns
        self._arn = arn

    def send(self, subject: str, text: str) -> None:
        """Send a mail. SNS takes subjects of at most 100 characters of ASCII."""
        try:
            self._sns.publish(TopicArn=self._arn, Subject=subject[:100], Message=text)
        except AWS_ERRORS as error:
            raise _failed("SNS", code_of(error)) from None


def _failed(service: str, code: str) -> AnnouncementFailed:
    return AnnouncementFailed(
        f"{service} did not take what changed ({code}): if this lasts, check the function's role, "
        "the policy of the bus and its key. The tables are written, and another try tells again."
    )
