"""The organisation's environments; each one's scenario, and how often its faults have occurred."""

from dataclasses import dataclass
from uuid import uuid4

from local.pingone_simulator.faults import FaultPlan
from local.pingone_simulator.scenario import Scenario


@dataclass(frozen=True)
class ListedEnvironment:
    """An environment as `GET /environments` shows it."""

    id: str
    name: str
    type: str = "PRODUCTION"
    licence_id: str = "57d3b6b4-11a6-4b4f-9b43-9b0a6b9a9e5d"
    status: str | None = None
    description: str = ""


class Environments:
    """Every environment id is valid; one without its own scenario uses the default.

    Those of the list are what the worker application sees. The organisation's own scenario has the
    faults of that list.
    """

    def __init__(self, default: Scenario) -> None:
        self.organization_id = str(uuid4())
        self.listed: tuple[ListedEnvironment, ...] = ()
        self._default = default
        self._played: dict[str, tuple[Scenario, FaultPlan]] = {}

    def set_scenario(self, environment_id: str, scenario: Scenario) -> None:
        self._played[environment_id] = scenario, FaultPlan(scenario.faults)

    def scenario_of(self, environment_id: str) -> Scenario:
        return self._played_by(environment_id)[0]

    def faults_of(self, environment_id: str) -> FaultPlan:
        return self._played_by(environment_id)[1]

    def _played_by(self, environment_id: str) -> tuple[Scenario, FaultPlan]:
        # One step for CPython: the first of several threads decides.
        return self._played.setdefault(
            environment_id, (self._default, FaultPlan(self._default.faults))
        )
