"""What others make of the schemas and read the tables with, as the pages for readers show it."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from local.paths import ROOT, program_of
from tests.support.documents import EVENTS, sample, schema
from tests.support.tabulating import World

PAGES = "".join((ROOT / "docs" / name).read_text() for name in ("data.md", "events.md"))
_PYTHON = "readers", "python"
# Of an environment of its own: it must not look for anything here.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

_FIRST = "userId,username,deviceId,deviceType,deviceStatus\nu1,ada,d1,FIDO2,ACTIVE\n"
# PingOne has added a field, and names one in another way.
_SECOND = "User ID,username,deviceId,deviceType,deviceStatus,Risk\nu1,ada,d2,SMS,ACTIVE,high\n"


def shown(language: str, word: str) -> str:
    """The one block of code of the page that has this word."""
    blocks = re.findall(rf"```{language}\n(.*?)```", PAGES, re.DOTALL)
    [block] = [block for block in blocks if word in block]
    return str(block)


def run(script: str, folder: Path) -> Any:
    """What a script prints as JSON, in the environment of a reader."""
    done = subprocess.run(
        [program_of(*_PYTHON), "-W", "error", "-c", script],
        cwd=folder,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that `aws s3 sync` has copied the tables into."""
    world = World(tmp_path_factory.mktemp("world"))
    world.night("first", _FIRST, "01")
    world.night("second", _SECOND, "02")
    world.night("weekly", "userId,deviceId\nu1,d2\n", "02", reportName="weekly")
    folder = tmp_path_factory.mktemp("copy")
    for key, body in world.shown().items():
        file = folder / key.removeprefix("pingone/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    return folder


def test_duckdb_reads_tables_of_several_forms(copied: Path) -> None:
    *views, query = shown("sql", "union_by_name").strip().removesuffix(";").split(";\n")
    script = f"""
import duckdb, json
for view in {views!r}:
    duckdb.sql(view)
happened = duckdb.sql({query!r}).fetchall()
risks = duckdb.sql("SELECT date::VARCHAR, report, userid, risk FROM devices ORDER BY ALL")
print(json.dumps([[list(map(str, row))[1:4] for row in happened], risks.fetchall()]))
"""
    happened, risks = run(script, copied)
    assert happened == [["critical", "all factors replaced", "u1"]]
    assert risks == [
        ["2026-03-01", "devices", "u1", None],
        ["2026-03-02", "devices", "u1", "high"],
        ["2026-03-02", "weekly", "u1", None],
    ]


def test_pandas_reads_tables_of_several_forms(copied: Path) -> None:
    script = f"""{shown("python", "import pandas")}
import json
names = ["latest", "users", "devices", "changes", "exports", "newest_exports"]
shapes = {{name: len(table(name)) for name in names}}
risks = table("devices").dropna(subset="risk")["risk"].tolist()
print(json.dumps([shapes, risks, weak["userid"].tolist()]))
"""
    shapes, risks, weak = run(script, copied)
    assert shapes == {
        **{"latest": 2, "users": 2, "devices": 3, "changes": 3, "exports": 3, "newest_exports": 2}
    }
    assert (risks, weak) == (["high"], ["u1"])


def test_classes_are_made_of_the_schemas_and_meet_new_fields(tmp_path: Path) -> None:
    folder = tmp_path / "events"
    folder.mkdir()
    samples = {}
    for path in EVENTS.glob("*.schema.json"):
        (folder / path.name).write_bytes(path.read_bytes())
        name = path.name.removesuffix(".schema.json")
        if name != "definitions":
            later = {} if name.endswith("-request") else {"later": 1}
            module = path.name.removesuffix(".json").replace("-", "_").replace(".", "_")
            samples[module] = [schema(name)["title"], sample(name) | later]
    command = shown("sh", "datamodel-codegen").replace("\\\n", "").split()
    program, *options = command
    subprocess.run(
        [program_of("readers", program), *options], cwd=tmp_path, env=_ENVIRONMENT, check=True
    )

    script = """
import importlib, json, pathlib, sys
sys.path.insert(0, ".")
read = []
for module, (title, document) in json.loads(pathlib.Path("samples.json").read_text()).items():
    made = getattr(importlib.import_module(f"models.{module}"), title).model_validate(document)
    read.append(type(made).__name__)
print(json.dumps(read))
"""
    (tmp_path / "samples.json").write_text(json.dumps(samples))
    assert run(script, tmp_path) == [title for title, _ in samples.values()]
