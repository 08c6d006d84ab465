"""A bucket in memory, for tests of what is made of exports."""

import json
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class MemoryBucket:
    """The objects of a bucket."""

    name = "reports"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def read_json(self, key: str) -> dict[str, Any] | None:
        with self._lock:
            return dict(json.loads(self.objects[key])) if key in self.objects else None

    def write_json(self, key: str, document: Mapping[str, Any] | Sequence[Any]) -> None:
        self.write_text(key, json.dumps(document), "application/json")

    def write_text(self, key: str, text: str, _content_type: str) -> None:
        with self._lock:
            self.objects[key] = text.encode()

    def create_json(self, key: str, document: Mapping[str, Any]) -> dict[str, Any]:
        with self._lock:
            body = self.objects.setdefault(key, json.dumps(document).encode())
        return dict(json.loads(body))

    def keys(self, folder: str) -> list[str]:
        return [key for key in sorted(self.objects) if key.startswith(folder)]

    def download(self, key: str, path: Path) -> bool:
        if key not in self.objects:
            return False
        path.write_bytes(self.objects[key])
        return True

    def upload_file(self, path: Path, key: str) -> None:
        body = path.read_bytes()
        with self._lock:
            self.objects[key] = body
