"""Which tests one process runs."""

from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling


class _FileScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """A file's tests share its cloud; those of fetches mostly wait, so each process has one."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return nodeid if file.endswith("test_fetch.py") else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    return _FileScheduling(config, log)
