"""What Athena gets from the template is whole, and is SQL that Athena's engine understands."""

import json
import re

import pytest
from sqlglot import exp, parse_one
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from local import queries
from local.athena import saved_queries
from local.pingone_simulator.report_data import ALL_FIELDS
from pingone_reports.model.fields import KNOWN
from pingone_reports.model.security_events import LOSSES, Event
from pingone_reports.model.strength import DORMANT_DAYS, Strength
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


_OWN = {"report", "environment", "environment_name", "export_id", "exported_at"}


def test_the_tables_of_devices_have_every_field_that_is_known_and_no_other() -> None:
    assert set(_columns("latest")) == _OWN | set(KNOWN)
    assert set(_columns("devices")) == _OWN | {"date"} | set(KNOWN)
    assert {field.lower() for field in ALL_FIELDS} <= set(KNOWN)


def test_the_newest_row_about_an_export_has_the_columns_of_all_rows() -> None:
    assert _columns("newest_exports") == _columns("exports")


def test_a_row_about_an_export_counts_each_strength() -> None:
    counted = {name for name in _columns("exports") if name.startswith("users_")}
    of_strength = {f"users_{each.name.lower()}" for each in Strength}
    assert counted - of_strength == {"users_protected", "users_joined", "users_left"}
    assert of_strength <= counted


def test_every_table_has_the_name_of_the_environment() -> None:
    assert {_columns(table).get("environment_name") for table in _TABLES} == {"varchar"}


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


def test_fourteen_queries_are_saved_and_name_what_there_is() -> None:
    assert len(saved_queries()) == 14
    for query in saved_queries().values():
        assert query["Description"].endswith(".")
        compared = re.findall(r"strength (?:=|IN) \(?('[^)\n]+')", query["QueryString"])
        assert set(re.findall("'(.+?)'", " ".join(compared))) <= set(Strength)
        assert set(re.findall("code = '(.+?)'", query["QueryString"])) <= set(Event.__members__)
        for words in re.findall("reasons LIKE '%(.+?)%'", query["QueryString"]):
            assert any(words in event for event in Event), words


def test_who_lost_a_factor_covers_every_loss() -> None:
    likes = re.findall("LIKE '%(.+?)%'", saved_queries()["Who lost a factor"]["QueryString"])
    assert {event for event in Event if any(words in event for words in likes)} == set(LOSSES)


def test_a_dormant_factor_is_what_the_page_calls_so() -> None:
    assert f"INTERVAL '{DORMANT_DAYS}' DAY" in saved_queries()["Dormant factors"]["QueryString"]


def test_the_documentation_shows_the_queries_that_are_saved() -> None:
    assert queries.page() == queries.PAGE.read_text(encoding="utf-8"), "run `make queries`"


WITH_PARTS = ("ExportsDashboard", "ReportsBusPolicy", "ExportFleet", "ExportFleetRole", "Settings")


def test_a_stack_without_analytics_has_nothing_of_it() -> None:
    always = {
        name: item
        for name, item in RESOURCES.items()
        # These name what there is of it, if there is any.
        if item.get("Condition") not in ("HasAnalytics", "HasDigest") and name not in WITH_PARTS
    }
    for word in ("Glue", "Athena", "Tabulate", "TablesLayer", "HasAnalytics"):
        assert word not in json.dumps(always)
