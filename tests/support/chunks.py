"""Files as they stream by: in chunks that are cut anywhere."""

from itertools import pairwise

from hypothesis import strategies as st

CUTS = st.lists(st.floats(0, 1), max_size=8)
"""Where to cut, as shares of the file."""


def cut(data: bytes, places: list[float]) -> list[bytes]:
    """A file in chunks, some of them empty perhaps."""
    ends = [0, *sorted(int(place * len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]
