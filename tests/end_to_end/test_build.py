"""The built layers fit both of Lambda's processors, and are compiled."""

import os
import pickle
import re
import subprocess
from pathlib import Path

import pytest

from local.paths import ROOT, SAM_BUILD, python_of
from local.sample_posture import sample_posture
from pingone_reports.tables.page import render

LAYERS = ("PingOneReportsLayer", "UnzipLayer", "TablesLayer")
# Of ELF's header: what machine a library is for.
MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}
# What Python, and pycryptodome's own loader, look for on a processor; ours is native-<processor>.
SUFFIX = re.compile(r"(?:\.cpython-313|native)-(?P<machine>\w+?)(?:-linux-gnu)?\.so")


def libraries(layer: str) -> dict[Path, str]:
    """A layer's native libraries, and the machine that each one is for."""
    found = sorted((SAM_BUILD / layer).rglob("*.so"))
    return {path: MACHINES[int.from_bytes(path.read_bytes()[18:20], "little")] for path in found}


@pytest.mark.parametrize("layer", LAYERS)
def test_each_library_is_loaded_on_its_own_processor_alone_and_none_is_of_macos(layer: str) -> None:
    assert list((SAM_BUILD / layer).rglob("*.dylib")) == []
    for path, machine in libraries(layer).items():
        suffix = SUFFIX.search(path.name)
        assert suffix, path
        assert suffix["machine"] == machine, path


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("machine", MACHINES.values())
def test_what_an_export_needs_is_there_for_each_processor(layer: str, machine: str) -> None:
    names = {SUFFIX.sub("", path.name) for path, of in libraries(layer).items() if of == machine}
    needed = {
        "UnzipLayer": {"igzip_lib", "isal_zlib", "_raw_aes", "_raw_ctr", "_strxor"},
        "TablesLayer": {"_duckdb", "_speedups"},
    }
    assert names >= needed.get(layer, {""})


@pytest.mark.parametrize("layer", LAYERS)
def test_no_cold_start_compiles_a_module(layer: str) -> None:
    modules = list((SAM_BUILD / layer).rglob("*.py"))
    assert modules
    for module in modules:
        compiled = module.parent / "__pycache__" / f"{module.stem}.cpython-313.pyc"
        name = Path("/opt/python") / module.relative_to(SAM_BUILD / layer / "python")
        assert str(name).encode() in compiled.read_bytes(), module


def test_a_layer_names_no_folder_of_the_machine_that_built_it() -> None:
    for layer in LAYERS:
        for path in (SAM_BUILD / layer).rglob("*"):
            assert path.is_dir() or str(ROOT).encode() not in path.read_bytes(), path


def test_all_layers_fit_into_a_function() -> None:
    """Lambda's quota: 250 MB unzipped."""
    files = (path for layer in LAYERS for path in (SAM_BUILD / layer).rglob("*") if path.is_file())
    assert sum(path.stat().st_size for path in files) < 240_000_000


def test_the_page_is_written_with_what_the_layers_hold() -> None:
    layers = [SAM_BUILD / layer / "python" for layer in ("PingOneReportsLayer", "TablesLayer")]
    program = (
        "import pickle, sys\n"
        "from pingone_reports.tables import page\n"
        "assert 'PingOneReportsLayer' in page.__file__\n"
        "sys.stdout.buffer.write(page.render(pickle.load(sys.stdin.buffer)).encode())"
    )
    done = subprocess.run(
        [python_of("runtime"), "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, layers))},
        input=pickle.dumps(sample_posture()),
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == render(sample_posture())
