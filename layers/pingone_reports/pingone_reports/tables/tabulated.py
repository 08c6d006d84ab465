"""An export as rows: what is made of them, at most once."""

import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.errors import InvalidReport
from pingone_reports.model.fields import FIELDS, KNOWN
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.posture import Protection
from pingone_reports.model.series import PublishedExport
from pingone_reports.tables.database import Cell, Database, Unknown, columns_of
from pingone_reports.tables.parquet import repeated_values, report_to_parquet
from pingone_reports.tables.protection import users_to_parquet


@dataclass(frozen=True)
class Workplace:
    """Where tables come from and go to, and what makes them: a folder of the disk, and DuckDB."""

    bucket: Bucket
    folder: Path
    database: Database


class TabulatedExport:
    """An export by its keys and its manifest. Its rows are in the file `rows`."""

    def __init__(self, workplace: Workplace, keys: ExportKeys, manifest: Mapping[str, Any]) -> None:
        self.keys = keys
        self.manifest = manifest
        self.workplace = workplace
        self.folder = Path(mkdtemp(dir=workplace.folder))
        self.rows = self.folder / "rows"
        self.repaired_cells = 0
        self.doubts: list[str] = []
        self.published = PublishedExport.of(manifest, keys.manifest)

    @classmethod
    def at(cls, workplace: Workplace, manifest_key: str) -> "TabulatedExport | None":
        """The export with this manifest; None if its manifest or its file has expired.

        Rows that are not in the tables yet are made from the landed file. Raises InvalidReport.
        """
        keys = ExportKeys.parse(manifest_key)
        assert keys
        manifest = workplace.bucket.read_json(manifest_key)
        if not manifest:
            return None
        export = cls(workplace, keys, manifest)
        there = workplace.bucket.download(keys.devices_table, export.rows)
        return export if there or export.make_rows() else None

    def make_rows(self) -> bool:
        """Make the rows from the landed file; returns whether it is there.

        Raises InvalidReport if it is not what the manifest says.
        """
        file = self.file
        report = self.folder / Path(file["key"]).name
        if not self.workplace.bucket.download(file["key"], report):
            return False
        _verify(report, file["sha256"])
        written = report_to_parquet(
            self.workplace.database,
            report,
            file["format"],
            self.identity,
            self.rows,
            asked=self.manifest["fields"] or list(FIELDS),
        )
        if written.number != file["records"]:
            raise InvalidReport(
                f"The file has {written.number} rows, but its manifest says {file['records']}: "
                "export the report again."
            )
        self.repaired_cells, self.doubts = written.repaired_cells, written.doubts
        report.unlink()
        return True

    def discard(self) -> None:
        """Give back the room on the disk."""
        shutil.rmtree(self.folder)

    @property
    def identity(self) -> dict[str, Cell]:
        """The columns that say in each table whose row it is."""
        return {
            "report": self.manifest["reportName"],
            "environment": self.manifest["environmentId"],
            "environment_name": self.environment_name or Unknown.TEXT,
            "export_id": self.keys.execution,
            "exported_at": self.exported_at,
        }

    @property
    def exported_at(self) -> str:
        """When PingOne made the report (UTC, ISO 8601)."""
        return str(self.manifest["createdAt"])

    @property
    def environment_name(self) -> str:
        """What people call the environment; empty if nobody told, or in an older manifest."""
        return self.manifest.get("environmentName") or ""

    @property
    def file(self) -> Mapping[str, Any]:
        """The file that the rows are of. CSV comes first: to read it takes less memory."""
        return min(self.manifest["files"], key=lambda file: str(file["format"]))

    @cached_property
    def fields(self) -> frozenset[str]:
        """The known fields that the rows have, in lower case."""
        return frozenset(columns_of(self.workplace.database, self.rows)) & frozenset(KNOWN)

    @cached_property
    def repeated_ids(self) -> int:
        """How many device ids come more than once, whatever their case."""
        return repeated_values(self.workplace.database, self.rows, "deviceId")

    @property
    def users(self) -> Path:
        """Its rows of the table `users`."""
        return self._users[0]

    @property
    def protection(self) -> Protection | None:
        """How well its users are protected; None if the export cannot show it."""
        return self._users[1]

    @cached_property
    def _users(self) -> tuple[Path, Protection | None]:
        path = self.folder / "users"
        identity = self.identity | {"date": self.keys.date}
        return path, users_to_parquet(
            self.workplace.database,
            self.rows,
            identity,
            path,
            self.manifest["filter"],
            self.published.tokens,
        )


def _verify(report: Path, sha256: str) -> None:
    with report.open("rb") as stored:
        if hashlib.file_digest(stored, "sha256").hexdigest() != sha256:
            raise InvalidReport(
                "The file was replaced after its manifest was written: export the report again."
            )
