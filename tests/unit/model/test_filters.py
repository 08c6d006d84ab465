"""Of a filter remain the names of its fields and a hash, and none of its values."""

import hashlib

import pytest

from pingone_reports.model.filters import (
    fields_of_filter,
    hides_factors,
    is_without_values,
    values_of,
    without_values,
)


@pytest.mark.parametrize(
    ("filter_", "names"),
    [
        ('username eq "canary"', "username"),
        (
            '(username sw "canary" and not (phone co "+49 1")) or mfaEnabled eq "true"',
            "username, phone, mfaEnabled",
        ),
        ('username EQ "canary eq \\" familyName eq" and email pr', "username, email"),
        ("username eq 'canary sw x'", "username, unknown fields"),
        ('username eq "canary and phone eq', "username, unknown fields"),
        ("username eq canary", "username, unknown fields"),
        ('emails[type eq "work"].value co "canary"', "type, value, unknown fields"),
        ("canary", "unknown fields"),
        ('username eq "canary" and username eq "canary2"', "username"),
        ('name.given\teq "canary"', "name.given"),
    ],
)
def test_only_names_and_a_hash_are_kept_and_hide_what_the_filter_hides(
    filter_: str, names: str
) -> None:
    kept = without_values(filter_)
    assert kept == f"filter on {names}: {hashlib.sha256(filter_.encode()).hexdigest()}"
    assert "canary" not in kept
    assert is_without_values(kept)
    assert without_values(kept) == kept
    assert hides_factors(kept) == hides_factors(filter_)
    missing = fields_of_filter(filter_) - fields_of_filter(kept)
    assert not missing or "unknownfields" in fields_of_filter(kept)


@pytest.mark.parametrize(
    ("filter_", "named"),
    [
        ('device.type eq "SMS" and username pr', {"devicetype", "type", "username"}),
        ('email eq "a@x"', {"email"}),
    ],
)
def test_the_fields_of_a_kept_filter_are_those_of_the_filter(filter_: str, named: set[str]) -> None:
    assert fields_of_filter(filter_) == fields_of_filter(without_values(filter_)) == named


def test_no_filter_stays_none() -> None:
    assert without_values("") == ""
    assert not is_without_values("")
    assert not is_without_values('username eq "filter on username: 00"')


@pytest.mark.parametrize(
    ("filter_", "hidden"),
    [
        ('username eq "ada@x" and mfaEnabled eq "true"', {"ada@x"}),
        ('givenName eq "Ada Maria"', {"Ada", "Maria"}),
        ("phone sw +49151", {"+49151"}),
    ],
)
def test_what_an_answer_must_not_repeat_is_the_filter_and_its_values(
    filter_: str, hidden: set[str]
) -> None:
    assert {*values_of(filter_)} == hidden | {filter_}
