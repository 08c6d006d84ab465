"""What others wrote is shown as it is."""

import io

import pytest
from rich.console import Console

from local import display


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What is printed, on a terminal with colours."""
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True, highlight=False)
    monkeypatch.setattr(display, "console", console)
    return text


def test_an_error_is_shown_as_it_is(shown: io.StringIO) -> None:
    display.show_error(
        {"status": "FAILED", "error": "ReportRejected", "cause": "[/x] \x1b[2J" * 99}
    )
    assert shown.getvalue().count("[/x]") == 99
    assert "\x1b[2J" not in shown.getvalue()
