"""Where things are in this checkout: the environments and builds that the Makefile makes."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS = ROOT / ".venv"
SAM_BUILD = ROOT / ".aws-sam" / "build"
# Logs and builds of the local stack; safe to delete.
WORK = ROOT / ".local"


def python_of(environment: str) -> Path:
    """The Python of one of the environments: dev, runtime, cloud or sam."""
    return ENVIRONMENTS / environment / "bin" / "python"


def program_of(environment: str, name: str) -> Path:
    """A program that is installed in one of the environments."""
    program = ENVIRONMENTS / environment / "bin" / name
    if not program.exists():
        sys.exit(f"{program} is missing: run this through `make`, which installs it.")
    return program
