"""How the csv module writes what it reads back as it was, and what else is a row."""

import csv
import re

# Before 3.13, it quotes a return by itself only where it ends lines.
DIALECTS = [("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]
"""Line ends, and what is quoted."""

_QUOTED = re.compile(r' *"((?:[^"]|"")*)" *(?=[,\r\n]|\Z)')
_PLAIN = re.compile(r'[^,\r\n"]*(?=[,\r\n]|\Z)')

_END = re.compile(r"\r\n|\r|\n|\Z")


def rows_of(data: bytes) -> list[list[str]] | None:
    """The header and the rows of a CSV in any of its dialects; None if it is none."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
    rows, ends, at = [], set(), 0
    while at < len(text):
        row, start = [], at
        while cell := _QUOTED.match(text, at) or _PLAIN.match(text, at):
            row.append(cell[1].replace('""', '"') if cell.re is _QUOTED else cell[0])
            end = _END.match(text, cell.end())
            at = end.end() if end else cell.end() + 1  # behind a comma
            if end:
                ends.add(end[0])
                break
        else:
            return None
        if cell.end() > start:
            rows.append(row)
        elif not rows:
            return None
    lengths = {len(row) for row in rows}
    return None if len(lengths) != 1 or {"\r"} < ends - {""} else rows
