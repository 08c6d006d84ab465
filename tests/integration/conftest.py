"""Which tests one process runs."""

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests share its cloud; those of fetches mostly wait, so each process has one."""
    for item in items:
        if item.path.stem != "test_fetch":
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
