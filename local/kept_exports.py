"""The exports of earlier runs of `make export`: they come from `./out`, and go there.

The local cloud forgets everything. So the files of its bucket, and what its table keeps of a
report's series, are brought back before an export, and it is compared with the one before.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from local.stack import Stack
from pingone_reports.aws.table import KEY
from pingone_reports.model.keys import ExportKeys

_FILE = "history.json"
_KEPT = ("series#", "trend#", "took#")


def bring_back(stack: Stack, out: Path) -> set[str]:
    """Put what is kept into a new stack's table and bucket; returns the keys of its files.

    An export whose files were removed from the folder is forgotten.
    """
    try:
        items = list(json.loads((out / _FILE).read_text())["items"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    brought: set[str] = set()
    for item in items:
        if "exportList" in item:
            exports = json.loads(item["exportList"]["S"])
            there = [each for each in exports if _upload(stack, out, each, brought)]
            renamed = [each | {"bucket": stack.outputs["BucketName"]} for each in there]
            item["exportList"]["S"] = json.dumps(renamed)
        stack.cloud.client("dynamodb").put_item(TableName=_table(stack), Item=item)
    return brought


def _upload(stack: Stack, out: Path, export: dict[str, Any], brought: set[str]) -> bool:
    keys = ExportKeys.parse(export["manifest_key"])
    wanted = {keys.manifest, keys.devices_table} if keys else set()
    if not wanted or not all((out / key).is_file() for key in wanted):
        return False
    for key in wanted:
        stack.cloud.client("s3").upload_file(out / key, stack.outputs["BucketName"], key)
    brought |= wanted
    return True


def keep(stack: Stack, out: Path, but: Collection[str]) -> list[Path]:
    """Copy the bucket into the folder, `but` those keys, and what the next export needs.

    Returns the new files.
    """
    files = copy_bucket(stack, out, but)
    out.mkdir(parents=True, exist_ok=True)
    (out / _FILE).write_text(json.dumps({"version": 1, "items": list(_items(stack))}, indent=1))
    return files


def copy_bucket(stack: Stack, folder: Path, but: Collection[str] = ()) -> list[Path]:
    """Copy the objects of the reports bucket into a folder, under their keys; returns the files."""
    files = {key: folder / key for item in stack.objects() if (key := item["Key"]) not in but}
    for key, path in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            stack.download(key, file)
    return list(files.values())


def _items(stack: Stack) -> Iterator[dict[str, Any]]:
    pages = stack.cloud.client("dynamodb").get_paginator("scan").paginate(TableName=_table(stack))
    for page in pages:
        yield from (item for item in page["Items"] if item[KEY]["S"].startswith(_KEPT))


def _table(stack: Stack) -> str:
    (name,) = stack.cloud.client("dynamodb").list_tables()["TableNames"]
    return str(name)
