"""Exports a report of a real PingOne environment into ./out, with no AWS account.

The application runs on the local cloud. What it meets at PingOne becomes a fact sheet, without a
value of the report.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.text import Text

from local.advice import advice
from local.cloud import LocalCloud
from local.display import (
    console,
    follow,
    show_error,
    show_page,
    step,
    visible_whole,
)
from local.fact_sheet import facts_of, summary
from local.kept_exports import bring_back, keep
from local.observations import FOLDER, head_of, observe, read_notes
from local.paths import WORK
from local.stack import Stack, deployed
from local.tenant import REQUIRED, Malformed, Missing, Tenant, read_tenant
from local.waiting import wait_until
from pingone_reports.errors import ExportError
from pingone_reports.model.announcements import COMPARED
from pingone_reports.model.security_events import Event
from pingone_reports.pingone import http
from pingone_reports.pingone.credentials import AccessTokens, ClientCredentials
from pingone_reports.pingone.sessions import new_session


def main() -> int:
    """Run one export; returns the exit status."""
    try:
        tenant = read_tenant()
    except Malformed as error:
        console.print(Text(visible_whole(str(error)), "red"), soft_wrap=True)
        return 2
    except Missing as error:
        console.print("Write these into a file .env, or run this on a terminal: it asks for them.")
        for name in error.args:
            console.print(f"  [bold]{name}[/]  {REQUIRED[name]}")
        return 2
    # Whatever is started from here gets the secret from Secrets Manager alone.
    os.environ.pop("PINGONE_CLIENT_SECRET", None)
    with _observed() as folder:
        try:
            _meet(tenant)
        except ExportError as error:
            ended = {"error": type(error).__name__, "cause": str(error), "status": "FAILED"}
            return _failed(tenant, folder, ended)
        with ExitStack() as running:
            with step("A local cloud, with IAM enforced"):
                cloud = running.enter_context(LocalCloud(log_name="export"))
            return _export(cloud, tenant, folder)


@contextmanager
def _observed() -> Iterator[Path]:
    """A folder, for nobody else, in which this process and all functions note what they meet."""
    folder = WORK / "observations"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    os.environ[FOLDER] = str(folder)
    observe(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _meet(tenant: Tenant) -> None:
    """Find out in a second whether PingOne's hosts answer, and take the credentials.

    Raises Unauthorized, InvalidResponse or PingOneUnavailable.
    """
    credentials = ClientCredentials(tenant.client_id, tenant.client_secret)
    with new_session() as session:
        with step(f"{urlsplit(tenant.token_url).hostname} gives a token"):
            AccessTokens(session, tenant.token_url, credentials.authentication).renew()
        with step(f"{urlsplit(tenant.api_url).hostname} answers"):
            http.ask(session, "reach", "GET", tenant.api_url, timeout=(5, 20))


def _export(cloud: LocalCloud, tenant: Tenant, folder: Path) -> int:
    parameters = {"ReportFields": "", "Analytics": "enabled", **tenant.parameters}
    with step("Deploying template.yaml with `sam deploy`"):
        stack = deployed(cloud, tenant.client_id, tenant.client_secret, parameters)
        kept = bring_back(stack, tenant.out)
    ended = follow(stack, stack.start_export({}))
    told: dict[str, Any] | None = None
    if ended["status"] == "SUCCEEDED":
        with step("Writing the tables and the page, and comparing with the export before"):
            told = _told(stack)
    with step(f"Copying what landed into {tenant.out}"):
        files = keep(stack, tenant.out, kept)
    for file in sorted(file for file in files if file.suffix in (".csv", ".json")):
        console.print(Text(f"{file.stat().st_size:>13,} bytes  {file}"), soft_wrap=True)
    if ended["status"] != "SUCCEEDED":
        return _failed(tenant, folder, ended)
    manifest = json.loads(next(f for f in files if f.name == "manifest.json").read_text())
    reports = {file["format"]: tenant.out / file["key"] for file in manifest["files"]}
    console.print()
    for line in _changes(told):
        console.print(Text(line))
    if told:
        tables = sorted({file.parent for file in files if file.suffix == ".parquet"})
        console.print(Text(f"Tables as Parquet: {os.path.commonpath(tables)}"), soft_wrap=True)
        show_page("The page of the morning", tenant.out / told["pageKey"])
    records = max(int(file["records"]) for file in manifest["files"])
    ended_as = "completed" if told else "completed, without tables"
    _write_facts(tenant, folder, reports, records, ended_as)
    return 0


def _told(stack: Stack) -> dict[str, Any] | None:
    """What is said of the comparison; None if the report could not be tabulated."""
    sqs, failed = stack.cloud.client("sqs"), stack.outputs["UntabulatedExportsUrl"]

    def look() -> list[Any]:
        events = stack.receive_events(wait_seconds=1)
        compared = [event["detail"] for event in events if event["detail-type"] == COMPARED]
        return compared or [None] * len(sqs.receive_message(QueueUrl=failed).get("Messages", []))

    try:
        told: dict[str, Any] | None = wait_until(look, "the export was compared")[0]
    except TimeoutError:
        return None
    return told


def _changes(told: Mapping[str, Any] | None) -> Iterator[str]:
    if not told:
        yield f"The report has landed, but could not be tabulated: see {WORK / 'export.log'}."
    elif told["result"] == "changed":
        yield f"Since the export of {told['previousExportedAt']}:"
        seen = {Event[code]: number for code, number in told["securityEvents"].items()}
        numbers = {event: n for event, n in seen.items() if isinstance(n, int) and n}
        yield from (f"  {event}: {number:,}" for event, number in numbers.items())
        for why in sorted({each for each in seen.values() if isinstance(each, str)}):
            yield f"  {why}: {', '.join(event for event in seen if seen[event] == why)}"
        yield f"  devices: {', '.join(f'{n:,} {kind}' for kind, n in told['devices'].items() if n)}"
    elif told["result"] == "unchanged":
        yield f"Nothing has changed since the export of {told['previousExportedAt']}."
        yield "PingOne keeps a file for two hours, and gives it to whoever asks the same again."
    else:
        yield f"Not compared: {told['reason']}"


def _failed(tenant: Tenant, folder: Path, ended: Mapping[str, Any]) -> int:
    error, notes = str(ended.get("error", ended["status"])), read_notes(folder)
    # What is said there of a stack's secret is not about this one.
    cause = str(ended.get("cause", "")).partition(" Check that the secret")[0]
    show_error({**ended, "cause": cause})
    console.print(Text(f"→ {advice(error, notes, tenant)}"))
    heads = {each: head_of(folder, each) for each in ("csv", "json")}
    _write_facts(tenant, folder, {k: v for k, v in heads.items() if v.exists()}, None, error)
    return 1


def _write_facts(
    tenant: Tenant, folder: Path, files: Mapping[str, Path], records: int | None, ended: str
) -> None:
    with step("Writing the fact sheet"):
        facts = facts_of(tenant, read_notes(folder), files, records, ended)
        sheet = tenant.out / "facts.json"
        sheet.parent.mkdir(parents=True, exist_ok=True)
        sheet.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print()
    for line in summary(facts):
        console.print(Text(visible_whole(line)))
    console.print(
        f"\nPlease attach {sheet} to an issue: nobody here has a tenant, and this is what was "
        "unknown. It holds no value of your report: look at it first.",
        soft_wrap=True,
    )


if __name__ == "__main__":
    sys.exit(main())
