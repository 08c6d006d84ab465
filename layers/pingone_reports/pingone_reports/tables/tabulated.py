"""An export whose rows are in the table `devices`: what is made of them, at most once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.model.keys import ExportKeys
from pingone_reports.tables.database import Cell, Database, Unknown
from pingone_reports.tables.posture import Strengths, users_to_parquet


@dataclass(frozen=True)
class Workplace:
    """Where tables come from and go to, and what makes them: a folder of the disk, and DuckDB."""

    bucket: Bucket
    folder: Path
    database: Database


class TabulatedExport:
    """An export by its keys and its manifest."""

    def __init__(self, workplace: Workplace, keys: ExportKeys, manifest: Mapping[str, Any]) -> None:
        self.keys = keys
        self.manifest = manifest
        self.workplace = workplace
        self.folder = Path(mkdtemp(dir=workplace.folder))
        self.rows = self.folder / "rows"

    @classmethod
    def at(cls, workplace: Workplace, manifest_key: str) -> "TabulatedExport | None":
        """The export with this manifest; None if its manifest or its rows have expired."""
        keys = ExportKeys.parse(manifest_key)
        assert keys
        manifest = workplace.bucket.read_json(manifest_key)
        if not manifest:
            return None
        export = cls(workplace, keys, manifest)
        return export if workplace.bucket.download(keys.devices_table, export.rows) else None

    @property
    def identity(self) -> dict[str, Cell]:
        """The columns that say in each table whose row it is."""
        return {
            "report": self.manifest["reportName"],
            "environment": self.manifest["environmentId"],
            "environment_name": self.environment_name or Unknown.TEXT,
            "export_id": self.keys.execution,
            "exported_at": self.manifest["createdAt"],
        }

    @property
    def environment_name(self) -> str:
        """What people call the environment; empty if nobody told, or in an older manifest."""
        return self.manifest.get("environmentName") or ""

    @property
    def file(self) -> Mapping[str, Any]:
        """The file that the rows are of. CSV comes first: to read it takes less memory."""
        return min(self.manifest["files"], key=lambda file: str(file["format"]))

    @property
    def users(self) -> Path:
        """Its rows of the table `users`."""
        return self._users[0]

    @property
    def strengths(self) -> Strengths:
        """How strong its users are."""
        return self._users[1]

    @cached_property
    def _users(self) -> tuple[Path, Strengths]:
        path = self.folder / "users"
        identity = self.identity | {"date": self.keys.date}
        return path, users_to_parquet(self.workplace.database, self.rows, identity, path)
