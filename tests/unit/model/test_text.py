import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pingone_reports.model.text import LONGEST, visible

# Any text that Python can hold, lone surrogates too.
TEXTS = st.text(st.characters(codec=None), max_size=LONGEST + 20)


@pytest.mark.parametrize("text", ["", "Zoë", "O'Brien, Seán", "山田太郎", "نورة", "🦊 fox", "a b"])
def test_a_name_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("admin\u202egnp", "admin⟨U+202E⟩gnp"),
        ("a\u200bb\ufeff", "a⟨U+200B⟩b⟨U+FEFF⟩"),
        ("a\u2028b\u2029c", "a⟨U+2028⟩b⟨U+2029⟩c"),
        ("a\r\n\x00\x1b\x7f\x85", "a⟨U+000D⟩⟨U+000A⟩⟨U+0000⟩⟨U+001B⟩⟨U+007F⟩⟨U+0085⟩"),
        ("lone\ud800", "lone⟨U+D800⟩"),
        ("\U000e0001", "⟨U+E0001⟩"),
    ],
)
def test_a_character_that_is_not_seen_is_named(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_text_that_is_too_long_says_how_much_is_missing() -> None:
    assert visible("x" * LONGEST) == "x" * LONGEST
    assert visible("x" * (LONGEST + 1_234)) == "x" * LONGEST + "… (1,234 more characters)"
    assert visible("\u202e" * 900) == "⟨U+202E⟩" * 37 + "… (863 more characters)"


@given(TEXTS)
def test_whatever_it_is_it_can_be_encoded_and_hides_nothing(text: str) -> None:
    shown = visible(text)
    shown.encode()
    assert not {unicodedata.category(character) for character in shown} & {
        "Cc", "Cf", "Cs", "Zl", "Zp",
    }  # fmt: skip
