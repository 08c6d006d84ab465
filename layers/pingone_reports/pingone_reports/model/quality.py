"""The quality gate: what speaks against a complete report, in words for the operator."""

from collections.abc import Iterable, Iterator, Sequence

from pingone_reports.model.fields import FIELDS, spelled
from pingone_reports.model.report_file import Format, ReportFile
from pingone_reports.model.request import ExportRequest
from pingone_reports.model.series import PublishedExport

# With a narrow filter, the number of devices varies by a few from day to day.
_SMALL_DROP = 10
_NAMES_TOLD = 5


def violations(
    request: ExportRequest,
    files: Sequence[ReportFile],
    previous: PublishedExport | None,
    max_drop_percent: int,
) -> list[str]:
    """The reasons to keep back these files of one report; empty if they may be published.

    `previous` is the report's previous published export, if there is one.
    """
    fields = {*map(spelled, request.fields or FIELDS)}
    # Garbage that somebody has let pass is no measure of what is right again.
    is_right = any(fields & {*map(spelled, file.columns)} for file in files)
    before = previous.columns if previous else ()
    if is_right and before and not fields & {*map(spelled, before)}:
        previous = None
    return [
        *_record_violations(request.filter, files, previous, max_drop_percent),
        *(found for file in files for found in _name_violations(request.fields, file, previous)),
    ]


def _record_violations(
    filter_: str,
    files: Sequence[ReportFile],
    previous: PublishedExport | None,
    max_drop_percent: int,
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


def _name_violations(
    fields: Sequence[str], file: ReportFile, previous: PublishedExport | None
) -> Iterator[str]:
    """Compare names; their spelling does not count, as PingOne does not document it.

    What was asked for is right. If a header has other names, those of the previous export are
    expected, because somebody has accepted it. Without one, a header may have half of the names in
    another way, as many as were asked for. JSON leaves out a field that has no value.
    """
    # Of an export with other fields, nobody has accepted these.
    same = previous and set(previous.fields) == set(fields)
    accepted_columns = previous.columns if previous and same else ()
    given, asked, accepted = (
        {spelled(name): name for name in names}
        for names in (file.columns, fields, accepted_columns)
    )
    if not file.is_table:
        yield f"the {file.format} file is not a table"
    if given.keys().isdisjoint([*(asked or map(spelled, FIELDS)), *accepted]):
        if file.format is Format.CSV or file.records:
            yield (
                f"the {file.format} file has none of the fields that "
                f"{'were asked for' if fields else 'are known'}"
            )
        return
    if file.format is Format.JSON or given.keys() == asked.keys():
        return
    enough = len(given) == len(asked) <= 2 * len(given.keys() & asked.keys())
    wanted = accepted or ({} if enough else asked)
    if missing := [name for key, name in wanted.items() if key not in given]:
        yield f"columns are missing: {_told(missing)}"
    # A report of all fields gets a new column whenever PingOne adds a field.
    if wanted and fields and (added := [name for key, name in given.items() if key not in wanted]):
        yield f"columns are not expected: {_told(added)}"


def _told(names: Sequence[str]) -> str:
    more = len(names) - _NAMES_TOLD
    told: Iterable[str] = (f"{name:.64}" for name in names[:_NAMES_TOLD])
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")
