"""How the reports of one environment come out."""

from dataclasses import dataclass
from typing import Literal

from local.pingone_simulator.faults import Fault
from local.pingone_simulator.report_data import JsonShape
from local.pingone_simulator.zip_damage import Damage
from local.zip_maker import Compression, Encryption

ReportFormat = Literal["csv", "json"]


@dataclass(frozen=True)
class Scenario:
    """The defaults are what the documentation says, or what its sample shows.

    Durations are API seconds, but `link_seconds` are wall seconds: S3 counts them.
    """

    generation_seconds: float = 5.6
    final_status: str | None = "SUCCESS"
    exploration_seconds: float = 1800
    cache_seconds: float = 7200
    link_seconds: int = 300
    wrong_password: bool = False

    rows: int = 1000
    seed: int = 0
    day: int | None = None
    """Which of the days of days.py it is, if any."""
    columns: tuple[str, ...] = ()
    """In place of the fields that were asked for."""
    repeated_rows: int = 0
    """The last rows, of at most one block, which are the first ones again."""
    json_rows: int | None = None
    """If the JSON file has another number of rows."""
    csv_line_end: Literal["\r\n", "\n"] = "\r\n"
    json_shape: JsonShape = "array"

    encryption: Encryption | None = "aes256"
    ae_version: Literal[1, 2] = 2
    compression: Compression = "deflated"
    data_descriptor: bool = False
    zip64: bool = False
    member_name: str | None = None
    """In place of the zip's own name without `.zip`."""
    damage: Damage | None = None
    damaged_formats: tuple[ReportFormat, ...] = ("csv", "json")

    faults: tuple[Fault, ...] = ()
