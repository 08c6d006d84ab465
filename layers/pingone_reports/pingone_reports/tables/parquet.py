"""A report as Parquet: every value keeps its text, and every column has its own name.

DuckDB does the work in bounded memory. Athena's own text readers end a record at every newline,
even at a quoted one.
"""

import csv
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pingone_reports.errors import InvalidReport
from pingone_reports.model.fields import spelled
from pingone_reports.tables.column_names import table_names
from pingone_reports.tables.csv_rows import CsvShape, csv_shape, csv_to_rows
from pingone_reports.tables.database import (
    Cell,
    Database,
    DatabaseError,
    columns_of,
    literals,
    name_of,
    number,
    quoted,
    rows_in,
    within_limits,
    write,
)
from pingone_reports.tables.json_rows import JsonShape, json_shape, json_to_rows
from pingone_reports.tables.report_text import create_text

_LINE_BYTES = 16_000_000
# DuckDB takes the first return or newline for the line end, even a quoted one, if it is not told.
# If it is told CRLF, it reads no rows (2.0.0).
_LINE_FEED = r"new_line = '\n',"
_LINE_ENDS = {"\n": _LINE_FEED, "\r\n": ""}
# Of all tables: Athena has no column beside it with the same name.
_PARTITION = "date"


@dataclass(frozen=True)
class Rows:
    """The number of rows that were written, and in how many cells U+FFFD is for no character."""

    number: int
    repaired_cells: int = 0

    @property
    def doubts(self) -> list[str]:
        """What to tell of them."""
        number = self.repaired_cells
        what = "1 value has" if number == 1 else f"{number} values have"
        return [f"{what} \ufffd in the place of what is no text."] if number else []


def report_to_parquet(
    database: Database,
    report: Path,
    format_name: str,
    constants: Mapping[str, Cell],
    parquet: Path,
    asked: Sequence[str] = (),
) -> Rows:
    """Write a CSV or JSON report, plain or `.gz`, with `constants` as further columns.

    An empty value becomes ''; Athena shows NULL only for columns that the report lacks. A JSON
    report leaves out a field without a value, so it gets all columns that were `asked` for. JSON
    numbers, lists and objects keep their JSON text. In CSV, spaces between a quote and a comma are
    dropped. What is no text becomes U+FFFD. `table_names` says what the columns are called. The
    rows may be written to a file beside `parquet` first, as big as the report.

    The rows are those that were counted when the report landed. Raises InvalidReport, and
    ReportTooLarge for this memory and disk.
    """
    is_csv = format_name == "csv"

    def rows_of(source: _Source) -> Rows:
        given = {*map(spelled, source.names)}
        absent = [] if is_csv else [name for name in asked if spelled(name) not in given]
        names = table_names([*source.names, *absent], [*constants, _PARTITION])
        values = [f"coalesce({name_of(column)}, '')" for column in source.columns]
        cells = zip([*values, *(["''"] * len(absent))], names, strict=True)
        columns = [*literals(constants), *(f"{value} AS {name_of(name)}" for value, name in cells)]
        return Rows(
            write(database, f"SELECT {', '.join(columns)} FROM {source.sql}", parquet),  # noqa: S608
            source.repaired_cells,
        )

    try:
        with within_limits():
            shape = csv_shape(report) if is_csv else json_shape(report)
            if shape.plain:
                # DuckDB refuses half of a character: the other way repairs it.
                with suppress(DatabaseError), within_limits():
                    return rows_of(_as_it_is(report, shape, database))
            return rows_of(_written_anew(report, shape, parquet))
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
    if not (values := columns_of(database, parquet).get(spelled(column))):
        return 0
    with within_limits():
        return number(
            database,
            f"SELECT count(*) FROM (SELECT lower({values}) AS value FROM {rows_in(parquet)} "  # noqa: S608
            f"WHERE {values} <> '' GROUP BY value HAVING count(*) > 1)",
        )


@dataclass(frozen=True)
class _Source:
    """What rows are read from: SQL, what that calls the columns, and what the report calls them."""

    sql: str
    columns: Sequence[str]
    names: Sequence[str]
    repaired_cells: int = 0


def _as_it_is(report: Path, shape: CsvShape | JsonShape, database: Database) -> _Source:
    if isinstance(shape, CsvShape):
        return _csv(report, shape.columns, f"{_LINE_ENDS[shape.line_end]} header = true")
    of_file = f"{quoted(str(report))}, maximum_object_size = {_LINE_BYTES}"
    database.execute(
        "SELECT DISTINCT unnest(json_keys(json)) AS name "  # noqa: S608
        f"FROM read_json_objects({of_file}) ORDER BY name"
    )
    names = [str(name) for (name,) in database.fetchall()]
    if not names:
        return _Source(f"read_json_objects({of_file})", [], [])
    return _Source(f"read_json({of_file}, columns = {_types(names)})", names, names)


def _written_anew(report: Path, shape: CsvShape | JsonShape, parquet: Path) -> _Source:
    rows = parquet.with_name("rows.csv.gz" if report.suffix == ".gz" else "rows.csv")
    with create_text(rows) as text:
        if isinstance(shape, CsvShape):
            repaired = csv_to_rows(report, text)
            return _csv(rows, shape.columns, f"{_LINE_FEED} header = true", repaired)
        # DuckDB would be several times as fast, but it would change numbers.
        names, repaired = json_to_rows(report, shape.depth, text)
    source = _csv(rows, ["", *names], f"{_LINE_FEED} header = false, null_padding = true", repaired)
    return replace(source, columns=source.columns[1:], names=names)  # the first one is empty


def _csv(file: Path, names: Sequence[str], options: str, repaired: int = 0) -> _Source:
    """The source of a CSV: numbers stand for names, which may be anything."""
    columns = [str(number) for number in range(len(names))]
    sql = (
        f"read_csv({quoted(str(file))}, columns = {_types(columns)}, {options}, "
        """auto_detect = false, delim = ',', quote = '"', escape = '"', strict_mode = true, """
        f"parallel = false, max_line_size = {_LINE_BYTES}, buffer_size = {2 * _LINE_BYTES})"
    )
    return _Source(sql, columns, names, repaired)


def _types(columns: Sequence[str]) -> str:
    return "{" + ", ".join(f"{quoted(column)}: 'VARCHAR'" for column in columns) + "}"
