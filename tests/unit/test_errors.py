"""Every error says when it is raised, and by its base whether another try is worth it."""

import inspect
import re

import pytest

from pingone_reports import errors
from pingone_reports.errors import ExportError, TransientError

BASES = (ExportError, TransientError)
ERRORS = [
    error
    for error in vars(errors).values()
    if inspect.isclass(error) and error.__module__ == errors.__name__ and error not in BASES
]
TREE = str(errors.__doc__)


def test_some_errors_are_worth_another_try_and_some_are_not() -> None:
    assert 10 < sum(issubclass(error, TransientError) for error in ERRORS) < len(ERRORS) - 10


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_says_when_it_is_raised(error: type[ExportError]) -> None:
    assert issubclass(error, ExportError)
    assert str(error.__doc__).startswith("Raised ")


@pytest.mark.parametrize("base", BASES)
def test_a_base_says_that_it_is_never_raised(base: type[ExportError]) -> None:
    assert str(base.__doc__).endswith("never raised itself.")


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_has_one_base_alone(error: type[ExportError]) -> None:
    """The tree has two levels: Retry and Catch name each error by itself."""
    assert error.__bases__ in ((ExportError,), (TransientError,))


@pytest.mark.parametrize("error", ERRORS)
def test_the_tree_names_an_error_if_it_is_worth_another_try(error: type[ExportError]) -> None:
    transient = TREE.partition("TransientError")[2].partition("└── all others")[0]
    assert (error.__name__ in re.findall(r"\w+", transient)) == issubclass(error, TransientError)
