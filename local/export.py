"""Exports a report of a real PingOne environment into ./out, with no AWS account.

The application runs on the local cloud; its credentials come from the environment or from .env.
"""

import os
import sys
from pathlib import Path

from dotenv import dotenv_values

from local.cloud import LocalCloud
from local.display import console, follow, show_error, show_first_records, step
from local.paths import ROOT
from local.stack import Stack, deployed

_REQUIRED = {
    "PINGONE_ENVIRONMENT_ID": "environment of the worker application, and of the report",
    "PINGONE_CLIENT_ID": "client id of the worker application",
    "PINGONE_CLIENT_SECRET": "its client secret",
}
# The template parameter that each variable sets; template.yaml describes them.
_PARAMETERS = {
    "PINGONE_ENVIRONMENT_ID": "EnvironmentId",
    "PINGONE_REGION": "PingOneRegion",
    "PINGONE_API_URL": "ApiUrl",
    "PINGONE_TOKEN_URL": "TokenUrl",
    "PINGONE_LINK_HOSTS": "LinkHosts",
    "PINGONE_REPORT_FIELDS": "ReportFields",
    "PINGONE_REPORT_FILTER": "ReportFilter",
    "PINGONE_REPORT_FORMATS": "ReportFormats",
}


def main() -> int:
    """Run one export; returns the exit status."""
    settings = {**dotenv_values(ROOT / ".env"), **os.environ}
    missing = {name: what for name, what in _REQUIRED.items() if not settings.get(name)}
    if missing:
        console.print("Set these in the environment or in .env:")
        for name, what in missing.items():
            console.print(f"  [bold]{name}[/]  {what}")
        return 2
    given = {name: settings.get(name) or "" for name in (*_REQUIRED, *_PARAMETERS)}
    parameters = {_PARAMETERS[name]: given[name] for name in _PARAMETERS if given[name]}
    # The functions inherit the environment, and must get the secret only from Secrets Manager.
    os.environ.pop("PINGONE_CLIENT_SECRET", None)
    with LocalCloud(log_name="export") as cloud:
        with step("Deploying template.yaml with `sam deploy` to a local cloud"):
            stack = deployed(
                cloud, given["PINGONE_CLIENT_ID"], given["PINGONE_CLIENT_SECRET"], parameters
            )
        ended = follow(stack, stack.start_export({}), total_bytes=None)
        if ended["status"] != "SUCCEEDED":
            show_error(ended)
            return 1
        _download(stack, Path(settings.get("OUT") or ROOT / "out"))
    return 0


def _download(stack: Stack, folder: Path) -> None:
    """Copy every object of the bucket into a folder, under its key."""
    for item in stack.objects():
        path = folder / item["Key"]
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            stack.download(item["Key"], file)
        console.print(
            f"[green]✓[/] {folder.name}/{path.relative_to(folder)} [dim]{item['Size']:,} bytes[/]"
        )
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8") as text:
                show_first_records(text)


if __name__ == "__main__":
    sys.exit(main())
