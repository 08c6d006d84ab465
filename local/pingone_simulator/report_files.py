"""The two zips of a report: made, encrypted and stored."""

import re
import secrets
import string
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import get_args
from uuid import uuid4

from local.pingone_simulator.faults import ReplaceObject
from local.pingone_simulator.report_bucket import ReportBucket
from local.pingone_simulator.report_data import DevicesReport
from local.pingone_simulator.scenario import ReportFormat, Scenario
from local.zip_maker import make_zip


@dataclass(frozen=True)
class ReportFiles:
    """Where the zips of one report are, and the password of both."""

    csv_key: str
    json_key: str
    password: str


def make_report_files(
    bucket: ReportBucket, environment_id: str, fields: Sequence[str], scenario: Scenario
) -> ReportFiles:
    report = DevicesReport(scenario.rows, fields, seed=scenario.seed)
    name = f"devices-report-{environment_id}-{uuid4()}"
    files = ReportFiles(f"{name}.csv.zip", f"{name}.json.zip", random_password())
    formats: tuple[ReportFormat, ...] = get_args(ReportFormat)
    is_replaced = any(isinstance(fault.effect, ReplaceObject) for fault in scenario.faults)
    for format_ in formats:
        key = f"{name}.{format_}.zip"
        data = b"".join(block.encode() for block in _blocks(report, format_, scenario))
        for target in (key, replacement_of(key)) if is_replaced else (key,):
            # Each with a salt of its own.
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
    """Where the object lies that ReplaceObject puts in place of the one at this key."""
    return f"{key}.replacement"


def environment_and_format(key: str) -> tuple[str, str]:
    """Whose report is at this key, and in which format; two empty strings for no report."""
    found = re.fullmatch(r"devices-report-(.{36})-.{36}\.(\w+)\.zip", key)
    return (found[1], found[2]) if found else ("", "")


def random_password() -> str:
    """Lower-case letters, like the sample's; enough of them to be found nowhere by chance."""
    return "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))


def _blocks(report: DevicesReport, format_: ReportFormat, scenario: Scenario) -> Iterator[str]:
    if format_ == "csv":
        return report.csv_blocks(scenario.csv_line_end)
    return report.json_blocks(scenario.json_shape)
