"""Whether the layers' native libraries are for the processor that runs them."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager

from pingone_reports.errors import InvalidConfiguration


@contextmanager
def built_for_this_processor() -> Iterator[None]:
    """Import in it what needs native libraries. Raises InvalidConfiguration if there are none.

    Lambda looks at no library's processor, and reports what goes wrong at import. A library's own
    error would say that a module is missing.
    """
    try:
        yield
    except (ImportError, OSError):  # pycryptodome, which loads its libraries itself, raises OSError
        raise InvalidConfiguration(
            "The layers hold no native libraries for this function's processor, "
            f"{platform.machine()}: give `sam build` and `sam deploy` the same Architecture."
        ) from None
