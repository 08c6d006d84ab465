"""What Athena gets from the template is whole, and is SQL that Athena's engine understands."""

import json

import pytest
from sqlglot import exp, parse_one
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from local.athena import saved_queries
from local.paths import ROOT
from local.pingone_simulator.report_data import ALL_FIELDS
from pingone_reports.model.field_names import KNOWN_FIELDS as FIELDS
from tests.support.template import RESOURCES, resources_of

_ATHENA = "athena"
_SQL_TYPES = {"string": "varchar", "bigint": "bigint", "date": "date"}
_TABLES = {
    item["Properties"]["TableInput"]["Name"]: item["Properties"]["TableInput"]
    for item in resources_of("AWS::Glue::Table").values()
}


def _columns(table: str) -> dict[str, str]:
    columns = [
        *_TABLES[table]["StorageDescriptor"]["Columns"],
        *_TABLES[table].get("PartitionKeys", []),
    ]
    return {column["Name"]: _SQL_TYPES[column["Type"]] for column in columns}


def _output(sql: str) -> dict[str, str]:
    """The columns of a query and their types; fails for a column that is nowhere."""
    schema: dict[str, object] = {table: _columns(table) for table in _TABLES}
    query = qualify(parse_one(sql, read=_ATHENA), schema=schema, dialect=_ATHENA)
    typed = annotate_types(query, schema=schema, dialect=_ATHENA)
    assert isinstance(typed, exp.Query)
    return {
        column.alias_or_name: str(column.type.sql(_ATHENA)).lower() if column.type else ""
        for column in typed.selects
    }


def test_the_table_has_every_field_that_is_known_and_no_other() -> None:
    own = {"report", "environment", "environment_name", "export_id", "exported_at", "date"}
    assert set(_columns("devices")) - own == {field.lower() for field in ALL_FIELDS}


def test_latest_has_the_columns_of_devices() -> None:
    assert _columns("latest") == _columns("devices")


def test_every_table_has_the_name_of_the_environment() -> None:
    assert {_columns(table).get("environment_name") for table in _TABLES} == {"varchar"}


def test_changes_are_of_every_field_that_is_known() -> None:
    assert sorted(FIELDS) == sorted(ALL_FIELDS)


@pytest.mark.parametrize("name", ["devices", "changes"])
def test_a_table_of_many_days_is_divided_by_the_day(name: str) -> None:
    table = _TABLES[name]
    assert table["PartitionKeys"] == [{"Name": "date", "Type": "date"}]
    location = table["Parameters"]["storage.location.template"]["Fn::Sub"][0]
    assert location.endswith(f"${{Prefix}}tables/{name}/date=${{!date}}")


@pytest.mark.parametrize("name", saved_queries())
def test_a_saved_query_reads_columns_that_are_there(name: str) -> None:
    assert _output(saved_queries()[name]["QueryString"])


@pytest.mark.parametrize("name", saved_queries())
def test_a_saved_query_says_which_days_it_reads(name: str) -> None:
    """Athena lists every day that a query does not rule out by constants."""
    of_days = {table for table, described in _TABLES.items() if "PartitionKeys" in described}
    query = parse_one(saved_queries()[name]["QueryString"], read=_ATHENA)
    tables = {table.alias_or_name: table.name for table in query.find_all(exp.Table)}
    bounded = {
        tables.get(comparison.this.table) or next(iter(tables.values()))
        for comparison in query.find_all(exp.GT, exp.GTE)
        if comparison.this.name == "date" and not list(comparison.expression.find_all(exp.Select))
    }
    assert of_days & set(tables.values()) <= bounded


def test_ten_queries_are_saved() -> None:
    assert len(saved_queries()) == 10
    assert all(query["Description"].endswith(".") for query in saved_queries().values())


def test_the_documentation_shows_the_queries_that_are_saved() -> None:
    written = (ROOT / "docs" / "queries.md").read_text(encoding="utf-8")
    for name, query in saved_queries().items():
        shown = f"## {name}\n\n{query['Description']}\n\n```sql\n{query['QueryString']}```\n"
        assert shown in written, "run `make queries`"


def test_a_query_is_stopped_before_it_costs_much() -> None:
    settings = RESOURCES["ReportsWorkGroup"]["Properties"]["WorkGroupConfiguration"]
    assert settings["EnforceWorkGroupConfiguration"] is True
    assert settings["BytesScannedCutoffPerQuery"] == {"Fn::Sub": "${QueryLimitMegabytes}000000"}


def test_a_stack_without_analytics_has_nothing_of_it() -> None:
    always = {
        name: item
        for name, item in RESOURCES.items()
        # The dashboard names the queue's alarm, and the bus the function's role, if there is one.
        if item.get("Condition") not in ("HasAnalytics", "HasDigest")
        and name not in ("ExportsDashboard", "ReportsBusPolicy")
    }
    for word in ("Glue", "Athena", "Tabulate", "TablesLayer", "HasAnalytics"):
        assert word not in json.dumps(always)
