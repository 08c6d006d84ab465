"""Retry and Catch of the state machine name each error by itself: the tree has two levels."""

import inspect

import pytest

from pingone_reports import errors
from pingone_reports.errors import ExportError, TransientError

BASES = (ExportError, TransientError)
ERRORS = [
    error
    for error in vars(errors).values()
    if inspect.isclass(error) and error.__module__ == errors.__name__ and error not in BASES
]


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_has_one_base_alone(error: type[ExportError]) -> None:
    assert error.__bases__ in ((ExportError,), (TransientError,))
