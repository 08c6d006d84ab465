"""A report as Parquet: every value the text that it was, every column under its own name.

DuckDB does the work in bounded memory. Athena's own text readers end a record at every newline,
also at a quoted one.
"""

import csv
import gzip
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TextIO, cast

import duckdb

from pingone_reports.errors import InvalidReport

Cell = str | int | date

_LINE_BYTES = 16_000_000
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,  # keeps the order of rows, and so makes the same file again
    "memory_limit": "600MB",
    "autoinstall_known_extensions": False,  # what is needed is built in
}


def report_to_parquet(
    report: Path, format_name: str, constants: Mapping[str, Cell], parquet: Path
) -> int:
    """Write a CSV or JSON report, plain or `.gz`, with `constants` as further columns.

    A value that the report leaves empty is ''; NULL is left for columns that it does not have.
    Returns the number of rows, to be compared with what the report should have: DuckDB passes over
    a last row whose quote is open. Raises InvalidReport. A JSON file that is one object around its
    list is held in memory.
    """
    with _database(parquet.parent) as database:
        try:
            if format_name == "csv":
                values, source = _csv_table(report)
            else:
                values, source = _json_table(report, database)
            values = [*_literals(constants), *values]
            return _write(database, f"SELECT {', '.join(values)} FROM {source}", parquet)  # noqa: S608
        except (duckdb.Error, ValueError, csv.Error) as error:
            # DuckDB's messages quote the report.
            raise InvalidReport(
                f"The {format_name} file is no table ({type(error).__name__})."
            ) from None


def row_to_parquet(row: Mapping[str, Cell], parquet: Path) -> None:
    """Write a file of one row."""
    with _database(parquet.parent) as database:
        _write(database, f"SELECT {', '.join(_literals(row))}", parquet)


def _database(folder: Path) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config=_SETTINGS | {"temp_directory": str(folder)})


def _write(database: duckdb.DuckDBPyConnection, query: str, parquet: Path) -> int:
    database.execute(f"COPY ({query}) TO {_text(str(parquet))} (FORMAT parquet, COMPRESSION zstd)")
    return int(cast("tuple[int]", database.fetchone())[0])


def _csv_table(report: Path) -> tuple[list[str], str]:
    with _open_text(report) as text:
        names = next(csv.reader(text), None)
    if not names:
        raise ValueError("There is no header.")
    return _texts(names), (
        f"read_csv({_text(str(report))}, columns = {_types(names)}, header = true, "
        """auto_detect = false, delim = ',', quote = '"', escape = '"', strict_mode = true, """
        f"parallel = false, max_line_size = {_LINE_BYTES}, buffer_size = {2 * _LINE_BYTES})"
    )


def _json_table(report: Path, database: duckdb.DuckDBPyConnection) -> tuple[list[str], str]:
    of_file = f"{_text(str(_as_list(report)))}, maximum_object_size = {_LINE_BYTES}"
    database.execute(
        "SELECT DISTINCT unnest(json_keys(json)) AS name "  # noqa: S608
        f"FROM read_json_objects({of_file}) ORDER BY name"
    )
    names = [str(name) for (name,) in database.fetchall()]
    if not names:
        return [], f"read_json_objects({of_file})"
    return _texts(names), f"read_json({of_file}, columns = {_types(names)})"


def _as_list(report: Path) -> Path:
    """The report, or a copy of its outermost list of objects if it is one object around that."""
    with _open_text(report) as text:
        if not text.read(100).lstrip().startswith("{"):
            return report
        text.seek(0)
        lines = (line for line in text if line.strip())
        _, second = next(lines), next(lines, "")
        if second.startswith("{"):
            return report
        text.seek(0)
        values = [json.load(text)]
    while values:
        for value in values:
            if isinstance(value, list) and all(isinstance(item, dict) for item in value):
                copy = report.with_suffix(".list")
                copy.write_text(json.dumps(value), encoding="utf-8")
                return copy
        values = [inner for value in values if isinstance(value, dict) for inner in value.values()]
    return report


def _types(names: list[str]) -> str:
    return "{" + ", ".join(f"{_text(name)}: 'VARCHAR'" for name in names) + "}"


def _texts(names: list[str]) -> list[str]:
    return [f"coalesce({_name(name)}, '') AS {_name(name)}" for name in names]


def _open_text(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _literals(cells: Mapping[str, Cell]) -> list[str]:
    return [f"{_literal(cell)} AS {_name(name)}" for name, cell in cells.items()]


def _literal(cell: Cell) -> str:
    match cell:
        case str():
            return _text(cell)
        case int():
            return f"{cell}::BIGINT"
        case date():
            return f"DATE '{cell}'"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
