"""The cost of a whole fetch, from the link to the object in the bucket, and of other ways."""

import tempfile
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from benchmarks import Cipher
from benchmarks.fetchers import Landed, fetch_naively, fetch_ours, fetch_with_stream_unzip
from benchmarks.measure import MB, ROUNDS, Run, Runs, Task, measure, with_spread
from benchmarks.report import bars, table
from benchmarks.storage import storage
from benchmarks.zips import CIPHERS, FORMATS, make_zip, producers, write_report
from local.paths import WORK

_ROWS = 700_000
_CONTESTANTS: dict[str, tuple[Callable[..., Callable[[], Landed]], dict[str, str]]] = {
    "naive": (fetch_naively, {}),
    "stream-unzip": (fetch_with_stream_unzip, {}),
    "ours": (fetch_ours, {"compression": "none"}),
    "ours, gzip": (fetch_ours, {"compression": "gzip"}),
}


class _Key(NamedTuple):
    """A contestant, and the cipher of its zips."""

    cipher: Cipher
    contestant: str


def run(out: Path) -> str:
    """Fetch the report in all ways, draw, and return the chapter."""
    WORK.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=WORK) as folder, storage() as store:
        files = {name: write_report(Path(folder), name, _ROWS) for name in FORMATS}
        hashes = {name: sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
        tasks = {}
        for cipher in CIPHERS:
            for producer in producers(cipher)[:1]:
                zips = {name: make_zip(producer, file, cipher) for name, file in files.items()}
                links = {name: store.link_to(archive) for name, archive in zips.items()}
                for contestant, (prepare, options) in _CONTESTANTS.items():
                    # ZipCrypto in Python takes longer than all others together.
                    once = (cipher, contestant) == ("ZipCrypto", "naive")
                    tasks[_Key(cipher, contestant)] = Task(
                        prepare,
                        {"links": links, "folder": str(uuid4()), **options},
                        rounds=1 if once else ROUNDS,
                    )

        def check(key: _Key, run: Run) -> None:
            if store.checked(run.result, _ROWS) != hashes:
                raise RuntimeError(f"{key} landed something else.")

        megabytes = {name: file.stat().st_size / MB for name, file in files.items()}
        runs = measure(tasks, store.environment, check)
    size = sum(megabytes.values())
    ciphers = list(dict.fromkeys(key.cipher for key in runs))
    panels = {
        str(cipher): {name: runs[_Key(cipher, name)].cpu for name in _CONTESTANTS}
        for cipher in ciphers
    }
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
            bars(panels, "CPU seconds, less is better", out / "pipeline.png"),
            *(f"**{cipher}**\n\n{_table(runs, cipher, size)}" for cipher in ciphers),
        ]
    )


def _table(runs: Mapping[_Key, Runs], cipher: Cipher, size: float) -> str:
    naive = runs[_Key(cipher, "naive")].cpu
    rows = []
    for name in _CONTESTANTS:
        of_name = runs[_Key(cipher, name)]
        rows.append(
            [
                f"**{name}**" if name == "ours" else name,
                with_spread([run.cpu for run in of_name.runs]),
                naive / of_name.cpu,
                size / of_name.cpu,
                with_spread([run.wall for run in of_name.runs]),
                f"{of_name.peak:.0f}",
            ]
        )
    return table(["", "CPU s", "naive / this", "MB a CPU s", "wall s", "peak MB"], rows)
