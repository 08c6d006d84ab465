"""The fact sheet of an export from a real tenant: what PingOne does, and no value of a report.

`python -m local.fact_sheet facts.json` prints the simulator's scenario that does the same.
"""

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from subprocess import run
from typing import Any

from local.observations import Note
from local.paths import ROOT
from local.pingone_simulator import Scenario
from local.report_facts import WITHHELD, Facts, csv_facts, json_facts, magnitude
from local.tenant import Tenant
from pingone_reports.model.fields import FIELDS, spelled

_LINK_HOST = re.compile(r"p1-reports-prod-([a-z0-9-]+)\.s3\.\1\.amazonaws\.com")
_STATUSES = ("IN_PROGRESS", "SUCCESS")
# The names of the documentation's sample.
_SAMPLE = frozenset(
    (
        *("_links", "id", "environment", "createdAt", "updatedAt", "expiresAt", "fields", "filter"),
        *("orderBy", "status", "deliverAs", "zipPassword", "csvPresignedUrl", "jsonPresignedUrl"),
        *("sync", "dataExplorationTemplate"),
    )
)
_MOST_CALLS = 60


def facts_of(
    tenant: Tenant,
    notes: Sequence[Note],
    files: Mapping[str, Path],
    records: int | None,
    ended: str,
) -> Facts:
    """The fact sheet. `files` are the reports by format; without `records`, only beginnings.

    The role is what the person says that it is.
    """
    asked = tenant.parameters
    calls = [note for note in notes if note["kind"] == "call"]
    answers = [note for note in calls if "reportStatus" in note]
    ready = [note for note in answers if note["reportStatus"] == "SUCCESS"]
    facts: Facts = {
        "exporter": _exporter(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "role": tenant.role or "not said",
        "region": "another URL" if "ApiUrl" in asked else tenant.region,
        "asked": {
            "fields": asked.get("ReportFields", "all"),
            "filter": "yes" if "ReportFilter" in asked else "none",
            "formats": asked.get("ReportFormats", "csv,json"),
        },
        "ended": ended,
        "calls": list(_calls(calls))[:_MOST_CALLS],
        "report": {
            "statuses": list(dict.fromkeys(note["reportStatus"] for note in answers)),
            "secondsGenerating": ready[0].get("secondsGenerating") if ready else None,
            "secondsUntilSeen": round(ready[0]["at"] - answers[0]["at"], 1) if ready else None,
            "secondsKept": answers[0].get("secondsKept") if answers else None,
            "names": ready[0]["names"] if ready else answers[0]["names"] if answers else {},
            "fields": (ready or answers or [{}])[0].get("fields"),
            "fieldsThatPingOneNames": next(
                (d["allowed"] for n in calls for d in n.get("details", ()) if d["allowed"]), None
            ),
        },
        "links": next((note["links"] for note in ready if "links" in note), {}),
        "zips": {
            member["suffix"].strip("."): member | {"members": note["number"]}
            for note in notes
            if note["kind"] == "zip"
            for member in note["members"]
        },
        "records": magnitude(records) if records is not None else "unknown",
    }
    columns: list[str] = []
    if "csv" in files:
        facts["csv"] = _told(lambda: csv_facts(files["csv"], whole=records is not None))
        columns = [each["name"] for each in facts["csv"].get("columns", ())]
    if "json" in files:
        facts["json"] = _told(lambda: json_facts(files["json"], set(columns) - {WITHHELD}))
    return facts | {"differences": list(differences(facts))}


def _told(describe: Callable[[], Facts]) -> Facts:
    """A file's facts; a kind of error alone if it is odder than anybody thought."""
    try:
        return describe()
    except Exception as error:
        return {"readable": False, "error": type(error).__name__}


def differences(facts: Facts) -> Iterator[str]:
    """What is not as the exporter assumes, or as its simulator does it."""
    report = facts["report"]
    for status in report["statuses"]:
        if status not in _STATUSES:
            yield f"PingOne's report had the status {status}."
    names = set(report["names"])
    if added := sorted(names - _SAMPLE):
        yield f"The answer about a report has more names: {', '.join(added)}."
    if missing := sorted(_SAMPLE - names - {"filter"}) if facts["links"] else []:
        yield f"The answer about a report lacks {', '.join(missing)}."
    for host in sorted({str(link["host"]) for link in facts["links"].values()}):
        if not _LINK_HOST.fullmatch(host):
            yield f"The links lead to {host}, not to PingOne's documented host."
    for kind, zipped in facts["zips"].items():
        if zipped["members"] != 1:
            yield f"The {kind} zip has {zipped['members']} members."
    columns = facts.get("csv", {}).get("columns", [])
    if columns and not facts["csv"]["hasHeader"]:
        yield "The CSV's first row has no name that is known: maybe it has no header."
    else:
        yield from _columns(columns, all_fields=facts["asked"]["fields"] == "all")
    for column in columns:
        if number := column.get("values", {}).get("(others)"):
            yield (
                f"{column['name']} has values that the exporter does not know, in {number} "
                "records. They are in your CSV: if they are no personal data, name them in the "
                "issue."
            )
    for kind in ("csv", "json"):
        if not facts.get(kind, {}).get("readable", True):
            yield f"The {kind} cannot be read as a table."
    standard, told = Scenario(), scenario_of(facts)
    for each in fields(Scenario):
        value, assumed = getattr(told, each.name), getattr(standard, each.name)
        if value != assumed and each.name not in ("fields", "generation_seconds", "final_status"):
            yield f"The simulator assumes {each.name}={assumed!r}: here it is {value!r}."


def _columns(columns: Sequence[Facts], *, all_fields: bool) -> Iterator[str]:
    unknown = [each["name"] for each in columns if not each["known"]]
    if unknown:
        yield f"Columns that the exporter does not know: {', '.join(unknown)}."
    there = {spelled(each["name"]) for each in columns}
    missing = [name for name in FIELDS if spelled(name) not in there]
    if columns and all_fields and missing:
        yield f"Fields that the exporter knows, and no column has: {', '.join(missing)}."
    if otherwise := [e["name"] for e in columns if e["known"] and e["name"] not in FIELDS]:
        yield f"Known fields in another spelling: {', '.join(otherwise)}."


def scenario_of(facts: Facts) -> Scenario:
    """The simulator's scenario that does what this tenant does."""
    given: dict[str, Any] = {}
    for zipped in [each for each in facts["zips"].values() if each["suffix"] != "another"][:1]:
        strength = zipped["aesStrength"]
        aes = {1: "aes128", 2: "aes192", 3: "aes256"}.get(strength, "zipcrypto")
        given |= {
            "encryption": aes if zipped["encrypted"] else None,
            "ae_version": zipped["aesVersion"] or 2,
            "compression": "stored" if zipped["method"] == 0 else "deflated",
            "data_descriptor": bool(int(zipped["flags"], 16) & 8),
            "zip64": "0x0001" in zipped["extraFields"],
        }
    report, table = facts["report"], facts.get("csv", {})
    final = [status for status in report["statuses"] if status != "IN_PROGRESS"]
    names = tuple(each["name"] for each in table.get("columns", ()) if each["name"] != WITHHELD)
    given |= {
        "final_status": final[-1] if final else None,
        "generation_seconds": report["secondsGenerating"],
        "exploration_seconds": report["secondsKept"],
        "fields": names if facts["asked"]["fields"] == "all" else None,
        "csv_line_end": {"\\r\\n": "\r\n", "\\n": "\n"}.get(table.get("lineEnd")),
        "json_shape": facts.get("json", {}).get("shape"),
    }
    known = {name: value for name, value in given.items() if value or name == "encryption"}
    return Scenario(**known)


def summary(facts: Facts) -> Iterator[str]:
    """The fact sheet on a page, in lines."""
    exporter, report = facts["exporter"], facts["report"]
    yield f"Exporter {exporter['version']}, commit {exporter['commit']}, {facts['date']}"
    yield f"Region {facts['region']}, role of the worker application: {facts['role']}"
    asked = facts["asked"]
    yield f"Asked for fields {asked['fields']}, filter {asked['filter']}, {asked['formats']}"
    yield f"Ended: {facts['ended']}; records: {facts['records']}"
    for call in facts["calls"][:12]:
        yield "  " + ", ".join(f"{key} {value}" for key, value in call.items() if value is not None)
    if statuses := report["statuses"]:
        yield (
            f"Statuses {', '.join(statuses)}; generated in {report['secondsGenerating']} s, "
            f"kept for {report['secondsKept']} s"
        )
    for kind, link in facts["links"].items():
        yield f"Link to the {kind}: {link['host']}, with {', '.join(link['parameters'])}"
    for kind, zipped in facts["zips"].items():
        cipher = "ZipCrypto" if zipped["encrypted"] else "no encryption"
        if zipped["aesStrength"]:
            cipher = f"AES-{64 + 64 * zipped['aesStrength']}, AE-{zipped['aesVersion']}"
        yield (
            f"Zip of the {kind}: method {zipped['method']}, {cipher}, flags {zipped['flags']}, "
            f"{zipped['zippedBytes']:,} of {zipped['bytes']:,} bytes"
        )
    for kind in ("csv", "json"):
        told = [f"{key} {facts[kind][key]}" for key in _TOLD if key in facts.get(kind, {})]
        if told:
            yield f"{kind.upper()}: {', '.join(told)}"
    columns = facts.get("csv", {}).get("columns", [])
    if columns:
        yield f"Columns: {', '.join(each['name'] for each in columns)}"
    for column in columns:
        if values := column.get("values"):
            yield f"  {column['name']}: " + ", ".join(f"{k} {v}" for k, v in values.items())
    yield (
        "Different from what the exporter assumes:"
        if facts["differences"]
        else "All is as assumed."
    )
    yield from (f"  {each}" for each in facts["differences"])


_TOLD = ("encoding", "byteOrderMark", "lineEnd", "separator", "hasHeader", "shape", "listAt")


def _calls(notes: Sequence[Note]) -> Iterator[Facts]:
    """Calls in their order; what is repeated, such as a poll, is told once."""
    told = ("call", "host", "status", "code", "reportStatus", "error", "retryAfter", "details")
    kept = [({name: note[name] for name in told if name in note}, note) for note in notes]
    for call, group in groupby(kept, key=lambda pair: pair[0]):
        seconds = [note.get("seconds") for _, note in group]
        times = {"times": len(seconds)} if len(seconds) > 1 else {}
        yield call | times | {"seconds": max((s for s in seconds if s is not None), default=None)}


def _exporter() -> dict[str, str]:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    git = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = run(git, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 -- git
    except OSError:
        return {"version": version, "commit": "unknown"}
    return {"version": version, "commit": done.stdout.strip() or "unknown"}


def main() -> int:
    """Print the scenario of a fact sheet."""
    print(scenario_of(json.loads(Path(sys.argv[1]).read_text())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
