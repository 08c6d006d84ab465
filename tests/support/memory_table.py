"""A DynamoDB table in memory, for the writes that keep a series."""

import re
import threading
from collections.abc import Mapping

from pingone_reports.aws.table import ConditionFailed, Item, Value


class MemoryTable:
    """Items that are written whole or, if a condition is not met, not at all."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}
        self.calls = 0
        self._lock = threading.Lock()

    def get(self, key: str) -> Item | None:
        self.calls += 1
        return dict(self.items[key]) if key in self.items else None

    def update(
        self, key: str, expression: str, condition: str | None, values: Mapping[str, Value]
    ) -> Item:
        """Write an item. It knows `SET a = :a, ...`, and two conditions."""
        self.calls += 1
        with self._lock:
            item = self.items.get(key, {})
            if missing := re.fullmatch(r"attribute_not_exists\((\w+)\)", condition or ""):
                met = missing[1] not in item
            elif equal := re.fullmatch(r"(\w+) = :(\w+)", condition or ""):
                met = item.get(equal[1]) == values[equal[2]]
            else:
                met = condition is None
            if not met:
                raise ConditionFailed(dict(item))
            new = re.findall(r"(\w+) = :(\w+)", expression)
            self.items[key] = item | {name: values[value] for name, value in new}
            return dict(self.items[key])
