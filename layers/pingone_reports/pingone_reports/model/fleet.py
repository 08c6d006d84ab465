"""A fleet: the exports that it starts, what came of each, and its manifest."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from pingone_reports.errors import NoEnvironments, TooManyExportsFailed
from pingone_reports.model.environment import Environment
from pingone_reports.model.export import Execution
from pingone_reports.model.fleet_request import TOLERATED, FleetRequest
from pingone_reports.model.request import UUID
from pingone_reports.model.text import one_line
from pingone_reports.model.times import utc

COMPLETED, FAILED = "COMPLETED", "FAILED"

# An event has at most 256 KB, and an error's message stands there for all environments.
_MOST_ERRORS_TOLD = 10


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Which environments a fleet exports, and which it leaves out.

    An environment that PingOne will soon delete is left out, whatever the request chooses.
    """

    request: FleetRequest
    environments: tuple[Environment, ...]
    excluded: tuple[Environment, ...] = ()

    @classmethod
    def chosen(cls, request: FleetRequest, visible: Iterable[Environment]) -> Self:
        """What a request chooses of the environments that PingOne lists, each once."""
        include, exclude = set(map(_seen, request.include)), set(map(_seen, request.exclude))
        wanted: list[Environment] = []
        excluded: list[Environment] = []
        for environment in {each.id: each for each in visible}.values():
            called = _called(environment)
            is_wanted = (
                not environment.is_deleted
                and (not request.include or not include.isdisjoint(called))
                and exclude.isdisjoint(called)
                and (not request.types or environment.type in request.types)
            )
            (wanted if is_wanted else excluded).append(environment)
        return cls(request=request, environments=tuple(wanted), excluded=tuple(excluded))

    @property
    def unmatched(self) -> list[str]:
        """The ids and names to include or exclude that no visible environment has."""
        known = set[str]().union(*map(_called, (*self.environments, *self.excluded)))
        asked = dict.fromkeys((*self.request.include, *self.request.exclude))
        return [word for word in asked if _seen(word) not in known]

    def to_document(self) -> dict[str, Any]:
        """The JSON form in the bucket."""
        if not self.environments:
            raise NoEnvironments(
                "No environment is left to export: check what the request chooses, and that the "
                "worker application has a role in the environments."
            )
        return {
            "correlationId": self.request.correlation_id,
            "request": self.request.to_document(),
            "environments": [each.to_document() for each in self.environments],
            "excluded": [
                {**each.to_document(), "deletePending": each.is_deleted} for each in self.excluded
            ],
            "unmatched": self.unmatched,
        }


def _seen(word: str) -> str:
    """What is compared of an id or a name: how it looks, an id in small letters."""
    seen = " ".join(one_line(word).split())
    return seen.lower() if re.fullmatch(UUID, seen) else seen


def _called(environment: Environment) -> set[str]:
    return {environment.id, _seen(environment.name)} if environment.name else {environment.id}


@dataclass(frozen=True)
class FleetExports:
    """The names and idempotency keys of a fleet's exports, the same at every try.

    An execution's name has at most 80 characters, and is that of one fleet's execution. So a start
    that is tried again finds the first one. The idempotency key is of the fleet's own key, if it
    has one: then a fleet that takes that key over does not export again what has landed.
    """

    execution_arn: str
    idempotency_key: str | None

    def name(self, environment_id: str) -> str:
        """The name of the environment's execution of ExportReport."""
        return f"fleet-{_hash(self.execution_arn)}-{environment_id}"

    def item(self, environment: Environment) -> dict[str, str | None]:
        """What the state machine's map reads for an environment."""
        key = _hash(self.idempotency_key or self.execution_arn)
        return {
            "environmentId": environment.id,
            # An empty name is none.
            "environmentName": environment.name or None,
            "licenseId": environment.license_id,
            "executionName": self.name(environment.id),
            "idempotencyKey": f"fleet:{key}:{environment.id}",
        }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def fleet_manifest(
    execution: Execution,
    listing: Mapping[str, Any],
    entries: Sequence[Mapping[str, Any]],
    before: tuple[str, Mapping[str, Any]] | None,
) -> dict[str, Any]:
    """The fleet's manifest; see events/fleet.schema.json.

    `before` is the fleet before this one: its manifest's key, and its listing.
    """
    errors = Counter(entry["error"] for entry in entries if entry["status"] == FAILED)
    failed, tolerated = errors.total(), listing["request"].get(TOLERATED, 0)
    new, gone = _differences(listing, before[1]) if before else ([], [])
    return {
        "status": FAILED if failed * 100 > tolerated * len(entries) else COMPLETED,
        "correlationId": listing["correlationId"],
        "executionArn": execution.arn,
        "startedAt": utc(execution.started_at),
        "completedAt": utc(datetime.now(UTC)),
        "request": listing["request"],
        "numbers": {
            "environments": len(entries),
            "completed": len(entries) - failed,
            "failed": failed,
            "excluded": len(listing["excluded"]),
            "unmatched": len(listing["unmatched"]),
            "new": len(new),
            "gone": len(gone),
            "records": sum(entry["records"] or 0 for entry in entries),
        },
        TOLERATED: tolerated,
        "errors": dict(errors.most_common()),
        "environments": list(entries),
        "excluded": listing["excluded"],
        "unmatched": listing["unmatched"],
        "before": before and before[0],
        "new": new,
        "gone": gone,
    }


def _differences(
    now: Mapping[str, Any], before: Mapping[str, Any]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The environments that are new, and those that are gone."""
    current, former = (
        {each["environmentId"]: each for each in listing["environments"]}
        for listing in (now, before)
    )
    return (
        [each for id_, each in current.items() if id_ not in former],
        [each for id_, each in former.items() if id_ not in current],
    )


def fleet_event(manifest: Mapping[str, Any], bucket: str, manifest_key: str) -> dict[str, Any]:
    """What an event tells of a fleet: its numbers and its manifest's key, never its list."""
    return {
        **{
            name: manifest[name]
            for name in (
                "status", "correlationId", "executionArn", "startedAt", "completedAt", "numbers",
                TOLERATED,
            )
        },
        "errors": dict(Counter(manifest["errors"]).most_common(_MOST_ERRORS_TOLD)),
        "bucket": bucket,
        "manifestKey": manifest_key,
    }  # fmt: skip


def failure_of(manifest: Mapping[str, Any], bucket: str, manifest_key: str) -> Exception | None:
    """Why the fleet is red, if it is."""
    if manifest["status"] == COMPLETED:
        return None
    numbers = manifest["numbers"]
    errors = Counter(manifest["errors"]).most_common(_MOST_ERRORS_TOLD)
    told = ", ".join(f"{error} {times} times" if times > 1 else error for error, times in errors)
    return TooManyExportsFailed(
        f"{numbers['failed']} of {numbers['environments']} exports failed, and "
        f"{manifest[TOLERATED]}% may: {told}. Each is in s3://{bucket}/"
        f"{manifest_key}. Mend the causes, and start a fleet with this key as 'onlyFailedOf'."
    )


def series_of(request: Mapping[str, Any]) -> str | None:
    """What fleets have in common that can be compared; None for one that repeats a part."""
    if "onlyFailedOf" in request:
        return None
    choice = [request.get(name) for name in ("environmentIds", "include", "exclude", "types")]
    return _hash(json.dumps([request.get("reportName"), *choice]))
