"""A report as Parquet: every value keeps its text, and every column has its own name.

DuckDB does the work in bounded memory. Athena's own text readers end a record at every newline,
even at a quoted one.
"""

import csv
import platform
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import cast

from pingone_reports.errors import InvalidConfiguration, InvalidReport, ReportTooLarge
from pingone_reports.tables.json_rows import json_shape, json_to_rows
from pingone_reports.tables.report_text import create_text, open_text

try:
    import duckdb
except ImportError:
    # Lambda does not check a library's processor. The original error would only say that a module
    # is missing.
    raise InvalidConfiguration(
        "The layer holds no DuckDB for this function's processor, "
        f"{platform.machine()}: give `sam build` and `sam deploy` the same Architecture."
    ) from None

Cell = str | int | date

_LINE_BYTES = 16_000_000
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,  # keeps the order of rows, so that the same report gives the same file
    "memory_limit": "600MB",
    "autoinstall_known_extensions": False,  # all that we need is built in
}


def report_to_parquet(
    report: Path, format_name: str, constants: Mapping[str, Cell], parquet: Path
) -> int:
    """Write a CSV or JSON report, plain or `.gz`, with `constants` as further columns.

    An empty value becomes ''; Athena shows NULL only for columns that the report lacks. JSON
    numbers, lists and objects keep their JSON text. In CSV, spaces between a quote and a comma are
    dropped. A column with a constant's name gets the suffix `_1`. The rows of a JSON file may be
    written to a file beside `parquet`, as big as the report.

    Returns the number of rows. Compare it with the report's: DuckDB skips a last row whose quote is
    open. Raises InvalidReport.
    """
    with database_in(parquet.parent) as database:
        try:
            if format_name == "csv":
                values, source = _csv_table(report)
            else:
                values, source = _json_table(report, database, parquet)
            values = [*literals(constants), *values]
            return write(database, f"SELECT {', '.join(values)} FROM {source}", parquet)  # noqa: S608
        except (duckdb.OutOfMemoryException, duckdb.IOException):
            raise ReportTooLarge(
                "The report is too large to be tabulated in this memory and on this disk: export "
                "it with gzip, or ask for fewer fields."
            ) from None
        except (duckdb.Error, ValueError, RecursionError, csv.Error) as error:
            # DuckDB's messages quote the report.
            raise InvalidReport(
                f"The {format_name} file is not a table ({type(error).__name__}): export it again."
            ) from None


def row_to_parquet(row: Mapping[str, Cell], parquet: Path) -> None:
    """Write a file with one row."""
    with database_in(parquet.parent) as database:
        write(database, f"SELECT {', '.join(literals(row))}", parquet)


def repeated_values(parquet: Path, column: str) -> int:
    """How many rows of a file repeat a value of this column that is not empty; 0 without it.

    The column's name may be in upper or lower case.
    """
    with database_in(parquet.parent) as database:
        file = f"read_parquet({quoted(str(parquet))})"
        if column.lower() not in columns_of(database, parquet):
            return 0
        values = _name(column)
        database.execute(
            f"SELECT count(*) - count(DISTINCT {values}) FROM {file} WHERE {values} <> ''"  # noqa: S608
        )
        return int(cast("tuple[int]", database.fetchone())[0])


def has_column(parquet: Path, column: str) -> bool:
    """Whether a file has this column, whatever its case."""
    with database_in(parquet.parent) as database:
        return column.lower() in columns_of(database, parquet)


def columns_of(database: duckdb.DuckDBPyConnection, parquet: Path) -> dict[str, str]:
    """The quoted names of a file's columns, by the names in lower case."""
    described = database.execute(
        f"SELECT column_name FROM (DESCRIBE FROM read_parquet({quoted(str(parquet))}))"  # noqa: S608
    )
    return {name.lower(): _name(name) for (name,) in described.fetchall()}


def database_in(folder: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB in bounded memory, which spills into this folder."""
    return duckdb.connect(config=_SETTINGS | {"temp_directory": str(folder)})


def write(database: duckdb.DuckDBPyConnection, query: str, parquet: Path) -> int:
    """Write what a query answers; returns its number of rows."""
    query.encode()  # raises for a lone surrogate, for which DuckDB has no typed error
    database.execute(f"COPY ({query}) TO {quoted(str(parquet))} (FORMAT parquet, COMPRESSION zstd)")
    return int(cast("tuple[int]", database.fetchone())[0])


def _csv_table(report: Path) -> tuple[list[str], str]:
    with open_text(report) as text:
        names = next(csv.reader(text, skipinitialspace=True), None)
    if not names:
        raise ValueError("There is no header.")
    return _rows_of(report, [name.strip(" ") for name in names], "header = true")


def _json_table(
    report: Path, database: duckdb.DuckDBPyConnection, parquet: Path
) -> tuple[list[str], str]:
    shape = json_shape(report)
    if not shape.plain:
        # DuckDB would be several times as fast, but it would change numbers.
        rows = parquet.with_name("rows.csv.gz" if report.suffix == ".gz" else "rows.csv")
        with create_text(rows) as text:
            names = json_to_rows(report, shape.depth, text)
        # By default, DuckDB takes the first return or newline as the line end, even a quoted one.
        line_end = r"new_line = '\n'"
        return _rows_of(rows, names, f"header = false, null_padding = true, {line_end}", first=1)
    of_file = f"{quoted(str(report))}, maximum_object_size = {_LINE_BYTES}"
    database.execute(
        "SELECT DISTINCT unnest(json_keys(json)) AS name "  # noqa: S608
        f"FROM read_json_objects({of_file}) ORDER BY name"
    )
    names = [str(name) for (name,) in database.fetchall()]
    if not names:
        return [], f"read_json_objects({of_file})"
    return _texts(names, names), f"read_json({of_file}, columns = {_types(names)})"


def _rows_of(file: Path, names: list[str], options: str, first: int = 0) -> tuple[list[str], str]:
    """SQL for a CSV's columns from `first` on: numbers stand for names, which may be anything."""
    columns = [str(number) for number in range(first + len(names))]
    return _texts(columns[first:], names), (
        f"read_csv({quoted(str(file))}, columns = {_types(columns)}, {options}, "
        """auto_detect = false, delim = ',', quote = '"', escape = '"', strict_mode = true, """
        f"parallel = false, max_line_size = {_LINE_BYTES}, buffer_size = {2 * _LINE_BYTES})"
    )


def _types(columns: list[str]) -> str:
    return "{" + ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in columns) + "}"


def _texts(columns: list[str], names: list[str]) -> list[str]:
    if len({name.lower() for name in names}) < len(names):
        raise InvalidReport(
            "Two columns have the same name for Athena, which ignores case: request one of them."
        )
    return [
        f"coalesce({_name(column)}, '') AS {_name(name)}"
        for column, name in zip(columns, names, strict=True)
    ]


def literals(cells: Mapping[str, Cell]) -> list[str]:
    """Values as columns of a query."""
    return [f"{_literal(cell)} AS {_name(name)}" for name, cell in cells.items()]


def _literal(cell: Cell) -> str:
    match cell:
        case str():
            # A filter may hold a lone surrogate.
            return quoted(cell.encode(errors="replace").decode())
        case int():
            return f"{cell}::BIGINT"
        case date():
            return f"DATE '{cell}'"


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quoted(value: str) -> str:
    """A text of a query."""
    return "'" + value.replace("'", "''") + "'"
