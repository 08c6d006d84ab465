"""What the saved queries cost as the history grows: days, environments, and what Athena reads.

Athena itself is not here. What it lists and opens follows from its documentation: it lists the
folder of each projected day that a query allows while it is planned, and every object of a table
without days. DuckDB answers the query from just these objects.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import TYPE_CHECKING, Any, cast

import duckdb

from benchmarks import report
from benchmarks.measure import TINY, Task, measure, sized
from local.athena import saved_queries
from local.paths import ROOT, WORK
from local.pingone_simulator.report_data import ALL_FIELDS, DevicesReport
from pingone_reports.aws.series import Series, Trend
from pingone_reports.tables.notifier import Notifier
from tests.support.memory_table import MemoryTable

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.event_bus import EventBus
    from pingone_reports.aws.table import Table

_DAYS_MADE = 2 if TINY else 32
_PROJECTED_DAYS = 3 * 365 + 1
_KEYS_IN_A_LIST = 1_000
_OF_DAYS = ("changes", "devices", "exports")
_OF_THE_NEWEST = ("latest", "newest_exports", "users")
_UNBOUNDED = "Changes of all days"
_BOUND = re.compile(r"\bdate (>=?) current_date - INTERVAL '(\d+)' DAY")
_FOLDER = WORK / "questions"


@dataclass(frozen=True)
class History:
    """So many days of so many environments, of so many devices each."""

    days: int
    environments: int
    devices: int

    @property
    def name(self) -> str:
        """In words."""
        return f"{self.environments:,} x {self.days:,} days"


SHORT, LONG = History(32, 1, sized(5_000)), History(100 if TINY else 1_000, 1, sized(5_000))
_ENVIRONMENTS = 2 if TINY else 1_000
FEW, MANY = History(32, _ENVIRONMENTS, 20), History(365, _ENVIRONMENTS, 20)


@dataclass(frozen=True)
class Read:
    """What a question lists and opens."""

    lists: int
    objects: int
    bytes: int

    @property
    def requests(self) -> int:
        """One for each list and each object, which is the least."""
        return self.lists + self.objects


class _Folder:
    """A bucket on the disk."""

    def __init__(self, root: Path) -> None:
        self.name = "benchmark"
        self._root = root

    def read_json(self, key: str) -> dict[str, Any] | None:
        path = self._root / key
        return dict(json.loads(path.read_text())) if path.exists() else None

    def write_text(self, key: str, text: str, _content_type: str) -> None:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def write_json(self, key: str, document: Mapping[str, Any]) -> None:
        self.write_text(key, json.dumps(document), "application/json")

    def keys(self, folder: str) -> list[str]:
        return [folder] if (self._root / folder).exists() else []

    def download(self, key: str, path: Path) -> bool:
        if not (self._root / key).exists():
            return False
        path.write_bytes((self._root / key).read_bytes())
        return True

    def upload_file(self, path: Path, key: str) -> None:
        target = self._root / key
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())


class _Nobody:
    """A bus without subscribers."""

    def publish(self, _detail_type: str, _details: Sequence[object], _resource: str) -> None:
        return


def make(devices: int) -> Path:
    """Tabulate an export of each of the last 32 days; returns the folder of the tables."""
    from pingone_reports.steps.tabulate import TabulateReport

    root = _FOLDER / str(devices)
    rmtree(root, ignore_errors=True)
    bucket = _Folder(root)
    table = cast("Table", MemoryTable())
    step = TabulateReport(
        bucket=cast("Bucket", bucket),
        series=Series(table),
        trend=Trend(table),
        notifier=Notifier(bus=cast("EventBus", _Nobody()), digest=None, most_events=500),
        folder=root / "disk",
    )
    sample = json.loads((ROOT / "events" / "manifest.json").read_text())
    environment = sample["environmentId"]
    previous = None
    for number, day in enumerate(_last_days(_DAYS_MADE)):
        at = f"{day}T02:00:00.000Z"
        folder = f"report=devices/environment={environment}/date={day}/e{day}"
        text = "".join(DevicesReport(devices, ALL_FIELDS, day=number % 7).csv_blocks())
        key = f"{folder}/devices.csv"
        file = {
            "format": "csv",
            "key": key,
            "sha256": (digest := sha256(text.encode()).hexdigest()),
            "contentSha256": digest,
            "records": sum(1 for _ in csv.reader(io.StringIO(text, newline=""))) - 1,
        }
        manifest = sample | {
            "createdAt": at,
            "requestedAt": at,
            "previous": {"manifestKey": previous, "reason": None if previous else "first"},
            "files": [file],
        }
        bucket.write_text(key, text, "text/csv")
        bucket.write_json(f"{folder}/manifest.json", manifest)
        with redirect_stdout(io.StringIO()):  # its metrics
            previous = f"{folder}/manifest.json"
            step.run(previous, notify=False)
    return root / "tables"


def _last_days(number: int) -> list[date]:
    today = datetime.now(UTC).date()
    return [today - timedelta(days=number - 1 - day) for day in range(number)]


@cache
def objects_of(history: History) -> dict[str, dict[date | None, list[Path]]]:
    """The files of each table, by day if it has days; older days repeat those that were made."""
    tables = _FOLDER / str(history.devices) / "tables"
    made = _last_days(_DAYS_MADE)
    found: dict[str, dict[date | None, list[Path]]] = {}
    for table in _OF_DAYS:
        of_day = {day: list((tables / table / f"date={day}").glob("*")) for day in made}
        found[table] = {
            day: of_day[made[-1 - (history.days - 1 - place) % _DAYS_MADE]] * history.environments
            for place, day in enumerate(_last_days(history.days))
        }
    for table in _OF_THE_NEWEST:
        found[table] = {None: list((tables / table).rglob("*.parquet")) * history.environments}
    return found


def sql_of(question: str) -> str:
    """A saved query, or the one without a bound."""
    if question == _UNBOUNDED:
        return "SELECT count(*) AS number FROM changes WHERE event IS NOT NULL"
    return saved_queries()[question]["QueryString"]


def planned(question: str, history: History) -> tuple[dict[str, list[Path]], Read]:
    """The files of each table that Athena opens for a question, and what that takes."""
    sql, files, lists = sql_of(question), dict[str, list[Path]](), 0
    for table, objects in objects_of(history).items():
        if not re.search(rf"\b(FROM|JOIN) {table}\b", sql):
            continue
        if None in objects:
            files[table] = objects[None]
            lists += -(-len(files[table]) // _KEYS_IN_A_LIST)
            continue
        days = _allowed_days(sql)
        files[table] = [path for day in days for path in objects.get(day, ())]
        lists += sum(max(1, -(-len(objects.get(day, ())) // _KEYS_IN_A_LIST)) for day in days)
    opened = [path for paths in files.values() for path in paths]
    size = {path: path.stat().st_size for path in set(opened)}
    return files, Read(lists, len(opened), sum(size[path] for path in opened))


def _allowed_days(sql: str) -> list[date]:
    bounds = [int(days) - (sign == ">") for sign, days in _BOUND.findall(sql)]
    return _last_days(min(bounds) + 1 if bounds else _PROJECTED_DAYS)


def ask(question: str, days: int, environments: int, devices: int) -> Callable[[], object]:
    """Returns a function that answers the question from the files that Athena would open."""
    files, _ = planned(question, History(days, environments, devices))
    database = duckdb.connect(config={"threads": 1})
    sources = {
        table: f"read_parquet({[str(path) for path in paths]}, union_by_name = true, "
        f"hive_partitioning = {str(table in _OF_DAYS).lower()}, "
        "hive_types = {'date': DATE})"
        if table in _OF_DAYS
        else f"read_parquet({[str(path) for path in paths]}, union_by_name = true, "
        "hive_partitioning = false)"
        for table, paths in files.items()
    }
    for table, source in sources.items():
        database.execute(f"CREATE TEMP VIEW {table} AS FROM {source}")
    sql = sql_of(question)
    return lambda: len(database.execute(sql).fetchall())


def run(out: Path) -> str:
    """Make the histories, ask, plot into `out`, and return the chapter."""
    for devices in {history.devices for history in (SHORT, MANY)}:
        make(devices)
    questions = [*saved_queries(), _UNBOUNDED][-2 if TINY else 0 :]
    asked = {
        (question, history): Task(
            ask,
            {
                "question": question,
                "days": history.days,
                "environments": history.environments,
                "devices": history.devices,
            },
        )
        for question in questions
        for history in (SHORT, LONG)
    }
    runs = measure(asked)
    reads = {
        (question, history): planned(question, history)[1]
        for question in questions
        for history in (SHORT, LONG, FEW, MANY)
    }
    one = report.table(
        ("question", "CPU ms, 32 days", "1,000 days", "ratio", "bytes", "requests"),
        (
            [
                question,
                round(1000 * runs[question, SHORT].cpu, 1),
                round(1000 * runs[question, LONG].cpu, 1),
                _ratio(runs[question, LONG].cpu, runs[question, SHORT].cpu),
                _ratio(reads[question, LONG].bytes, reads[question, SHORT].bytes),
                _ratio(reads[question, LONG].requests, reads[question, SHORT].requests),
            ]
            for question in questions
        ),
    )
    many = report.table(
        ("question", "lists", "objects", "MB", "requests against 32 days"),
        (
            [
                question,
                reads[question, MANY].lists,
                reads[question, MANY].objects,
                round(reads[question, MANY].bytes / 1e6, 1),
                _ratio(reads[question, MANY].requests, reads[question, FEW].requests),
            ]
            for question in questions
        ),
    )
    return "\n".join(
        (
            "## Questions\n",
            f"The saved queries, on tables of the application's own making: {SHORT.devices:,} "
            "devices a day, of 32 and of 1,000 days (older days repeat the 32 that were made). "
            "Athena is not here: a model of it lists each projected day that a query allows while "
            "it is planned and opens each object there, as its documentation says, and DuckDB "
            "answers from these objects. The ratios are 1,000 days to 32. The last question has no "
            "bound of its days, as a query that takes its bound from a subquery has none.\n",
            one,
            f"\nOf {MANY.environments:,} environments with a year each ({MANY.devices} devices):\n",
            many,
            _plot(reads, questions, out),
        )
    )


def _ratio(of: float, to: float) -> str:
    return f"{of / to:.2f}"


def _plot(reads: Mapping[tuple[str, History], Read], questions: Sequence[str], out: Path) -> str:
    drawing, (axes,) = report.figure(height=4.4)
    places = range(len(questions))
    for history, colour, shift in ((SHORT, report.OTHERS, -0.2), (LONG, report.OURS, 0.2)):
        axes.barh(
            [place + shift for place in places],
            [reads[question, history].requests for question in questions],
            height=0.38,
            color=colour,
            label=f"{history.days:,} days",
        )
    axes.set(title="Lists and objects that a question takes", xscale="log")
    axes.set_yticks(list(places), questions)
    axes.invert_yaxis()
    axes.legend(loc="lower right")
    return report.save(drawing, out / "questions.png")
