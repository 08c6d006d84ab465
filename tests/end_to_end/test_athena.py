"""Exports become tables: what Athena answers is what the reports say, and what happened to them."""

import csv
import io
import json
import re
from typing import Any
from uuid import uuid4

import pytest

from local.athena import run_query, saved_queries
from local.cloud import LocalCloud
from local.pingone_simulator import PingOneSimulator, Scenario
from local.pingone_simulator.days import changes
from local.pingone_simulator.report_data import ALL_FIELDS
from local.stack import Stack, deployed, simulator_parameters
from tests.end_to_end.conftest import Ended, Exporter

_ROWS = 2000


@pytest.fixture(scope="module")
def athena_stack(cloud: LocalCloud, pingone: PingOneSimulator) -> Stack:
    parameters = simulator_parameters(pingone) | {
        "Analytics": "enabled",
        "ReportFields": "",
    }
    return deployed(cloud, pingone.client_id, pingone.client_secret, parameters, "athena")


@pytest.fixture
def exporter(athena_stack: Stack, pingone: PingOneSimulator) -> Exporter:
    return Exporter(athena_stack, pingone, events={})


def _tabulated(exporter: Exporter, scenario: Scenario, **request: Any) -> Ended:
    ended = exporter.run(scenario, **request)
    assert ended.description["status"] == "SUCCEEDED"
    exporter.stack.wait_for_tables(ended.description["executionArn"])
    return ended


def _devices(ended: Ended) -> dict[str, dict[str, str]]:
    """The rows of an export's CSV, by device."""
    rows = csv.DictReader(io.StringIO(ended.file("csv").decode(), newline=""))
    return {row["deviceId"]: row for row in rows}


