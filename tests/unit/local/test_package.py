"""A release is the same bytes wherever and whenever it is made."""

import os
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

from local.package import write_zip

FILES = {"b/2.py": b"two", "a.py": b"one" * 1000, "b/1.so": b"\x7fELF", "B/3": b""}


def _zipped(folder: Path, names: list[str], seconds: int, rights: int) -> bytes:
    for name in names:
        path = folder / "content" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FILES[name])
        path.chmod(rights)
        os.utime(path, (seconds, seconds))
    write_zip(folder / "content", folder / "made.zip", ZIP_DEFLATED, below="release")
    return (folder / "made.zip").read_bytes()


def test_a_zip_has_neither_time_nor_order_nor_rights_of_the_folder(tmp_path: Path) -> None:
    once = _zipped(tmp_path / "once", list(FILES), 1_000_000_000, 0o644)
    again = _zipped(tmp_path / "and" / "again", list(reversed(FILES)), 2_000_000_001, 0o700)
    assert once == again
    with ZipFile(tmp_path / "once" / "made.zip") as archive:
        assert archive.namelist() == [f"release/{name}" for name in sorted(FILES)]
        assert {name: archive.read(f"release/{name}") for name in FILES} == FILES
