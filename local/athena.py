"""Queries on the local cloud's Athena, which runs them on DuckDB: the SQL is good for both."""

from typing import Any

from local.deployment import read_template
from local.paths import ROOT
from local.stack import Stack
from local.waiting import wait_until


def saved_queries() -> dict[str, dict[str, str]]:
    """The saved queries of template.yaml: Name, Description and QueryString, by name."""
    resources = read_template(ROOT / "template.yaml")["Resources"].values()
    queries = [item["Properties"] for item in resources if item["Type"].endswith(":NamedQuery")]
    return {query["Name"]: query for query in queries}


def run_query(stack: Stack, sql: str) -> list[dict[str, str | None]]:
    """The rows of a query in the stack's workgroup; raises RuntimeError if it fails."""
    athena = stack.cloud.client("athena")
    query = athena.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": stack.outputs["DatabaseName"]},
        WorkGroup=stack.outputs["WorkGroupName"],
    )["QueryExecutionId"]

    def ended() -> dict[str, Any] | None:
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        return status if status["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    status = wait_until(ended, f"the query has ended: {sql}")
    if status["State"] != "SUCCEEDED":
        raise RuntimeError(status["StateChangeReason"])
    pages = athena.get_paginator("get_query_results").paginate(QueryExecutionId=query)
    header, *rows = [
        [cell.get("VarCharValue") for cell in row["Data"]]
        for page in pages
        for row in page["ResultSet"]["Rows"]
    ]
    return [dict(zip(header, row, strict=True)) for row in rows]
