"""A tabulation's rows, users and changes, beside the scripts that one would write instead of it."""

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import report
from benchmarks.measure import Run, Runs, Task, measure
from local.paths import WORK
from local.pingone_simulator.report_data import ALL_FIELDS, DevicesReport

_SIZES = (500_000, 2_000_000)
_AT = "2026-03-02T02:00:00.000Z"
_WANTED, _WANTED_MB = 1.4, 700
_PLAIN = "plain DuckDB"


class _Key(NamedTuple):
    devices: int
    contestant: str


def ours(newer: str, older: str, out: str) -> Callable[[], object]:
    """What TabulateReport does between S3 and S3."""
    from pingone_reports.tables.changes import Side, changes_to_parquet
    from pingone_reports.tables.database import open_database
    from pingone_reports.tables.parquet import report_to_parquet
    from pingone_reports.tables.protection import users_to_parquet

    stack, folder = ExitStack(), Path(out)
    database = stack.enter_context(open_database(folder))
    before = folder / "before"
    report_to_parquet(database, Path(older), "csv", {}, before)

    def run() -> object:
        with stack:
            rows = folder / "rows"
            report_to_parquet(database, Path(newer), "csv", {"export_id": "2"}, rows)
            users_to_parquet(database, rows, {"exported_at": _AT}, folder / "users", "", ())
            about = {"filter": "", "previous_export_id": "1", "previous_exported_at": _AT}
            sides = [Side(rows=path, at=_AT, data_not_before=_AT) for path in (rows, before)]
            changes = changes_to_parquet(
                database, sides[0], sides[1], about, folder / "changes", incomparable=()
            )
            return changes.number + changes.minor

    return run


def plain(newer: str, older: str, out: str) -> Callable[[], object]:
    """DuckDB: write the rows, join them with those of the day before, and group by user."""
    import duckdb

    parquet = f"(FROM read_parquet('{out}/{{}}') WHERE deviceId <> '')"
    database = duckdb.connect(config={"threads": 1, "memory_limit": "600MB", "temp_directory": out})
    read = "read_csv('{}', all_varchar = true, header = true, delim = ',', quote = '\"')"
    differ = " OR ".join(f"n.{name} <> o.{name}" for name in _compared())
    database.execute(f"COPY (FROM {read.format(older)}) TO '{out}/before' (FORMAT parquet)")

    def run() -> object:
        to = "(FORMAT parquet, COMPRESSION zstd)"
        database.execute(f"COPY (FROM {read.format(newer)}) TO '{out}/rows' {to}")
        database.execute(
            "COPY (SELECT userId, max(username), string_agg(DISTINCT deviceType), count(*) "
            f"FROM read_parquet('{out}/rows') GROUP BY userId) TO '{out}/users' {to}"
        )
        database.execute(
            "COPY (SELECT coalesce(n.deviceId, o.deviceId) AS id, n.deviceId IS NULL AS gone, "
            f"o.deviceId IS NULL AS new FROM {parquet.format('rows')} n "
            f"FULL JOIN {parquet.format('before')} o ON n.deviceId = o.deviceId "
            f"WHERE gone OR new OR {differ}) TO '{out}/changes.parquet' {to}"
        )
        found = database.execute(f"SELECT count(*) FROM '{out}/changes.parquet'").fetchone()
        return found[0] if found else None

    return run


def polars(newer: str, older: str, out: str) -> Callable[[], object]:
    """Polars: the same, with data frames."""
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars as pl

    def read(path: str) -> Any:
        return pl.read_csv(path, infer_schema=False)

    def value(name: str) -> Any:
        return pl.col(name).fill_null("")

    read(older).write_parquet(f"{out}/before")

    def run() -> object:
        rows, before = read(newer), pl.read_parquet(f"{out}/before")
        rows.write_parquet(f"{out}/rows")
        rows.group_by("userId").agg(
            pl.col("username").max(), pl.col("deviceType").unique().str.join(","), pl.len()
        ).write_parquet(f"{out}/users")
        some = value("deviceId") != ""
        both = rows.filter(some).join(
            before.filter(some), on="deviceId", how="full", suffix="_before"
        )
        differ = [value(name) != value(f"{name}_before") for name in _compared()]
        changes = both.filter(pl.any_horizontal(differ))
        changes.write_parquet(f"{out}/changes")
        return len(changes)

    return run


