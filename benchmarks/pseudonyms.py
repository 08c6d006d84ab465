"""What tokens in the places of personal data add to a whole fetch."""

import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from benchmarks.fetchers import fetch_ours
from benchmarks.measure import MB, Run, Runs, Task, measure, with_spread
from benchmarks.report import table
from benchmarks.storage import storage
from benchmarks.zips import FORMATS, make_zip, producers, write_report
from local.paths import WORK
from local.pingone_simulator.report_data import DEFAULT_FIELDS

_ROWS = 300_000
_TWO = ("phone", "username")
_FIVE = (*_TWO, "email", "givenName", "familyName")
_REPORTS = {
    "five": DEFAULT_FIELDS,
    "ten": (*DEFAULT_FIELDS, "email", "givenName", "familyName", "deviceType", "mfaEnabled"),
}
_CASES = [("five", ()), ("five", _TWO), ("ten", ()), ("ten", _FIVE)]
_COMPRESSIONS = ("none", "gzip")
_MOST = 3


class _Key(NamedTuple):
    report: str
    fields: tuple[str, ...]
    compression: str


def run(_out: Path) -> str:
    """Measure, and return the chapter."""
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder, storage() as store:
        links, sizes = {}, {}
        hashes: dict[tuple[str, str], str] = {}
        for report, columns in _REPORTS.items():
            files = {name: write_report(Path(folder), name, _ROWS, columns) for name in FORMATS}
            zips = [make_zip(producers("AES-256")[0], file, "AES-256") for file in files.values()]
            links[report] = dict(zip(files, map(store.link_to, zips), strict=True))
            sizes[report] = sum(file.stat().st_size for file in files.values()) / MB
            hashes |= {
                (report, name): sha256(file.read_bytes()).hexdigest()
                for name, file in files.items()
            }
        tasks = {
            _Key(report, fields, compression): Task(
                fetch_ours,
                {
                    "links": links[report],
                    "folder": str(uuid4()),
                    "compression": compression,
                    "pseudonymize": fields,
                },
            )
            for report, fields in _CASES
            for compression in _COMPRESSIONS
        }

        def check(key: _Key, run: Run) -> None:
            for name, landed in store.checked(run.result, _ROWS).items():
                if (landed == hashes[key.report, name]) == bool(key.fields):
                    raise RuntimeError(f"{key} has tokens where it should not, or none.")

        runs = measure(tasks, store.environment, check)
    return "\n".join(
        [
            "## Personal data as tokens\n",
            f"The same fetch of AES-256 zips of {_ROWS:,} devices, with two fields of the "
            f"documentation's five as tokens ({sizes['five']:.0f} MB), and with five of ten "
            f"({sizes['ten']:.0f} MB); the user's id becomes tokens too. All of them in the same "
            "rounds. With `gzip`, a fetch without tokens passes the zip's data through; with "
            "tokens, it compresses.\n",
            _table(runs),
            _conclusion(runs),
        ]
    )


def _table(runs: Mapping[_Key, Runs]) -> str:
    return table(
        ["", "tokens", "CPU s", "with / without", "peak MB"],
        [
            [
                f"{key.report} fields, {key.compression}",
                ", ".join(key.fields) or "none",
                with_spread([run.cpu for run in of_key.runs]),
                _ratio(runs, key),
                round(of_key.peak),
            ]
            for key, of_key in sorted(runs.items(), key=lambda item: item[0].compression != "none")
        ],
    )


def _ratio(runs: Mapping[_Key, Runs], key: _Key) -> float:
    return runs[key].cpu / runs[key._replace(fields=())].cpu


def _conclusion(runs: Mapping[_Key, Runs]) -> str:
    plain, gzip = (_ratio(runs, _Key("five", _TWO, compression)) for compression in _COMPRESSIONS)
    return (
        f"Two fields take {plain:.2f} times the CPU of the same fetch without, {gzip:.2f} times "
        f"with gzip (wanted: at most {_MOST}, which is "
        f"{'met' if max(plain, gzip) <= _MOST else 'not met'}).\n"
    )
