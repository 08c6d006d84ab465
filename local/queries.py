"""Writes the saved queries of template.yaml into docs/queries.md."""

import sys
from collections.abc import Iterator

from local.athena import saved_queries
from local.paths import ROOT

PAGE = ROOT / "docs" / "queries.md"
_MARK = "<!-- `make queries` writes what follows -->\n"


def main() -> int:
    """Write the page anew below its mark."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The page with the queries as they are saved."""
    written = PAGE.read_text(encoding="utf-8").partition(_MARK)[0]
    return f"{written}{_MARK}\n" + "\n".join(_lines())


def _lines() -> Iterator[str]:
    queries = saved_queries()
    yield "| question | answer |\n| --- | --- |"
    for name, query in queries.items():
        yield f"| [{name}](#{name.lower().replace(' ', '-')}) | {query['Description']} |"
    for name, query in queries.items():
        yield f"\n### {name}\n\n{query['Description']}\n"
        yield f"```sql\n{query['QueryString'].strip()}\n```"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