def pandas(newer: str, older: str, out: str) -> Callable[[], object]:
    """pandas: the same again."""
    import pandas as pd

    def read(path: str) -> Any:
        return pd.read_csv(path, dtype=str, keep_default_na=False)

    read(older).to_parquet(f"{out}/before")

    def run() -> object:
        rows, before = read(newer), pd.read_parquet(f"{out}/before")
        rows.to_parquet(f"{out}/rows")
        users = rows.groupby("userId").agg(
            {
                "username": "max",
                "deviceType": lambda types: ",".join(set(types)),
                "deviceId": "size",
            }
        )
        users.to_parquet(f"{out}/users")
        some = [frame[frame["deviceId"] != ""] for frame in (rows, before)]
        both = some[0].merge(some[1], on="deviceId", how="outer", suffixes=("", "_before"))
        differ = sum((both[name] != both[f"{name}_before"]).astype(int) for name in _compared())
        changes = both[differ > 0]
        changes.to_parquet(f"{out}/changes")
        return len(changes)

    return run


def _compared() -> list[str]:
    from pingone_reports.model.fields import FIELDS, Weight

    used = {name for name, field in FIELDS.items() if field.weight is Weight.USE}
    return [name for name in ALL_FIELDS if name not in {*used, "deviceId"}]


def run(_out: Path) -> str:
    """Measure, and return the chapter."""
    WORK.mkdir(exist_ok=True)
    contestants = {"ours": ours, _PLAIN: plain, "polars": polars, "pandas": pandas}
    with tempfile.TemporaryDirectory(dir=WORK) as scratch:
        files = {
            (size, day): _report(Path(scratch), size, day) for size in _SIZES for day in (4, 5)
        }
        tasks = {}
        for size in _SIZES:
            for name, prepare in contestants.items():
                folder = Path(scratch) / f"{size}-{prepare.__name__}"
                folder.mkdir()
                newer, older = str(files[size, 5]), str(files[size, 4])
                arguments = {"newer": newer, "older": older, "out": str(folder)}
                tasks[_Key(size, name)] = Task(prepare, arguments)
        found: dict[int, object] = {}

        def check(key: _Key, run: Run) -> None:
            if found.setdefault(key.devices, run.result) != run.result:
                raise RuntimeError(f"{key} found {json.dumps(run.result)}, others {found}.")

        runs = measure(tasks, check=check)
    return "\n".join((*_words(runs), _table(runs)))


def _report(folder: Path, devices: int, day: int) -> Path:
    path = folder / f"{devices}-{day}.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        file.writelines(DevicesReport(devices, ALL_FIELDS, day=day).csv_blocks())
    return path


def _words(runs: Mapping[_Key, Runs]) -> tuple[str, ...]:
    ratios = [runs[_Key(size, "ours")].cpu / runs[_Key(size, _PLAIN)].cpu for size in _SIZES]
    peak = max(runs[_Key(size, "ours")].peak for size in _SIZES)
    said = " and ".join(report.number(ratio) for ratio in ratios)
    return (
        "## Tabulating\n",
        f"A CSV of {len(ALL_FIELDS)} fields, and the rows of the day before as Parquet: write the "
        "rows, a row for each user, and what changed. All find the same devices that came, went or "
        "differ. Ours also reads every dialect, tells how strong each user is, and finds the "
        "security events. One thread each for DuckDB and polars.\n",
        f"Ours takes {said} times the CPU of {_PLAIN} (wanted: at most {_WANTED}, which is "
        f"{'met' if max(ratios) <= _WANTED else 'not met'}), and {peak:.0f} MB at most (wanted: at "
        f"most {_WANTED_MB}, which is {'met' if peak <= _WANTED_MB else 'not met'}).\n",
    )


def _table(runs: Mapping[_Key, Runs]) -> str:
    return report.table(
        ["devices", "", "CPU s", "against plain DuckDB", "peak MB"],
        [
            [
                f"{key.devices:,}",
                key.contestant,
                each.cpu,
                each.cpu / runs[_Key(key.devices, _PLAIN)].cpu,
                round(each.peak),
            ]
            for key, each in runs.items()
        ],
    )
