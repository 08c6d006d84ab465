"""What the reports of one environment are like."""

from dataclasses import dataclass
from typing import Literal

from local.pingone_simulator.faults import Fault
from local.pingone_simulator.report_data import ALL_FIELDS, JsonShape
from local.pingone_simulator.zip_damage import Damage
from local.zip_maker import Compression, Encryption

ReportFormat = Literal["csv", "json"]


@dataclass(frozen=True)
class Scenario:
    """The defaults are those of PingOne's documentation or of its sample.

    Durations are API seconds, except `link_seconds`, which are wall seconds: S3 counts them.
    """

    generation_seconds: float = 5.6
    final_status: str | None = "SUCCESS"
    exploration_seconds: float = 1800
    cache_seconds: float = 7200
    link_seconds: int = 300
    wrong_password: bool = False

    fields: tuple[str, ...] = ALL_FIELDS
    """What the tenant's report has: who asks for another field is refused, who names none gets all.
    """
    rows: int = 1000
    seed: int = 0
    day: int | None = None
    """A day of days.py, if any."""
    columns: tuple[str, ...] = ()
    """Columns instead of the requested fields."""
    repeated_rows: int = 0
    """How many of the last rows repeat earlier ones; at most one block."""
    json_rows: int | None = None
    """The JSON file's number of rows, if it is another one."""
    csv_line_end: Literal["\r\n", "\n"] = "\r\n"
    json_shape: JsonShape = "array"

    encryption: Encryption | None = "aes256"
    ae_version: Literal[1, 2] = 2
    compression: Compression = "deflated"
    data_descriptor: bool = False
    zip64: bool = False
    member_name: str | None = None
    """The member's name, if it is not the zip's name without `.zip`."""
    damage: Damage | None = None
    damaged_formats: tuple[ReportFormat, ...] = ("csv", "json")

    faults: tuple[Fault, ...] = ()
