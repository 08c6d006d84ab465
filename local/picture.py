"""Draws the page about an export, with simulated numbers, into docs/posture.png.

The page itself is then in .local/pages, to be opened with a browser.
"""

import sys

from local.browser import browser, opened, show
from local.display import console
from local.paths import ROOT
from local.sample_posture import sample_posture

_WIDTH = 1280
_END = "return document.querySelector('section:has(#happened)').getBoundingClientRect().bottom"
"""Where the list of who and what ends, in pixels."""


def main() -> int:
    """Write docs/posture.png."""
    with browser() as chrome:
        show(chrome, _WIDTH)
        page = opened(chrome, sample_posture(), "sample")
        show(chrome, _WIDTH, height=round(chrome.execute_script(_END)) + 16)
        (ROOT / "docs" / "posture.png").write_bytes(chrome.get_screenshot_as_png())
    console.print(f"docs/posture.png is written, of {page}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
