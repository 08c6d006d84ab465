"""Retry and Catch of the state machine name each error by itself: the tree has two levels."""

from pingone_reports import errors
from pingone_reports.errors import ExportError, TransientError


def test_an_error_has_one_base_alone() -> None:
    bases = {
        kind.__bases__
        for kind in vars(errors).values()
        if isinstance(kind, type) and kind not in (ExportError, TransientError)
    }
    assert bases == {(ExportError,), (TransientError,)}
