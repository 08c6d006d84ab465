"""Layers of another processor are named at the first call, before anything else goes wrong."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# What Lambda's runtime does with a handler's module, and how it reports an error there.
IMPORT = """
import awslambdaric.bootstrap as runtime
try:
    runtime._get_handler("app.handler")
except runtime.FaultException as fault:
    print(fault.exception_type, fault.msg)
except Exception as error:
    print(type(error).__name__, error)
else:
    print("imported")
"""


def imported(function: str, *layers: Path) -> str:
    """What comes of a function's first call, with these layers before what is installed."""
    paths = [*layers, ROOT / "functions" / function, ROOT / "layers" / "pingone_reports"]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def for_another_processor(module: str, layer: Path) -> None:
    """A copy of an installed module as its wheel for another processor has it."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    installed = Path(spec.origin)
    if installed.suffix == ".so":
        (layer / installed.name).write_bytes(b"no library of this processor")
        return
    shutil.copytree(installed.parent, layer / module)
    libraries = list((layer / module).rglob("*.so"))
    assert libraries
    for library in libraries:
        if ".abi3." in library.name:  # the same name for all
            library.write_bytes(b"no library of this processor")
        else:
            library.rename(library.with_name(library.name.partition(".")[0] + ".other.so"))


@pytest.mark.parametrize(
    ("function", "module"),
    [
        ("fetch_report", "isal"),
        ("fetch_report", "Crypto"),
        ("discard_report", "isal"),
        ("tabulate_report", "isal"),
        ("tabulate_report", "_duckdb"),
    ],
)
def test_layers_of_another_processor_are_named_as_the_cause(
    function: str, module: str, tmp_path: Path
) -> None:
    assert imported(function) == "imported"
    for_another_processor(module, tmp_path)
    answer = imported(function, tmp_path)
    assert answer.startswith("InvalidConfiguration ")
    assert "the same Architecture" in answer
