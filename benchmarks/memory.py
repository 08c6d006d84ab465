"""Whether a fetch of a report of ten times the size takes the same memory."""

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from benchmarks.fetchers import fetch_ours
from benchmarks.measure import MB, Run, Task, measure
from benchmarks.report import table
from benchmarks.storage import storage
from benchmarks.zips import FORMATS, blocks, stream_into_zip
from local.paths import WORK

_SIZES = {"200 MB": 680_000, "2 GB": 6_800_000}
"""Devices, by about the size of their CSV and JSON together."""
_COMPRESSIONS = ("none", "gzip")
_LIMIT_MB = 130


class _Key(NamedTuple):
    size: str
    compression: str


def run(_out: Path) -> str:
    """Measure, and return the chapter."""
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder, storage() as store:
        with ThreadPoolExecutor() as pool:
            zips = {
                (size, name): pool.submit(_make_zip, Path(folder), name, rows)
                for size, rows in _SIZES.items()
                for name in FORMATS
            }
            links = {key: store.link_to(zipped.result()) for key, zipped in zips.items()}
        tasks = {
            _Key(size, compression): Task(
                fetch_ours,
                {
                    "links": {name: links[size, name] for name in FORMATS},
                    "folder": str(uuid4()),
                    "compression": compression,
                },
                rounds=1,
            )
            for size in _SIZES
            for compression in _COMPRESSIONS
        }

        def check(key: _Key, run: Run) -> None:
            store.checked(run.result, _SIZES[key.size])

        runs = {key: runs.runs[0] for key, runs in measure(tasks, store.environment, check).items()}
    return "\n".join(
        [
            "## Memory\n",
            "Resident memory of a process that fetches both files of a report, from HTTPS links to "
            "the bucket (AES-256, as in the chapter before). The landed objects are read back and "
            "compared by SHA-256.\n",
            _table(runs),
            _conclusion(runs),
        ]
    )


def _make_zip(folder: Path, format_name: str, rows: int) -> Path:
    archive = folder / f"devices-{rows}.{format_name}.zip"
    # The lowest level is fast enough; the fetch has as much to inflate.
    name = archive.name.removesuffix(".zip")
    stream_into_zip(blocks(format_name, rows), name, archive, level=1)
    return archive


def _table(runs: Mapping[_Key, Run]) -> str:
    return table(
        ["", "CSV + JSON, MB", "landed, MB", "peak MB", "CPU s", "wall s"],
        [
            [
                f"{key.size}, {key.compression}",
                round(sum(file["contentBytes"] for file in run.result) / MB),
                round(sum(file["bytes"] for file in run.result) / MB),
                round(run.peak),
                run.cpu,
                run.wall,
            ]
            for key, run in runs.items()
        ],
    )


def _conclusion(runs: Mapping[_Key, Run]) -> str:
    small, large = _SIZES
    more = {
        compression: runs[_Key(large, compression)].peak / runs[_Key(small, compression)].peak - 1
        for compression in _COMPRESSIONS
    }
    differences = ", ".join(f"{name}: {difference:+.0%}" for name, difference in more.items())
    constant = all(difference <= 0.1 for difference in more.values())
    below = all(run.peak < _LIMIT_MB for run in runs.values())
    return (
        f"Ten times the report takes {differences} memory at the peak "
        f"(wanted: within 10%, which is {'met' if constant else 'not met'}; and below {_LIMIT_MB} "
        f"MB, which is {'met' if below else 'not met'}).\n"
    )
