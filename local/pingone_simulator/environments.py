"""Each environment's scenario, and how often its faults have occurred."""

import threading

from local.pingone_simulator.faults import FaultPlan
from local.pingone_simulator.scenario import Scenario


class Environments:
    """Every environment id is valid; one without its own scenario uses the default."""

    def __init__(self, default: Scenario) -> None:
        self._default = default
        self._played: dict[str, tuple[Scenario, FaultPlan]] = {}
        self._lock = threading.Lock()

    def set_scenario(self, environment_id: str, scenario: Scenario) -> None:
        with self._lock:
            self._played[environment_id] = scenario, FaultPlan(scenario.faults)

    def scenario_of(self, environment_id: str) -> Scenario:
        return self._played_by(environment_id)[0]

    def faults_of(self, environment_id: str) -> FaultPlan:
        return self._played_by(environment_id)[1]

    def _played_by(self, environment_id: str) -> tuple[Scenario, FaultPlan]:
        with self._lock:
            if environment_id not in self._played:
                self._played[environment_id] = self._default, FaultPlan(self._default.faults)
            return self._played[environment_id]
