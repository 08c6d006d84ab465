"""The quality gate: what is doubtful about a report that is whole, in words for the operator."""

from collections.abc import Iterable, Iterator, Sequence

from pingone_reports.model.previous import Previous
from pingone_reports.model.report_file import ReportFile
from pingone_reports.model.request import ExportRequest

# A narrow filter finds a few devices more one day, and a few less the other.
_SMALL_DROP = 10
_NAMES_TOLD = 5


def doubts(
    request: ExportRequest,
    files: Sequence[ReportFile],
    previous: Previous | None,
    max_drop_percent: int,
) -> list[str]:
    """Everything that keeps these files of one report back; nothing, if they may be published.

    `previous` is the published export before it, if there is one.
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
    # Nothing may be just what a filter asks for.
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
    """Names are compared whatever their spelling: PingOne does not document its header's.

    The previous export has the columns that somebody has accepted. Without one, as many columns as
    fields are taken for these, and names that no field has for another spelling.
    """
    given = {_normalized(name): name for name in columns}
    if previous and previous.columns:
        wanted = {_normalized(name): name for name in previous.columns}
    else:
        wanted = {_normalized(name): name for name in fields}
        if len(columns) == len(fields) or not wanted.keys() & given.keys():
            return
    if missing := [name for key, name in wanted.items() if key not in given]:
        yield f"columns are missing: {_told(missing)}"
    # A report of all fields grows whenever PingOne adds one.
    if fields and (added := [name for key, name in given.items() if key not in wanted]):
        yield f"columns are not expected: {_told(added)}"


def _told(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_TOLD
    told: Iterable[str] = (f"{name:.64}" for name in names[:_NAMES_TOLD])
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def _normalized(name: str) -> str:
    """A name without what is spelling only: PingOne does not document how its header spells."""
    return "".join(filter(str.isalnum, name)).casefold()
