"""Runs the saved queries over a simulated week, and writes their answers into docs/.

Seven daily exports of one environment are put where FetchReport puts them. From their events on,
the deployed application and the local cloud's Athena do everything.
"""

import csv
import hashlib
import io
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from local.athena import Row, run_query, saved_queries
from local.cloud import LocalCloud
from local.display import console, step
from local.paths import ROOT
from local.pingone_simulator.days import DAYS
from local.pingone_simulator.report_data import ALL_FIELDS, DevicesReport
from local.stack import ENVIRONMENT_ID, Stack, deployed

_ROWS = 400
# The queries ask for the last days, so the week ends today.
_FIRST_EXPORT = datetime.now(UTC).replace(hour=0, minute=0, second=1, microsecond=0) - timedelta(
    days=DAYS - 1
)
_SHOWN = 8
_MARKS = "<!-- `make queries` writes what follows -->\n", "<!-- until here -->\n"


def main() -> int:
    """Write docs/queries.md and the results in docs/use.md."""
    queries = saved_queries()
    with LocalCloud(log_name="queries") as cloud:
        with step("Deploying template.yaml with `sam deploy` to a local cloud"):
            stack = deployed(
                cloud, "unused", "unused", {"EnvironmentId": ENVIRONMENT_ID, "Analytics": "enabled"}
            )
        with step(f"Tabulating {DAYS} daily exports"):
            for day in range(DAYS):
                _export(stack, day)
        with step(f"Running {len(queries)} queries"):
            answers = {name: run_query(stack, queries[name]["QueryString"]) for name in queries}
    docs = ROOT / "docs"
    docs.mkdir(exist_ok=True)
    (docs / "queries.md").write_text("\n".join(_document(queries, answers)), encoding="utf-8")
    _fill_in_page(queries, answers)
    console.print("docs/queries.md and docs/use.md are written.")
    return 0


def _export(stack: Stack, day: int) -> None:
    """Land a day's report and its manifest, publish its event, and wait for its tables."""
    at = _FIRST_EXPORT + timedelta(days=day)
    sample = json.loads((ROOT / "events" / "manifest.json").read_text())
    name = f"nightly-{at:%Y-%m-%d}"
    folder = f"pingone/report=devices/environment={ENVIRONMENT_ID}/date={at:%Y-%m-%d}/{name}"
    report = "".join(DevicesReport(_ROWS, ALL_FIELDS, day=day).csv_blocks())
    records = sum(1 for _ in csv.reader(io.StringIO(report, newline=""))) - 1
    file = {
        "format": "csv",
        "key": f"{folder}/devices.csv",
        "sha256": hashlib.sha256(report.encode()).hexdigest(),
        "records": records,
    }
    manifest = sample | {
        "fields": list(ALL_FIELDS),
        "files": [file],
        "createdAt": _utc(at),
        "publishedAt": _utc(at + timedelta(seconds=18)),
        "dataNotBefore": _utc(at - timedelta(hours=2, minutes=15)),
        "dataNotAfter": _utc(at + timedelta(seconds=6)),
        "correlationId": name,
        "executionArn": sample["executionArn"].rpartition(":")[0] + f":{name}",
    }
    s3, bucket = stack.cloud.client("s3"), stack.outputs["BucketName"]
    s3.put_object(Bucket=bucket, Key=f"{folder}/devices.csv", Body=report.encode())
    s3.put_object(Bucket=bucket, Key=f"{folder}/manifest.json", Body=json.dumps(manifest).encode())
    event = {
        "EventBusName": stack.outputs["EventBusName"],
        "Source": "pingone.reports",
        "DetailType": "PingOne Report Export Completed",
        "Detail": json.dumps(manifest | {"manifestKey": f"{folder}/manifest.json"}),
    }
    stack.cloud.client("events").put_events(Entries=[event])
    stack.wait_for_tables(manifest["executionArn"])


def _document(queries: dict[str, dict[str, str]], answers: dict[str, list[Row]]) -> Iterator[str]:
    yield "# The saved queries, and what they answer\n"
    yield (
        f"Written by `make queries`: a simulated week of {_ROWS} devices, from "
        f"{_FIRST_EXPORT:%d %B %Y} on. The stack saves these queries in its Athena workgroup; here "
        "they ran on the local cloud's Athena, which is DuckDB.\n"
    )
    for name, query in queries.items():
        yield f"## {name}\n"
        yield f"{query['Description']}\n"
        yield f"```sql\n{query['QueryString'].strip()}\n```\n"
        yield _table(answers[name])
        hidden = len(answers[name]) - _SHOWN
        yield f"… and {hidden} more.\n" if hidden > 0 else ""


def _table(rows: Sequence[Row]) -> str:
    if not rows:
        return "No rows.\n"
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[_cell(value) for value in row.values()] for row in rows[:_SHOWN]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _cell(value: str | None) -> str:
    return "" if value is None else value.replace("|", "\\|").replace("\r", "").replace("\n", "⏎")


def _fill_in_page(queries: dict[str, dict[str, str]], answers: dict[str, list[Row]]) -> None:
    start, end = _MARKS
    events = answers["Security events"]
    dates = [row["date"] for row in events]
    busiest = max(dates, key=dates.count)
    text = "\n".join(
        [
            "| question | answers | rows |",
            "| --- | --- | --- |",
            *(
                f"| [{name}](queries.md#{name.lower().replace(' ', '-')}) "
                f"| {query['Description']} | {len(answers[name])} |"
                for name, query in queries.items()
            ),
            "",
            f"The first security events of {busiest}, the busiest day:",
            "",
            _table(
                [
                    {name: row[name] for name in ("username", "event", "devices")}
                    for row in events
                    if row["date"] == busiest
                ][:6]
            ),
        ]
    )
    page = ROOT / "docs" / "use.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    after = rest.partition(end)[2]
    page.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


def _utc(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


if __name__ == "__main__":
    sys.exit(main())
