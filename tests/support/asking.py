"""What a test asks PingOne for, and how it looks for secrets in what comes of it."""

import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from local.pingone_simulator import Fault, PingOneSimulator, Scenario
from pingone_reports.model.export import Execution, Export
from pingone_reports.model.report_file import Format
from pingone_reports.model.request import ExportRequest
from pingone_reports.pingone.credentials import ClientAuthentication, ClientCredentials

ENVIRONMENT_ID = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"
REQUEST = ExportRequest(
    environment_id=ENVIRONMENT_ID,
    report_name="devices",
    fields=("userId", "username"),
    filter='(mfaEnabled eq "true")',
    formats=(Format.CSV, Format.JSON),
    correlation_id="nightly-2026-03-01",
)


def authentication_of(simulator: PingOneSimulator) -> ClientAuthentication:
    """What the worker application's secret proves."""
    return ClientCredentials(simulator.client_id, simulator.client_secret).authentication()


def play(simulator: PingOneSimulator, *faults: Fault, **scenario: Any) -> None:
    """Let these faults happen."""
    simulator.set_scenario(ENVIRONMENT_ID, replace(Scenario(rows=5), faults=faults, **scenario))


def execution(started_at: datetime | None = None) -> Execution:
    """One that was started now."""
    return Execution(
        arn="arn:aws:states:eu-central-1:123456789012:execution:reports:5f2c1c1e",
        name="5f2c1c1e",
        started_at=started_at or datetime.now(UTC),
    )


def export_of(exploration_id: str, seconds_left: float = 1800, age: float = 0) -> Export:
    """An export that PingOne accepted `age` seconds ago."""
    now = datetime.now(UTC)
    return Export(
        request=REQUEST,
        execution=execution(),
        exploration_id=exploration_id,
        requested_at=now - timedelta(seconds=age),
        deadline=now + timedelta(seconds=seconds_left),
    )


def told(error: BaseException) -> str:
    """All that an error tells whoever reads it: its message, and the traceback of its chain."""
    return "".join([str(error), repr(error), *traceback.format_exception(error)])


def secrets_in(text: str, simulator: PingOneSimulator) -> list[str]:
    """The kinds of secrets that the simulator gave out and that stand in a text."""
    return [secret.kind for secret in simulator.issued_secrets if secret.value in text]