def test_two_days_differ_in_exactly_what_happened(exporter: Exporter) -> None:
    before, after = (
        _devices(_tabulated(exporter, Scenario(rows=_ROWS, day=day))) for day in (4, 5)
    )

    rows = run_query(
        exporter.stack,
        "SELECT change, deviceid, userid, field, old_value, new_value, event FROM changes "
        f"WHERE environment = '{exporter.environment_id}'",
    )

    expected = (
        {("added", device, "deviceId", None, device) for device in after.keys() - before}
        | {("removed", device, "deviceId", device, None) for device in before.keys() - after}
        | {
            ("changed", device, field, old, after[device][field])
            for device in before.keys() & after
            for field, old in before[device].items()
            if after[device][field] != old
        }
    )
    found = [
        (row["change"], row["deviceid"], row["field"], row["old_value"], row["new_value"])
        for row in rows
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
    happened = [change for change in changes() if change.day == 5]
    assert sorted((row["event"], row["userid"]) for row in rows if row["event"]) == sorted(
        (change.kind, change.user) for change in happened if change.kind not in ("added", "changed")
    )
    assert {row["userid"] for row in rows} == {change.user for change in happened}


def test_latest_is_the_newest_export_alone(exporter: Exporter) -> None:
    for day in (0, 1):
        newest = _tabulated(exporter, Scenario(rows=_ROWS, day=day))

    rows = run_query(
        exporter.stack,
        f"SELECT * FROM latest WHERE environment = '{exporter.environment_id}'",
    )

    names = {name.lower(): name for name in ALL_FIELDS}
    # The emulator gives columns the names that they have in Parquet.
    found = {
        str(row["deviceId"]): {name: row[name] for name in row if name.lower() in names}
        for row in rows
    }
    assert found == _devices(newest)
    assert {row["exported_at"] for row in rows} == {newest.manifest["createdAt"]}


def test_a_newest_export_without_rows_is_empty_in_latest(exporter: Exporter) -> None:
    for rows in (20, 0):
        _tabulated(exporter, Scenario(rows=rows), skipQualityGate=True)

    where = f"WHERE environment = '{exporter.environment_id}'"
    assert run_query(exporter.stack, f"SELECT * FROM latest {where}") == []
    changed = run_query(exporter.stack, f"SELECT change FROM changes {where}")
    assert [row["change"] for row in changed] == ["removed"] * 20


def test_only_exports_of_the_same_report_and_filter_are_compared(exporter: Exporter) -> None:
    _tabulated(exporter, Scenario(rows=100, day=0))
    _tabulated(exporter, Scenario(rows=100, day=1), filter='(mfaEnabled eq "true")')
    _tabulated(exporter, Scenario(rows=100, day=1), reportName="weekly")

    where = f"WHERE environment = '{exporter.environment_id}'"
    assert run_query(exporter.stack, f"SELECT * FROM changes {where}") == []


def test_an_export_without_device_ids_is_passed_over(exporter: Exporter) -> None:
    _tabulated(exporter, Scenario(rows=100, day=0))
    _tabulated(exporter, Scenario(rows=100, day=0), fields=["userId", "phone"])
    _tabulated(exporter, Scenario(rows=100, day=1))

    rows = run_query(
        exporter.stack,
        f"SELECT userid FROM changes WHERE environment = '{exporter.environment_id}'",
    )
    happened = {change.user for change in changes() if change.day == 1}
    assert {row["userid"] for row in rows} == happened


def test_other_fields_are_no_change_and_a_missing_one_is_null(exporter: Exporter) -> None:
    fields = ["deviceId", "userId", "deviceStatus", "somethingNew"]
    _tabulated(exporter, Scenario(rows=100, day=0))
    _tabulated(exporter, Scenario(rows=100, day=0), fields=fields, formats=["json"])

    where = f"WHERE environment = '{exporter.environment_id}'"
    assert run_query(exporter.stack, f"SELECT * FROM changes {where}") == []
    latest = run_query(exporter.stack, f"SELECT deviceid, phone FROM latest {where}")
    assert len(latest) > 50
    assert all(row["phone"] is None for row in latest)


def test_an_export_says_how_many_of_its_records_repeat_a_device(exporter: Exporter) -> None:
    _tabulated(exporter, Scenario(rows=100, repeated_rows=3))

    rows = run_query(
        exporter.stack,
        f"SELECT repeated_ids FROM exports WHERE environment = '{exporter.environment_id}'",
    )
    assert [row["repeated_ids"] for row in rows] == ["3"]


def test_the_partition_of_a_day_is_where_its_rows_are(exporter: Exporter) -> None:
    ended = _tabulated(exporter, Scenario(rows=10))

    glue = exporter.stack.cloud.client("glue")
    database = exporter.stack.outputs["DatabaseName"]
    table = glue.get_table(DatabaseName=database, Name="devices")["Table"]
    location = table["Parameters"]["storage.location.template"]
    [date] = re.findall(r"/date=([^/]+)/", ended.event["detail"]["manifestKey"])
    day = location.replace("${date}", date).partition("://")[2].partition("/")[2]
    keys = [item["Key"] for item in exporter.stack.objects(f"{day}/")]
    assert f"{day}/{ended.description['name']}.parquet" in keys
    assert location.startswith(table["StorageDescriptor"]["Location"])


def test_an_event_that_comes_twice_writes_the_same_objects(exporter: Exporter) -> None:
    ended = _tabulated(exporter, Scenario(rows=_ROWS))
    name = ended.description["name"]
    keys = [item["Key"] for item in exporter.stack.objects() if item["Key"].endswith("parquet")]
    keys = [key for key in keys if name in key]
    assert len(keys) == 2
    before = [exporter.stack.read(key) for key in keys]

    lambda_ = exporter.stack.cloud.client("lambda")
    [function] = [
        function["FunctionName"]
        for page in lambda_.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["FunctionName"].startswith("athena-TabulateReport")
    ]
    manifest_key = ended.event["detail"]["manifestKey"]
    answer = lambda_.invoke(
        FunctionName=function, Payload=json.dumps({"manifestKey": manifest_key})
    )

    assert json.load(answer["Payload"])["keys"] == sorted(keys)
    assert [exporter.stack.read(key) for key in keys] == before


@pytest.mark.parametrize("name", saved_queries())
def test_every_saved_query_runs(exporter: Exporter, name: str) -> None:
    run_query(exporter.stack, saved_queries()[name]["QueryString"])


def test_an_export_of_an_environment_that_nobody_named_is_there(exporter: Exporter) -> None:
    exporter.environment_id = str(uuid4())
    _tabulated(exporter, Scenario(rows=10), reportName="adhoc")

    rows = run_query(
        exporter.stack,
        f"SELECT * FROM latest WHERE environment = '{exporter.environment_id}'",
    )
    assert {row["report"] for row in rows} == {"adhoc"}
