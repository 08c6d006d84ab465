"""A report as Parquet: every value keeps its text, and every column has its own name.

DuckDB does the work in bounded memory. Athena's own text readers end a record at every newline,
even at a quoted one.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from pingone_reports.errors import InvalidReport
from pingone_reports.model.fields import spelling
from pingone_reports.tables.database import (
    Cell,
    Database,
    DatabaseError,
    columns_of,
    literals,
    name_of,
    quoted,
    within_limits,
    write,
)
from pingone_reports.tables.json_rows import json_shape, json_to_rows
from pingone_reports.tables.report_text import create_text, open_text

_LINE_BYTES = 16_000_000


def report_to_parquet(
    database: Database,
    report: Path,
    format_name: str,
    constants: Mapping[str, Cell],
    parquet: Path,
    asked: Sequence[str] = (),
) -> int:
    """Write a CSV or JSON report, plain or `.gz`, with `constants` as further columns.

    An empty value becomes ''; Athena shows NULL only for columns that the report lacks. JSON
    numbers, lists and objects keep their JSON text. In CSV, spaces between a quote and a comma are
    dropped. A column with a constant's name gets the suffix `_1`. The rows of a JSON file may be
    written to a file beside `parquet`, as big as the report. A JSON report without any record shows
    no column: it gets those that were `asked` for.

    Returns the number of rows. Compare it with the report's: DuckDB skips a last row whose quote is
    open. Raises InvalidReport.
    """
    try:
        with within_limits():
            if format_name == "csv":
                values, source = _csv_table(report)
            else:
                values, source = _json_table(report, database, parquet)
            values = [*literals(constants), *(values or [f"'' AS {name_of(n)}" for n in asked])]
            return write(database, f"SELECT {', '.join(values)} FROM {source}", parquet)  # noqa: S608
    except (DatabaseError, ValueError, RecursionError, csv.Error) as error:
        # DuckDB's messages quote the report.
        raise InvalidReport(
            f"The {format_name} file is not a table ({type(error).__name__}): export it again."
        ) from None


def row_to_parquet(database: Database, row: Mapping[str, Cell], parquet: Path) -> None:
    """Write a file with one row."""
    write(database, f"SELECT {', '.join(literals(row))}", parquet)


def repeated_values(database: Database, parquet: Path, column: str) -> int:
    """How many values of this column come more than once, whatever their case; 0 without it."""
    file = f"read_parquet({quoted(str(parquet))})"
    names = {spelling(name): sql for name, sql in columns_of(database, parquet).items()}
    if not (values := names.get(spelling(column))):
        return 0
    with within_limits():
        database.execute(
            f"SELECT count(*) FROM (SELECT lower({values}) AS value FROM {file} "  # noqa: S608
            f"WHERE {values} <> '' GROUP BY value HAVING count(*) > 1)"
        )
    return int(cast("tuple[int]", database.fetchone())[0])


def _csv_table(report: Path) -> tuple[list[str], str]:
    with open_text(report) as text:
        names = next(csv.reader(text, skipinitialspace=True), None)
    if not names:
        raise ValueError("There is no header.")
    return _rows_of(report, [name.strip(" ") for name in names], "header = true")


def _json_table(report: Path, database: Database, parquet: Path) -> tuple[list[str], str]:
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
        f"coalesce({name_of(column)}, '') AS {name_of(name)}"
        for column, name in zip(columns, names, strict=True)
    ]
