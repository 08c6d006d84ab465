"""What Athena gets from the template is whole, and is SQL that Athena's engine understands."""

import json
import re
from typing import Any

import pytest
from sqlglot import exp, parse_one
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify

from local.athena import saved_queries
from local.paths import ROOT
from local.pingone_simulator.report_data import ALL_FIELDS
from tests.support.template import RESOURCES, resources_of

_ATHENA = "athena"
_SQL_TYPES = {"string": "varchar", "bigint": "bigint", "date": "date"}
_TABLES = {
    item["Properties"]["TableInput"]["Name"]: item["Properties"]["TableInput"]
    for item in resources_of("AWS::Glue::Table").values()
}
_VIEWS = [name for name, table in _TABLES.items() if table["TableType"] == "VIRTUAL_VIEW"]


def _columns(table: str) -> dict[str, str]:
    columns = [
        *_TABLES[table]["StorageDescriptor"]["Columns"],
        *_TABLES[table].get("PartitionKeys", []),
    ]
    return {column["Name"]: _SQL_TYPES[column["Type"]] for column in columns}


def _evaluated(value: Any) -> str:
    """A value of the template as CloudFormation would compute it, but for base64."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"the {name}"
        case {"Fn::Base64": inner}:
            return _evaluated(inner)
        case {"Fn::Join": [separator, {"Fn::Split": [at, text]}]}:
            return str(separator.join(text.split(at)))
        case {"Fn::Join": [separator, parts]}:
            return str(separator.join(map(_evaluated, parts)))
        case {"Fn::Sub": [text, variables]}:
            return re.sub(
                r"\$\{(\w+)\}",
                lambda m: _evaluated(variables.get(m[1], {"Ref": m[1]})),
                text,
            )
        case _:
            raise AssertionError(f"A value in a form that this test does not know: {value}")


def _view(name: str) -> dict[str, Any]:
    """The JSON that is a view's text."""
    text = _evaluated(_TABLES[name]["ViewOriginalText"])
    assert text.startswith("/* Presto View: {")
    assert text.endswith("} */")
    return dict(json.loads(text.removeprefix("/* Presto View: ").removesuffix(" */")))


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
    own = {"report", "environment", "export_id", "exported_at", "date"}
    assert set(_columns("devices")) - own == {field.lower() for field in ALL_FIELDS}


@pytest.mark.parametrize("name", _VIEWS)
def test_a_view_is_as_athena_stores_it(name: str) -> None:
    view, table = _view(name), _TABLES[name]

    assert table["Parameters"] == {"presto_view": "true"}
    assert table["ViewExpandedText"] == "/* Presto View */"
    assert (view["catalog"], view["schema"]) == ("awsdatacatalog", "the ReportsDatabase")
    assert {item["name"]: item["type"] for item in view["columns"]} == _columns(name)


@pytest.mark.parametrize("name", _VIEWS)
def test_a_view_gives_the_columns_that_it_declares(name: str) -> None:
    assert list(_output(_view(name)["originalSql"]).items()) == list(_columns(name).items())


def test_changes_compares_every_field_on_both_sides_in_one_order() -> None:
    query = parse_one(_view("changes")["originalSql"], read=_ATHENA)
    old, new = (
        [column.sql() for column in array.expressions] for array in query.find_all(exp.Array)
    )
    values = query.find(exp.Values)
    assert values
    numbered = [
        (int(number.name), field.name)
        for number, field in (row.expressions for row in values.expressions)
    ]

    assert [place for place, _ in numbered] == list(range(1, len(ALL_FIELDS) + 1))
    fields = [field for _, field in numbered]
    assert sorted(fields) == sorted(ALL_FIELDS)
    assert old == [f"o.{field.lower()}" for field in fields]
    assert new == [f"n.{field.lower()}" for field in fields]


@pytest.mark.parametrize("name", saved_queries())
def test_a_saved_query_reads_columns_that_are_there(name: str) -> None:
    assert _output(saved_queries()[name]["QueryString"])


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
        # The dashboard names the queue's alarm, where there is one.
        if item.get("Condition") != "HasAnalytics" and name != "ExportsDashboard"
    }
    for word in ("Glue", "Athena", "Tabulate", "DuckDb", "HasAnalytics"):
        assert word not in json.dumps(always)
