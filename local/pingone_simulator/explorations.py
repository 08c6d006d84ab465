"""Data explorations, from creation to expiry, and the files that they share."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from uuid import uuid4

from local.pingone_simulator.clock import Clock
from local.pingone_simulator.report_files import ReportFiles
from local.pingone_simulator.scenario import Scenario

IN_PROGRESS = "IN_PROGRESS"

# A small report is generated much faster, so it is ready at the second that the scenario says.
_WALL_SECONDS_TO_FINISH = 1.0


@dataclass(frozen=True)
class Settings:
    """A request's settings; "exactly the same settings" means that two of these are equal."""

    fields: tuple[str, ...]
    filter: str | None = None
    deliver_as: str = "ENTRIES"


GenerateFiles = Callable[[str, Settings, Scenario], Future[ReportFiles]]


@dataclass(frozen=True)
class Exploration:
    """A data exploration; its times are the clock's seconds."""

    id: str
    environment_id: str
    settings: Settings
    scenario: Scenario
    created_at: float
    ready_at: float
    files: Future[ReportFiles] | None
    """None for an exploration that fails, or that is delivered as entries."""

    @property
    def expires_at(self) -> float:
        return self.created_at + self.scenario.exploration_seconds

    def is_final(self, now: float) -> bool:
        if now < self.ready_at:
            return False
        return self.files is None or bool(wait_for([self.files], _WALL_SECONDS_TO_FINISH).done)


class Explorations:
    """All explorations of all environments, and the two-hour cache of their files.

    "When results are returned in files, the generated files are cached for two hours. … This
    applies both to the results for an existing dataExploration object and the results for any
    additional dataExploration object created with the exact same settings" (MFA reports).
    """

    def __init__(self, clock: Clock, generate_files: GenerateFiles) -> None:
        self._clock = clock
        self._generate_files = generate_files
        self._explorations: dict[tuple[str, str], Exploration] = {}
        # The exploration that each file was generated for.
        self._cache: dict[tuple[str, Settings], Exploration] = {}
        self._lock = threading.Lock()

    def create(self, environment_id: str, settings: Settings, scenario: Scenario) -> Exploration:
        with self._lock:
            now = self._clock.seconds()
            ready_at, files = now + scenario.generation_seconds, None
            has_files = settings.deliver_as == "ASYNC_FILE" and scenario.final_status == "SUCCESS"
            cached = self._cache.get((environment_id, settings)) if has_files else None
            if cached and now < cached.ready_at + scenario.cache_seconds:
                ready_at, files = max(now, cached.ready_at), cached.files
            elif has_files:
                cached, files = None, self._generate_files(environment_id, settings, scenario)
            exploration = Exploration(
                str(uuid4()), environment_id, settings, scenario, now, ready_at, files
            )
            if has_files and not cached:
                self._cache[environment_id, settings] = exploration
            self._explorations[environment_id, exploration.id] = exploration
            return exploration

    def find(self, environment_id: str, exploration_id: str) -> Exploration | None:
        """None if there never was one, or if it has expired."""
        exploration = self._explorations.get((environment_id, exploration_id))
        if exploration is None or self._clock.seconds() >= exploration.expires_at:
            return None
        return exploration

    def finish(self, environment_id: str) -> None:
        """Make the environment's reports ready now."""
        with self._lock:
            for key, exploration in self._explorations.items():
                if key[0] == environment_id:
                    self._explorations[key] = replace(exploration, ready_at=self._clock.seconds())

    def forget_files(self, environment_id: str) -> None:
        """Make the environment's next exploration generate new files."""
        with self._lock:
            for key in [key for key in self._cache if key[0] == environment_id]:
                del self._cache[key]
