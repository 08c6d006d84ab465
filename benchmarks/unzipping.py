"""How fast an encrypted zip becomes verified plaintext, compared with other readers and a bound."""

import hashlib
import statistics
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks import Cipher
from benchmarks.measure import MB, Run, Task, measure, sized, with_spread
from benchmarks.report import OTHERS, OURS, REFERENCE, bars, figure, save, table
from benchmarks.unzippers import (
    contestants,
    missing_programs,
    primitives,
    sha256_by,
    unzip,
    unzip_count_and_hash,
)
from benchmarks.zips import CIPHERS, FORMATS, make_zip, producers, write_report
from local.paths import WORK

_ROWS = sized(800_000)
# For pyzipper and ZipCrypto, which it decrypts in Python.
_FEW_ROWS = sized(5_000)

_COUNTED = "ours + records + SHA-256"
_CEILING = "sum of the primitives"
_PRIMITIVES = ("AES-CTR", "HMAC-SHA1", "ZipCrypto", "inflate", "CRC-32")
_COLOURS = {"ours": OURS, _COUNTED: "#93c5fd", _CEILING: REFERENCE}


class _Zip(NamedTuple):
    cipher: Cipher
    producer: str
    format: str
    rows: int


class _Key(NamedTuple):
    cipher: Cipher
    producer: str
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
        megabytes = [files[name, _ROWS].stat().st_size / MB for name in FORMATS]
        zips = {
            zipped: make_zip(zipped.producer, files[zipped.format, zipped.rows], zipped.cipher)
            for zipped in _zips()
        }
        reads = _check(zips, files)
        tasks, sizes = {}, {}
        for zipped, archive in zips.items():
            for contestant in _contestants(zipped):
                key = _Key(zipped.cipher, zipped.producer, zipped.format, contestant)
                tasks[key] = _task(contestant, str(archive), zipped.cipher)
                sizes[key] = files[zipped.format, zipped.rows].stat().st_size / MB
        measured = {key: runs.runs for key, runs in measure(tasks).items()}
    speeds = {
        key: [sizes[key] / _cpu_seconds(key, run) for run in runs] for key, runs in measured.items()
    }
    return "\n".join(
        [
            "## Unzipping\n",
            _introduction(megabytes),
            _draw(speeds, out / "unzipping.png"),
            *(f"**{cipher}**\n\n{_speeds(speeds, cipher)}" for cipher in _ciphers()),
            f"All of them read the zips of all producers first (reports of {_FEW_ROWS:,} devices): "
            f"{reads} reads, each with the SHA-256 of the report.\n",
            "### What the primitives take\n",
            _primitives(measured, sizes),
            "### By who made the zip\n",
            _by_producer(speeds),
        ]
    )


def _ciphers() -> list[Cipher]:
    return [cipher for cipher in CIPHERS if producers(cipher)]


def _main_producer(cipher: Cipher) -> str:
    wanted = {"AES-256": "7-Zip", "ZipCrypto": "Info-ZIP"}[cipher]
    return wanted if wanted in producers(cipher) else producers(cipher)[0]


def _zips() -> Iterator[_Zip]:
    """Small zips of every kind; large ones too, but JSON only by one producer."""
    for cipher in _ciphers():
        for producer in producers(cipher):
            for name in FORMATS:
                yield _Zip(cipher, producer, name, _FEW_ROWS)
                if name == "csv" or producer == _main_producer(cipher):
                    yield _Zip(cipher, producer, name, _ROWS)


def _check(zips: Mapping[_Zip, Path], files: Mapping[tuple[str, int], Path]) -> int:
    """Let every reader read every small zip; returns how many reads, raises if one is wrong."""
    reads = 0
    for zipped, archive in zips.items():
        if zipped.rows != _FEW_ROWS:
            continue
        expected = hashlib.sha256(files[zipped.format, _FEW_ROWS].read_bytes()).hexdigest()
        for contestant in contestants(zipped.cipher):
            if sha256_by(contestant, archive) != expected:
                raise RuntimeError(f"{contestant} misreads {archive.name}.")
            reads += 1
    return reads


def _contestants(zipped: _Zip) -> list[str]:
    """The contestants that are measured on this zip."""
    slow = "pyzipper" if zipped.cipher == "ZipCrypto" else ""
    if zipped.producer == _main_producer(zipped.cipher):
        names = [*contestants(zipped.cipher), _COUNTED, _CEILING]
    else:
        names = ["ours", "pyzipper"] if zipped.format == "csv" else []
    return [name for name in names if (zipped.rows == _FEW_ROWS) == (name == slow)]


def _task(contestant: str, archive: str, cipher: Cipher) -> Task:
    if contestant == _COUNTED:
        return Task(unzip_count_and_hash, {"archive": archive})
    if contestant == _CEILING:
        return Task(primitives, {"archive": archive, "cipher": cipher})
    return Task(unzip, {"contestant": contestant, "archive": archive})


