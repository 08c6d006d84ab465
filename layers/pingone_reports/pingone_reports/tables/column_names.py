"""What a table calls the columns of a report."""

from collections.abc import Collection, Iterable
from itertools import chain, count

from pingone_reports.model.fields import KNOWN, spelled


def table_names(names: Collection[str], taken: Iterable[str]) -> list[str]:
    """What a table calls these columns, each in another way than `taken`: in lower case, as Athena.

    A known field has its own name, whatever its spelling. A column without a name has its number.
    """
    given, used = ({name.lower() for name in those} for those in (names, taken))
    chosen = []
    for number, name in enumerate(names, 1):
        wanted = spelled(name)
        # If two columns are spellings of a field, it is the one with PingOne's spelling.
        if wanted not in KNOWN or (wanted in given and wanted != name.lower()):
            wanted = name.strip(" ").replace("\0", "\ufffd").lower() or f"column_{number}"
        others = (f"{wanted}_{other}" for other in count(1))
        chosen.append(next(own for own in chain([wanted], others) if own not in used))
        used.add(chosen[-1])
    return chosen
