"""Makes, encrypts and stores the two zips of a report."""

import re
import secrets
import string
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, get_args
from uuid import uuid4

from local.pingone_simulator.faults import FaultPlan, ReplaceObject
from local.pingone_simulator.report_data import DevicesReport, JsonShape
from local.pingone_simulator.request_log import RequestLog
from local.pingone_simulator.scenario import ReportFormat, Scenario
from local.zip_maker import make_zip


class ReportBucket(Protocol):
    """The store of the files, with links that let anyone read one of them for a while."""

    @property
    def host(self) -> str:
        """The host of its links, with the port."""

    def upload(self, key: str, body: bytes) -> None:
        """Store an object."""

    def presigned_link(self, key: str, seconds: int) -> str:
        """A link to the object that is valid for this many seconds from now."""

    def serve(
        self, faults_of: Callable[[str], FaultPlan], log: RequestLog
    ) -> AbstractContextManager[None]:
        """Serve links while the context lasts, with the faults of an environment's downloads."""


@dataclass(frozen=True)
class ReportFiles:
    """Where the zips of one report are, and the password of both."""

    csv_key: str
    json_key: str
    password: str


def make_report_files(
    bucket: ReportBucket, environment_id: str, fields: Sequence[str], scenario: Scenario
) -> ReportFiles:
    name = f"devices-report-{environment_id}-{uuid4()}"
    files = ReportFiles(f"{name}.csv.zip", f"{name}.json.zip", random_password())
    formats: tuple[ReportFormat, ...] = get_args(ReportFormat)
    is_replaced = any(isinstance(fault.effect, ReplaceObject) for fault in scenario.faults)
    for format_ in formats:
        key = f"{name}.{format_}.zip"
        data = content_of(scenario, fields, format_)
        for target in (key, replacement_of(key)) if is_replaced else (key,):
            # Each zip has a salt of its own.
            archive = make_zip(
                scenario.member_name or key.removesuffix(".zip"),
                data,
                files.password,
                scenario.encryption,
                compression=scenario.compression,
                data_descriptor=scenario.data_descriptor,
                zip64=scenario.zip64,
                ae_version=scenario.ae_version,
            )
            if scenario.damage and format_ in scenario.damaged_formats:
                archive = scenario.damage(archive)
            bucket.upload(target, archive)
    return files


def replacement_of(key: str) -> str:
    """The key of the object that ReplaceObject copies to this key."""
    return f"{key}.replacement"


def environment_and_format(key: str) -> tuple[str, str]:
    """The environment and format of the report at this key; empty strings for another key."""
    found = re.fullmatch(r"devices-report-(.{36})-.{36}\.(\w+)\.zip", key)
    return (found[1], found[2]) if found else ("", "")


def random_password() -> str:
    """Lower-case letters, like the sample's; enough that no other text has them by chance."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


def content_of(scenario: Scenario, fields: Sequence[str], format_: ReportFormat) -> bytes:
    """A report's file, before it is zipped."""
    return _content(
        format_,
        scenario.rows if format_ == "csv" or scenario.json_rows is None else scenario.json_rows,
        scenario.columns or tuple(fields),
        scenario.seed,
        scenario.day,
        scenario.repeated_rows,
        scenario.csv_line_end,
        scenario.json_shape,
    )


@lru_cache(4)  # a large report takes seconds, and tests use the same one again
def _content(
    format_: ReportFormat,
    rows: int,
    fields: tuple[str, ...],
    seed: int,
    day: int | None,
    repeated_rows: int,
    csv_line_end: str,
    json_shape: JsonShape,
) -> bytes:
    report = DevicesReport(rows, fields, seed=seed, day=day, repeated=repeated_rows)
    blocks = report.csv_blocks(csv_line_end) if format_ == "csv" else report.json_blocks(json_shape)
    return b"".join(block.encode() for block in blocks)
