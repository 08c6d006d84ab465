"""Queries on the local cloud's Athena, which runs them on DuckDB: the SQL works on both.

The local Athena has no views. Instead, each query begins with the views that the stack put in Glue.
"""

import base64
import json
import time
from typing import Any

from local.deployment import read_template
from local.paths import ROOT
from local.stack import Stack

Row = dict[str, str | None]


def saved_queries() -> dict[str, dict[str, str]]:
    """The saved queries of template.yaml: Name, Description and QueryString, by name."""
    resources = read_template(ROOT / "template.yaml")["Resources"].values()
    queries = [item["Properties"] for item in resources if item["Type"].endswith(":NamedQuery")]
    return {query["Name"]: query for query in queries}


def decoded_view(original_text: str) -> dict[str, Any]:
    """The document in a view's text: originalSql, catalog, schema and columns."""
    encoded = original_text.removeprefix("/* Presto View: ").removesuffix(" */")
    return dict(json.loads(base64.b64decode(encoded)))


def with_views(sql: str, views: dict[str, str]) -> str:
    """The query, with these views as its common table expressions."""
    return (
        ", ".join(f"{name} AS ({view})" for name, view in views.items()).join(("WITH ", " ")) + sql
    )


def run_query(stack: Stack, sql: str) -> list[Row]:
    """The rows of a query in the stack's workgroup; raises RuntimeError if it fails."""
    athena = stack.cloud.client("athena")
    query = athena.start_query_execution(
        QueryString=with_views(sql, _views(stack)),
        QueryExecutionContext={"Database": stack.outputs["DatabaseName"]},
        WorkGroup=stack.outputs["WorkGroupName"],
    )["QueryExecutionId"]
    while True:
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        if status["State"] in ("SUCCEEDED", "FAILED", "CANCELLED"):
            break
        time.sleep(0.1)
    if status["State"] != "SUCCEEDED":
        raise RuntimeError(status["StateChangeReason"])
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
    header, *rows = [
        [cell.get("VarCharValue") for cell in row["Data"]]
        for page in pages
        for row in page["ResultSet"]["Rows"]
    ]
    return [dict(zip(header, row, strict=True)) for row in rows]


def _views(stack: Stack) -> dict[str, str]:
    tables = stack.cloud.client("glue").get_tables(DatabaseName=stack.outputs["DatabaseName"])
    return {
        table["Name"]: decoded_view(table["ViewOriginalText"])["originalSql"]
        for table in tables["TableList"]
        if table["TableType"] == "VIRTUAL_VIEW"
    }
