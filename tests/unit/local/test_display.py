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


def test_a_record_neither_crashes_nor_colours_the_terminal(shown: io.StringIO) -> None:
    values = ["[/x]", "[red]x", "\x1b[31mred\x07", "\udcff", "two\nlines", "Zoë \u202e"]
    # As the file is read.
    record = ",".join(f'"{value}"' for value in values)
    display.show_first_record(io.StringIO(f"a,b,c,d,e,f\n{record}\n", newline=""))
    text = shown.getvalue()
    for value in ("[/x]", "[red]x", "⟨U+001B⟩[31mred⟨U+0007⟩", "two⟨U+000A⟩lines", "Zoë ⟨U+202E⟩"):
        assert value in text
    assert "\x1b[31m" not in text


def test_an_error_is_shown_as_it_is(shown: io.StringIO) -> None:
    display.show_error(
        {"status": "FAILED", "error": "ReportRejected", "cause": "[/x] \x1b[2J" * 99}
    )
    assert shown.getvalue().count("[/x]") == 99
    assert "\x1b[2J" not in shown.getvalue()
