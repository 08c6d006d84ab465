"""DuckDB in bounded memory, and the SQL that all tables share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from enum import StrEnum
from errno import ENOSPC
from pathlib import Path
from typing import cast

import duckdb

from pingone_reports.errors import ReportTooLarge
from pingone_reports.model.fields import spelled

Database = duckdb.DuckDBPyConnection
DatabaseError = duckdb.Error


class Unknown(StrEnum):
    """A value that is not known, with the type that its column has all the same."""

    TEXT = "VARCHAR"
    NUMBER = "BIGINT"


Cell = str | int | date | Unknown

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,  # keeps the order of rows, so that the same report gives the same file
    "memory_limit": "600MB",
    "autoinstall_known_extensions": False,  # all that we need is built in
}


def open_database(folder: Path) -> Database:
    """DuckDB, which spills into this folder. To open it takes longer than to ask it most things."""
    return duckdb.connect(config=_SETTINGS | {"temp_directory": str(folder)})


@contextmanager
def within_limits() -> Iterator[None]:
    """Raises ReportTooLarge for work that needs more memory or disk than there is."""
    try:
        yield
    except (duckdb.OutOfMemoryException, duckdb.IOException, OSError) as error:
        if isinstance(error, OSError) and error.errno != ENOSPC:
            raise
        raise ReportTooLarge(
            "The report is too large to be tabulated in this memory and on this disk: export "
            "it with gzip, or ask for fewer fields."
        ) from None


def columns_of(database: Database, parquet: Path) -> dict[str, str]:
    """The quoted names of a file's columns, by the names as `spelled`."""
    described = database.execute(f"SELECT column_name FROM (DESCRIBE FROM {rows_in(parquet)})")  # noqa: S608
    return {spelled(name): name_of(name) for (name,) in described.fetchall()}


def rows_in(parquet: Path) -> str:
    """A file, as a query reads it."""
    return f"read_parquet({quoted(str(parquet))})"


def write(database: Database, query: str, parquet: Path) -> int:
    """Write what a query answers; returns its number of rows."""
    query.encode()  # raises for a lone surrogate, for which DuckDB has no typed error
    with within_limits():
        database.execute(
            f"COPY ({query}) TO {quoted(str(parquet))} (FORMAT parquet, COMPRESSION zstd)"
        )
    return int(cast("tuple[int]", database.fetchone())[0])


def number(database: Database, query: str) -> int:
    """The one number that a query answers."""
    return int(cast("tuple[int]", database.execute(query).fetchone())[0])


def literals(cells: Mapping[str, Cell]) -> list[str]:
    """Values as columns of a query."""
    return [f"{_literal(cell)} AS {name_of(name)}" for name, cell in cells.items()]


def _literal(cell: Cell) -> str:
    match cell:
        case Unknown():
            return f"NULL::{cell}"
        case str():
            # A filter may hold a lone surrogate.
            return quoted(cell.encode(errors="replace").decode())
        case int():
            return f"{cell}::BIGINT"
        case date():
            return f"DATE '{cell}'"


def name_of(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quoted(value: str) -> str:
    """A text of a query."""
    return "'" + value.replace("'", "''") + "'"
