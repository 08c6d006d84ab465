"""The cost of a whole fetch, from the link to the object in the bucket, and of other ways."""

import statistics
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from benchmarks import Cipher
from benchmarks.bound import PARTS, time_parts
from benchmarks.fetchers import Landed, fetch_naively, fetch_ours, fetch_with_stream_unzip
from benchmarks.measure import MB, ROUNDS, Run, Runs, Task, measure, sized, with_spread
from benchmarks.report import OTHERS, OURS, REFERENCE, bars, figure, save, table
from benchmarks.storage import storage
from benchmarks.zips import CIPHERS, FORMATS, make_zip, producers, write_report
from local.paths import WORK

_ROWS = sized(700_000)
_CONTESTANTS: dict[str, tuple[Callable[..., Callable[[], Landed]], dict[str, str]]] = {
    "naive": (fetch_naively, {}),
    "stream-unzip": (fetch_with_stream_unzip, {}),
    "ours": (fetch_ours, {"compression": "none"}),
    "ours, gzip": (fetch_ours, {"compression": "gzip"}),
}
_BOUND = "sum of the parts"


class Key(NamedTuple):
    """A contestant, and the cipher of its zips."""

    cipher: Cipher
    contestant: str


class Measured(NamedTuple):
    """All runs, and the size of the report's two files in MB."""

    runs: Mapping[Key, Runs]
    megabytes: Mapping[str, float]


@cache
def measured() -> Measured:
    """Fetch the report in all ways; raises if one lands something else."""
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder, storage() as store:
        files = {name: write_report(Path(folder), name, _ROWS) for name in FORMATS}
        hashes = {name: sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
        tasks = {}
        for cipher in CIPHERS:
            for producer in producers(cipher)[:1]:
                zips = {name: make_zip(producer, file, cipher) for name, file in files.items()}
                links = {name: store.link_to(archive) for name, archive in zips.items()}
                keys = {name: f"parts/{uuid4()}.{name}" for name in files}
                tasks[Key(cipher, _BOUND)] = Task(
                    time_parts,
                    {
                        "files": {
                            name: {
                                "archive": str(zips[name]),
                                "link": links[name],
                                "put": store.link_to_put(keys[name]),
                                "key": keys[name],
                            }
                            for name in files
                        },
                        "sizes": {name: file.stat().st_size for name, file in files.items()},
                        "cipher": cipher,
                    },
                )
                for contestant, (prepare, options) in _CONTESTANTS.items():
                    # ZipCrypto in Python takes longer than all others together.
                    once = (cipher, contestant) == ("ZipCrypto", "naive")
                    tasks[Key(cipher, contestant)] = Task(
                        prepare,
                        {"links": links, "folder": str(uuid4()), **options},
                        rounds=1 if once else ROUNDS,
                    )

        def check(key: Key, run: Run) -> None:
            for file in run.result["files"] if key.contestant == _BOUND else run.result:
                landed = store.take(file["key"])
                if (landed, file["records"]) != (hashes[file["format"]], _ROWS):
                    raise RuntimeError(f"{key} landed something else.")
                if landed != file["sha256"]:
                    raise RuntimeError(f"{key} measured something else than it landed.")

        sizes = {name: file.stat().st_size / MB for name, file in files.items()}
        return Measured(measure(tasks, store.environment, check), sizes)


def run(out: Path) -> str:
    """Measure, draw, and return the chapter."""
    runs, megabytes = measured()
    size = sum(megabytes.values())
    ciphers = list(dict.fromkeys(key.cipher for key in runs))
    return "\n".join(
        [
            "## A whole fetch\n",
            "From presigned HTTPS links to objects in a bucket, both of the local cloud: download, "
            "decrypt, inflate, verify, hash, count and upload both files of a report of "
            f"{_ROWS:,} devices ({megabytes['csv']:.0f} MB of CSV, {megabytes['json']:.0f} MB of "
            "JSON). CPU seconds are those of the fetching process alone, TLS included, imports and "
            "clients not; the local cloud works on the same cores, so wall seconds say little. "
            "*Naive* holds zip and report in memory (requests, pyzipper, `put_object`); "
            "*stream-unzip* streams through `upload_fileobj`; both take one file after the other, "
            "and hash and count with what ours uses. After every run the objects are read back: "
            "each held the report, by SHA-256 and number of records. Naive runs once for "
            "ZipCrypto.\n",
            _draw(runs, ciphers, out / "pipeline.png"),
            *(f"**{cipher}**\n\n{_table(runs, cipher, size)}" for cipher in ciphers),
            "### What the parts take\n",
            f"The *{_BOUND}* is no fetch but a bound for *ours*: what each part takes by itself, "
            "one after the other on the very pieces that ours moves, by the libraries that ours "
            "uses, measured in the same rounds. TLS moves the same bytes through sockets of "
            "Python's own, without HTTP's library and without handshakes; CRC-32 is what S3 checks "
            "the parts by, and with ZipCrypto the zip's too.\n",
            _parts(runs, ciphers, size),
        ]
    )


def _seconds(runs: Mapping[Key, Runs], key: Key) -> list[float]:
    """The CPU seconds of all runs; for the bound, only those of its parts."""
    return [
        sum(run.result["seconds"].values()) if key.contestant == _BOUND else run.cpu
        for run in runs[key].runs
    ]


def _draw(runs: Mapping[Key, Runs], ciphers: list[Cipher], path: Path) -> str:
    drawing, panels = figure(2.7, columns=len(ciphers))
    for axes, cipher in zip(panels, ciphers, strict=True):
        names = [*_CONTESTANTS, _BOUND]
        colours = [OURS if name.startswith("ours") else OTHERS for name in _CONTESTANTS]
        seconds = [statistics.median(_seconds(runs, Key(cipher, name))) for name in names]
        bars(axes, names, seconds, [*colours, REFERENCE])
        axes.set_title(cipher)
        axes.set_xlabel("CPU seconds, less is better")
    return save(drawing, path)


def _table(runs: Mapping[Key, Runs], cipher: Cipher, size: float) -> str:
    naive = runs[Key(cipher, "naive")].cpu
    rows = []
    for name in (*_CONTESTANTS, _BOUND):
        of_name = runs[Key(cipher, name)].runs
        seconds = _seconds(runs, Key(cipher, name))
        cpu = statistics.median(seconds)
        rows.append(
            [
                f"**{name}**" if name == "ours" else name,
                with_spread(seconds),
                naive / cpu,
                size / cpu,
                None if name == _BOUND else with_spread([run.wall for run in of_name]),
                None if name == _BOUND else f"{statistics.median(run.peak for run in of_name):.0f}",
            ]
        )
    return table(["", "CPU s", "naive / this", "MB a CPU s", "wall s", "peak MB"], rows)


def _parts(runs: Mapping[Key, Runs], ciphers: list[Cipher], size: float) -> str:
    rows: list[list[object]] = []
    for cipher in ciphers:
        timed = [run.result["seconds"] for run in runs[Key(cipher, _BOUND)].runs]
        whole = statistics.median(_seconds(runs, Key(cipher, _BOUND)))
        ours = runs[Key(cipher, "ours")].cpu
        rows.append(
            [
                cipher,
                *(
                    statistics.median(seconds[part] for seconds in timed) * 1e9 / size / MB
                    if part in timed[0]
                    else None
                    for part in PARTS
                ),
                whole * 1e9 / size / MB,
                ours * 1e9 / size / MB,
                f"{whole / ours:.0%}",
            ]
        )
    headers = ["ns a byte of plaintext", *PARTS, "sum", "ours", "sum / ours"]
    return table(headers, rows)
