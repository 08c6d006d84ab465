"""SummarizeFleet: write down what came of each environment of a fleet, once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pingone_reports.aws.bucket import Bucket
from pingone_reports.aws.fleet_entries import entry_of
from pingone_reports.aws.fleets import FleetHistory, FleetResults
from pingone_reports.errors import ExportError, InvalidRequest, TableUnavailable
from pingone_reports.model.environment import Environment
from pingone_reports.model.export import Execution
from pingone_reports.model.fleet import (
    FleetExports,
    failure_of,
    fleet_event,
    fleet_manifest,
    series_of,
)
from pingone_reports.model.keys import FleetKeys
from pingone_reports.observability import logger, write_metrics


@dataclass(frozen=True, kw_only=True)
class SummarizeFleet:
    """The summary, with all that it needs."""

    bucket: Bucket
    results: FleetResults
    history: FleetHistory
    key_prefix: str

    def run(self, execution: Execution) -> dict[str, Any]:
        """Write the fleet's manifest last; returns what its event tells, and why it is red, if so.

        If an earlier try has written it, that one counts. Raises StorageDenied, StorageUnavailable,
        TableUnavailable and InvalidRequest.
        """
        keys = FleetKeys.of(execution, self.key_prefix)
        manifest = self.bucket.read_json(keys.manifest) or self._summarize(execution, keys)
        failure = failure_of(manifest, self.bucket.name, keys.manifest)
        return {
            "fleet": fleet_event(manifest, self.bucket.name, keys.manifest),
            "failure": failure and {"Error": type(failure).__name__, "Cause": str(failure)},
        }

    def _summarize(self, execution: Execution, keys: FleetKeys) -> dict[str, Any]:
        listing = self.bucket.read_json(keys.listing)
        if not listing:
            raise InvalidRequest("The execution must be a fleet's, whose environments were listed.")
        environments = [Environment.from_document(each) for each in listing["environments"]]
        exports = FleetExports(execution.arn, None)
        results = self.results.of([exports.name(environment.id) for environment in environments])
        entries = list(map(entry_of, environments, results))
        series = series_of(listing["request"])
        manifest = self.bucket.create_json(
            keys.manifest,
            fleet_manifest(execution, listing, entries, self._before(series) if series else None),
        )
        if series:
            self._remember(series, execution, keys.manifest)
        numbers = manifest["numbers"]
        write_metrics(
            {"EnvironmentsExported": numbers["completed"], "EnvironmentsFailed": numbers["failed"]},
            execution=execution.name,
            correlation_id=manifest["correlationId"],
        )
        return manifest

    def _before(self, series: str) -> tuple[str, Mapping[str, Any]] | None:
        """The fleet before: its manifest's key and its listing, if they can be read.

        The exports have ended, so a comparison that cannot be made is no reason to fail.
        """
        try:
            manifest_key = self.history.before(series)
            keys = FleetKeys.below(manifest_key, self.key_prefix) if manifest_key else None
            listing = self.bucket.read_json(keys.listing) if keys else None
        except ExportError as error:
            logger.warning("The fleet before cannot be read.", error=str(error))
            return None
        return (manifest_key, listing) if manifest_key and listing else None

    def _remember(self, series: str, execution: Execution, manifest_key: str) -> None:
        try:
            self.history.remember(series, execution.started_at, manifest_key)
        except TableUnavailable as error:
            # The manifest is there, so the fleet is done. The next one uses an older comparison.
            logger.warning("The next fleet cannot be compared with this one.", error=str(error))
