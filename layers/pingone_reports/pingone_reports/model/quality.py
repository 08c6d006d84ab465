"""The quality gate: reasons to doubt a complete report, in words for the operator."""

from collections.abc import Iterable, Iterator, Sequence

from pingone_reports.model.previous import Previous
from pingone_reports.model.report_file import ReportFile
from pingone_reports.model.request import ExportRequest

# With a narrow filter, the number of devices varies by a few from day to day.
_SMALL_DROP = 10
_NAMES_TOLD = 5


def doubts(
    request: ExportRequest,
    files: Sequence[ReportFile],
    previous: Previous | None,
    max_drop_percent: int,
) -> list[str]:
    """The reasons to keep back these files of one report; empty if they may be published.

    `previous` is the report's previous published export, if there is one.
    """
    return [
        *_record_doubts(request.filter, files, previous, max_drop_percent),
        *(
            doubt
            for file in files
            if file.columns
            for doubt in _column_doubts(request.fields, file.columns, previous)
        ),
    ]


def _record_doubts(
    filter_: str, files: Sequence[ReportFile], previous: Previous | None, max_drop_percent: int
) -> Iterator[str]:
    records = {file.format: file.records for file in files}
    fewest = min(records.values())
    before = previous.records if previous else 0
    if len(set(records.values())) > 1:
        yield "the files disagree: " + ", ".join(
            f"{number} records in {name}" for name, number in records.items()
        )
    # With a filter, no records may be the right result.
    if not fewest and not filter_:
        yield "there are no records"
    elif before - fewest > _SMALL_DROP and fewest * 100 < before * (100 - max_drop_percent):
        yield (
            f"{fewest} records are {100 - fewest * 100 // before} % fewer than the {before} of the "
            f"previous export, and {max_drop_percent} % are allowed"
        )


def _column_doubts(
    fields: Sequence[str], columns: Sequence[str], previous: Previous | None
) -> Iterator[str]:
    """Compare column names; their spelling does not count, as PingOne does not document it.

    The expected columns are those of the previous export, because somebody has accepted it. Without
    one, they are the request's fields. Nothing is compared if there are as many columns as fields,
    or if no name matches: then the header only spells the fields in another way.
    """
    given = {normalized_name(name): name for name in columns}
    if previous and previous.columns:
        wanted = {normalized_name(name): name for name in previous.columns}
    else:
        wanted = {normalized_name(name): name for name in fields}
        if len(columns) == len(fields) or not wanted.keys() & given.keys():
            return
    if missing := [name for key, name in wanted.items() if key not in given]:
        yield f"columns are missing: {_told(missing)}"
    # A report of all fields gets a new column whenever PingOne adds a field.
    if fields and (added := [name for key, name in given.items() if key not in wanted]):
        yield f"columns are not expected: {_told(added)}"


def _told(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_TOLD
    told: Iterable[str] = (f"{name:.64}" for name in names[:_NAMES_TOLD])
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def normalized_name(name: str) -> str:
    """What counts of a field's name, because PingOne documents no spelling: letters and digits."""
    return "".join(filter(str.isalnum, name)).casefold()
