"""The bucket's layout: the keys of an export, of the tables made from it, and of a fleet."""

import re
from dataclasses import dataclass
from datetime import UTC, date
from typing import Any, Self

from pingone_reports.model.export import Execution, Export

MANIFEST = "manifest.json"
QUARANTINE = "quarantine.json"
FLEET = "fleet.json"

_MANIFEST_KEY = re.compile(
    r"(?P<prefix>(?:.+/)?)report=(?P<report>[^/]+)/environment=(?P<environment>[^/]+)"
    rf"/date=(?P<date>\d{{4}}-\d\d-\d\d)/(?P<execution>[^/]+)/{re.escape(MANIFEST)}"
)
_FLEET_KEY = re.compile(
    r"(?P<prefix>(?:.+/)?)fleet/date=(?P<date>\d{4}-\d\d-\d\d)/(?P<execution>[^/]+)"
    rf"/{re.escape(FLEET)}"
)


@dataclass(frozen=True, kw_only=True)
class ExportKeys:
    """The keys of one export. `prefix` is empty or ends in `/`; `date` is in UTC."""

    prefix: str
    report: str
    environment: str
    date: date
    execution: str

    @classmethod
    def of(cls, export: Export, key_prefix: str) -> Self:
        """The keys are the same for every try of an execution. `key_prefix` does not end in `/`."""
        return cls(
            prefix=f"{key_prefix}/" if key_prefix else "",
            report=export.request.report_name,
            environment=export.request.environment_id,
            date=export.execution.started_at.astimezone(UTC).date(),
            execution=export.execution.name,
        )

    @classmethod
    def parse(cls, manifest_key: str) -> Self | None:
        """The keys of the export that has this manifest; None if this is not a manifest's key."""
        parts = _parts(_MANIFEST_KEY, manifest_key)
        return cls(**parts) if parts else None

    @property
    def folder(self) -> str:
        """The folder of the export's files and its manifest; ends in `/`."""
        return f"{self.prefix}{self._below}"

    @property
    def manifest(self) -> str:
        """The manifest's key. A reader waits for this object."""
        return f"{self.folder}{MANIFEST}"

    @property
    def quarantine_folder(self) -> str:
        """The folder of a doubtful report, where no reader looks for exports; ends in `/`."""
        return f"{self.prefix}quarantine/{self._below}"

    @property
    def devices_table(self) -> str:
        """The Parquet file of the export's rows."""
        return self._in_table("devices")

    @property
    def exports_table(self) -> str:
        """The Parquet file of the one row about the export."""
        return self._in_table("exports")

    @property
    def changes_table(self) -> str:
        """The Parquet file of what this export changed."""
        return self._in_table("changes")

    @property
    def latest_table(self) -> str:
        """The Parquet file of the newest export's rows, of this report and environment."""
        return self._newest_in_table("latest")

    @property
    def users_table(self) -> str:
        """The Parquet file of the newest export's users, of this report and environment."""
        return self._newest_in_table("users")

    def newest_exports_table(self, series: str) -> str:
        """The Parquet file of the row about the newest export of a series of this environment."""
        folder = f"{self.prefix}tables/newest_exports/report={self.report}"
        return f"{folder}/environment={self.environment}/{series}.parquet"

    @property
    def page(self) -> str:
        """The page about the export, outside of the tables that queries read."""
        return f"{self.prefix}posture/{self._below.removesuffix('/')}.html"

    @property
    def summary(self) -> str:
        """The numbers of an export of a fleet, for the page of that fleet."""
        folder = f"{self.prefix}series/report={self.report}/environment={self.environment}"
        return f"{folder}/summary/{self.execution}"

    def _in_table(self, table: str) -> str:
        """The export's file in a table that has a partition for each day."""
        # A query ignores files whose names begin with these. No execution's name has a comma, so
        # the new name is unique.
        hidden = self.execution.startswith(("_", "."))
        name = f"name,{self.execution}" if hidden else self.execution
        return f"{self.prefix}tables/{table}/date={self.date}/{name}.parquet"

    def _newest_in_table(self, table: str) -> str:
        folder = f"{self.prefix}tables/{table}/report={self.report}"
        return f"{folder}/environment={self.environment}.parquet"

    @property
    def _below(self) -> str:
        return (
            f"report={self.report}/environment={self.environment}/date={self.date}"
            f"/{self.execution}/"
        )


@dataclass(frozen=True, kw_only=True)
class FleetKeys:
    """The keys of one fleet. `prefix` is empty or ends in `/`; `date` is in UTC."""

    prefix: str
    date: date
    execution: str

    @classmethod
    def of(cls, execution: Execution, key_prefix: str) -> Self:
        """The keys are the same for every try of an execution. `key_prefix` does not end in `/`."""
        return cls(
            prefix=f"{key_prefix}/" if key_prefix else "",
            date=execution.started_at.astimezone(UTC).date(),
            execution=execution.name,
        )

    @classmethod
    def parse(cls, manifest_key: str) -> Self | None:
        """The keys of the fleet that has this manifest; None if this is not a manifest's key."""
        parts = _parts(_FLEET_KEY, manifest_key)
        return cls(**parts) if parts else None

    @classmethod
    def below(cls, manifest_key: str, key_prefix: str) -> Self | None:
        """`parse`, and None for a fleet below another prefix: no role of the stack may read it."""
        keys = cls.parse(manifest_key)
        return keys if keys and keys.prefix.removesuffix("/") == key_prefix else None

    @property
    def folder(self) -> str:
        """The fleet's folder; ends in `/`."""
        return f"{self.prefix}fleet/date={self.date}/{self.execution}/"

    @property
    def listing(self) -> str:
        """Which environments the fleet has, and which it leaves out. It is written once."""
        return f"{self.folder}listing.json"

    @property
    def items(self) -> str:
        """The list that the state machine's map reads: one export for each of its items."""
        return f"{self.folder}exports.json"

    @property
    def manifest(self) -> str:
        """The fleet's manifest, written last and once. A reader waits for this object."""
        return f"{self.folder}{FLEET}"

    @property
    def page(self) -> str:
        """The page about the fleet."""
        return f"{self.prefix}posture/fleet/date={self.date}/{self.execution}.html"


def _parts(pattern: re.Pattern[str], manifest_key: str) -> dict[str, Any] | None:
    try:
        found = pattern.fullmatch(manifest_key)
        return found and {**found.groupdict(), "date": date.fromisoformat(found["date"])}
    except ValueError:
        return None
