"""The library in C keeps to its buffers, and is built for whoever tests it on a Mac, too."""

import ast
import ctypes
import re
import shutil
import subprocess
import sys
from pathlib import Path

from local.paths import ROOT
from pingone_reports import native
from pingone_reports.native import library, library_path
from pingone_reports.transfer import token_stream

LAYER = ROOT / "layers" / "pingone_reports"


def test_damaged_reports_make_the_search_for_values_neither_overrun_nor_overflow(
    tmp_path: Path,
) -> None:
    compiler = [str(ROOT / ".venv/tools/bin/python"), "-m", "ziglang", "cc"]
    checks = ["-fsanitize=undefined", "-fsanitize-trap=undefined", "-O1", "-g"]
    checked, sources = str(tmp_path / "checked.so"), map(str, LAYER.glob("native/*.c"))
    subprocess.run(
        [*compiler, *checks, "-shared", "-fPIC", "-nostdlib", "-o", checked, *sources], check=True
    )
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.fuzz_pseudonyms", checked, "3000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ends = ast.literal_eval(done.stdout)
    assert min(ends["read"], ends["refused"]) > 300


def test_a_mac_has_a_signed_library_of_its_own_with_all_that_is_called(tmp_path: Path) -> None:
    """tests/end_to_end/test_build.py looks at those that the layer has for Linux."""
    shutil.copytree(LAYER / "native", tmp_path / "native")
    for file in ("Makefile", "requirements-compiler.txt"):
        shutil.copy(LAYER / file, tmp_path)
    (tmp_path / "pingone_reports").mkdir()
    called = re.findall(r'^ +\("(\w+)",', Path(native.__file__).read_text(), re.M)
    assert called
    # How Mach-O begins: its magic number, and the processor. Source: <mach/machine.h>.
    for processor, begin in {"x86_64": "cffaedfe07", "arm64": "cffaedfe0c"}.items():
        name = library_path("darwin", processor).relative_to(LAYER)
        tools = f"TOOLS={ROOT / '.venv' / 'tools'}"
        subprocess.run(["make", "--silent", tools, str(name)], cwd=tmp_path, check=True)
        image = (tmp_path / name).read_bytes()
        assert image.startswith(bytes.fromhex(begin))
        assert [symbol for symbol in called if f"\0_{symbol}\0".encode() not in image] == []
        # The magic number of a signature: no unsigned library is loaded on ARM.
        assert processor == "x86_64" or bytes.fromhex("fade0cc0") in image


def test_python_and_c_agree_on_structures_and_limits() -> None:
    layout = (ctypes.c_uint32 * 10).in_dll(library(), "token_layout")
    structures = [token_stream._Found, token_stream._Csv, token_stream._Json, token_stream._Name]
    assert list(layout) == [
        token_stream._SPAN.size,
        *map(ctypes.sizeof, structures),
        token_stream._MOST_SPANS,
        token_stream._MOST_COLUMNS,
        token_stream._MOST_OPEN,
        token_stream._MOST_NAME_BYTES,
        token_stream._QUOTED_TOKEN_BYTES,
    ]
