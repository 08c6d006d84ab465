"""What all tests share."""

import gc
import os

import pytest


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than processors, because some tests wait."""
    return (os.cpu_count() or 1) + 2


def pytest_unconfigure() -> None:
    """Let the interpreter end in order.

    Hypothesis times the garbage collection by a callback, which the interpreter keeps to its very
    end, with all that it refers to. DuckDB's binding would report what is left then as its leaks.
    """
    gc.callbacks.clear()
