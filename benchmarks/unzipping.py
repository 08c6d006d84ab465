"""How fast an encrypted zip becomes verified plaintext, compared with other readers."""

import hashlib
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks import Cipher
from benchmarks.measure import MB, Task, measure, with_spread
from benchmarks.report import bars, table
from benchmarks.unzippers import contestants, sha256_by, unzip
from benchmarks.zips import CIPHERS, FORMATS, make_zip, producers, write_report
from local.paths import WORK

_ROWS = 800_000
# For pyzipper and ZipCrypto, which it decrypts in Python.
_FEW_ROWS = 5_000


class _Key(NamedTuple):
    cipher: Cipher
    format: str
    contestant: str


def run(out: Path) -> str:
    """Measure, draw, and return the chapter."""
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        files = {
            (name, rows): write_report(Path(folder), name, rows)
            for name in FORMATS
            for rows in (_ROWS, _FEW_ROWS)
        }
        reads = sum(_check(files[name, _FEW_ROWS]) for name in FORMATS)
        tasks, sizes = {}, {}
        for cipher in _ciphers():
            for (name, rows), file in files.items():
                archive = make_zip(_main_producer(cipher), file, cipher)
                for contestant in contestants(cipher):
                    is_slow = (cipher, contestant) == ("ZipCrypto", "pyzipper")
                    if rows == (_FEW_ROWS if is_slow else _ROWS):
                        key = _Key(cipher, name, contestant)
                        arguments = {"contestant": contestant, "archive": str(archive)}
                        tasks[key] = Task(unzip, arguments)
                        sizes[key] = file.stat().st_size / MB
        megabytes = [files[name, _ROWS].stat().st_size / MB for name in FORMATS]
        speeds = {
            key: [sizes[key] / run.cpu for run in runs.runs] for key, runs in measure(tasks).items()
        }
    return "\n".join(
        [
            "## Unzipping\n",
            _introduction(megabytes),
            _draw(speeds, out / "unzipping.png"),
            *(f"**{cipher}**\n\n{_speeds(speeds, cipher)}" for cipher in _ciphers()),
            f"All of them read the zips of all producers first (reports of {_FEW_ROWS:,} devices): "
            f"{reads} reads, each with the SHA-256 of the report.\n",
        ]
    )


def _ciphers() -> list[Cipher]:
    return [cipher for cipher in CIPHERS if producers(cipher)]


def _main_producer(cipher: Cipher) -> str:
    wanted = {"AES-256": "7-Zip", "ZipCrypto": "Info-ZIP"}[cipher]
    return wanted if wanted in producers(cipher) else producers(cipher)[0]


def _check(file: Path) -> int:
    """Let every reader read the zip of every producer; returns how many reads."""
    reads, expected = 0, hashlib.sha256(file.read_bytes()).hexdigest()
    for cipher in _ciphers():
        for producer in producers(cipher):
            archive = make_zip(producer, file, cipher)
            for contestant in contestants(cipher):
                if sha256_by(contestant, archive) != expected:
                    raise RuntimeError(f"{contestant} misreads {archive.name}.")
                reads += 1
            archive.unlink()
    return reads


def _introduction(megabytes: list[float]) -> str:
    makers = ", ".join(f"{cipher} by {_main_producer(cipher)}" for cipher in _ciphers())
    return (
        "From a zip on disk to plaintext whose size, CRC and authentication code hold: MB of "
        f"plaintext a CPU second, of a report of {_ROWS:,} devices ({megabytes[0]:.0f} MB of CSV, "
        f"{megabytes[1]:.0f} MB of JSON). The zips are made by real programs: {makers}. A number "
        "is the median of all rounds (and the least and the most); each run is a process of its "
        "own. A program's start is counted, Python's and its imports' is not. In Python, pyzipper "
        f"decrypts ZipCrypto so slowly that it gets a report of {_FEW_ROWS:,} devices.\n"
    )


def _ranked(speeds: Mapping[_Key, list[float]], cipher: Cipher) -> list[str]:
    """The readers of a cipher, the fastest first."""
    median = {
        key.contestant: statistics.median(values)
        for key, values in speeds.items()
        if (key.cipher, key.format) == (cipher, "csv")
    }
    return sorted(median, key=lambda name: -median[name])


def _draw(speeds: Mapping[_Key, list[float]], path: Path) -> str:
    panels = {
        f"{cipher}, CSV": {
            name: statistics.median(speeds[_Key(cipher, "csv", name)])
            for name in _ranked(speeds, cipher)
        }
        for cipher in _ciphers()
    }
    return bars(panels, "MB of plaintext a CPU second", path)


def _speeds(speeds: Mapping[_Key, list[float]], cipher: Cipher) -> str:
    rows = []
    for name in _ranked(speeds, cipher):
        of_name = [speeds[_Key(cipher, format_name, name)] for format_name in FORMATS]
        pyzipper = [speeds[_Key(cipher, format_name, "pyzipper")] for format_name in FORMATS]
        ratios = map(_ratio, of_name, pyzipper)
        rows.append(
            [f"**{name}**" if name == "ours" else name, *map(with_spread, of_name), *ratios]
        )
    return table(["MB a CPU second", "CSV", "JSON", "CSV / pyzipper", "JSON / pyzipper"], rows)


def _ratio(values: list[float], reference: list[float]) -> float:
    return statistics.median(values) / statistics.median(reference)