def _cpu_seconds(key: _Key, run: Run) -> float:
    return sum(run.result.values()) if key.contestant == _CEILING else run.cpu


def _introduction(megabytes: list[float]) -> str:
    makers = ", ".join(f"{cipher} by {_main_producer(cipher)}" for cipher in _ciphers())
    missing = "".join(f" {name} is not installed here." for name in missing_programs())
    return (
        "From a zip on disk to plaintext whose size, CRC and authentication code hold: MB of "
        f"plaintext a CPU second, of a report of {_ROWS:,} devices ({megabytes[0]:.0f} MB of CSV, "
        f"{megabytes[1]:.0f} MB of JSON). The zips are made by real programs: {makers}. A number "
        "is the median of all rounds (and the least and the most); each run is a process of its "
        "own. A program's start is counted, Python's and its imports' is not. In Python, pyzipper "
        f"decrypts ZipCrypto so slowly that it gets a report of {_FEW_ROWS:,} devices. The "
        f"*{_CEILING}* is no "
        "reader but a bound: what cipher, authentication code, inflate and CRC-32 take by "
        "themselves, one after the other on each 128 KiB, by the libraries that ours uses. (These "
        f"AES zips are of the kind AE-2, which holds no CRC-32.){missing}\n"
    )


def _ranked(speeds: Mapping[_Key, list[float]], cipher: Cipher) -> list[str]:
    """The readers of a cipher's main zips, the fastest first."""
    median = {
        key.contestant: statistics.median(values)
        for key, values in speeds.items()
        if (key.cipher, key.producer, key.format) == (cipher, _main_producer(cipher), "csv")
    }
    return sorted(median, key=lambda name: -median[name])


def _draw(speeds: Mapping[_Key, list[float]], path: Path) -> str:
    drawing, panels = figure(3.6, columns=len(_ciphers()))
    for axes, cipher in zip(panels, _ciphers(), strict=True):
        names = _ranked(speeds, cipher)
        producer = _main_producer(cipher)
        medians = [statistics.median(speeds[_Key(cipher, producer, "csv", name)]) for name in names]
        bars(axes, names, medians, [_COLOURS.get(name, OTHERS) for name in names])
        axes.set_title(f"{cipher}, CSV")
        axes.set_xlabel("MB of plaintext a CPU second")
    return save(drawing, path)


def _speeds(speeds: Mapping[_Key, list[float]], cipher: Cipher) -> str:
    def of(name: str, format_name: str) -> list[float]:
        return speeds[_Key(cipher, _main_producer(cipher), format_name, name)]

    return table(
        ["MB a CPU second", "CSV", "JSON", "CSV / pyzipper", "JSON / pyzipper"],
        [
            [
                f"**{name}**" if name == "ours" else name,
                *(with_spread(of(name, format_name)) for format_name in FORMATS),
                *(
                    _ratio(of(name, format_name), of("pyzipper", format_name))
                    for format_name in FORMATS
                ),
            ]
            for name in _ranked(speeds, cipher)
        ],
    )


def _ratio(values: list[float], reference: list[float]) -> float:
    return statistics.median(values) / statistics.median(reference)


def _primitives(measured: Mapping[_Key, list[Run]], sizes: Mapping[_Key, float]) -> str:
    rows: list[list[object]] = []
    for cipher in _ciphers():
        for name in FORMATS:
            key = _Key(cipher, _main_producer(cipher), name, _CEILING)
            runs = measured[key]
            parts = {
                part: statistics.median(run.result[part] for run in runs) for part in runs[0].result
            }
            whole = statistics.median(run.cpu for run in measured[key._replace(contestant="ours")])
            rows.append(
                [
                    f"{cipher}, {name.upper()}",
                    *(
                        parts[part] * 1e9 / sizes[key] / MB if part in parts else None
                        for part in _PRIMITIVES
                    ),
                    sum(parts.values()) * 1e9 / sizes[key] / MB,
                    whole * 1e9 / sizes[key] / MB,
                    f"{sum(parts.values()) / whole:.0%}",
                ]
            )
    headers = ["ns a byte of plaintext", *_PRIMITIVES, "sum", "ours", "sum / ours"]
    return table(headers, rows)


def _by_producer(speeds: Mapping[_Key, list[float]]) -> str:
    rows = []
    for cipher in _ciphers():
        for producer in producers(cipher):
            ours, theirs = (
                speeds[_Key(cipher, producer, "csv", name)] for name in ("ours", "pyzipper")
            )
            rows.append(
                [
                    f"{cipher} by {producer}",
                    with_spread(ours),
                    with_spread(theirs),
                    _ratio(ours, theirs),
                ]
            )
    return table(["CSV, MB a CPU second", "ours", "pyzipper", "ratio"], rows)
