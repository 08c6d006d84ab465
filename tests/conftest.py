"""What all tests share."""

import gc


def pytest_unconfigure() -> None:
    """Let the interpreter end in order.

    Hypothesis times the garbage collection by a callback, which the interpreter keeps to its very
    end, with all that it refers to. DuckDB's binding would report what is left then as its leaks.
    """
    gc.callbacks.clear()
