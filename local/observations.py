"""What the application meets at PingOne, noted where it happens: for the fact sheet of an export.

`make export` lets each function's process note its calls and zips. A note holds names, numbers and
words that an API gives out to everybody: no link, no secret, and no value of a report. Only the
beginning of each report is kept beside the notes, for a report that cannot be exported.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pingone_reports.errors import ExportError
from pingone_reports.pingone import api, credentials, http

FOLDER = "OBSERVATIONS"
"""The environment variable with the folder of the notes."""

_HEAD_BYTES = 4 * 1024 * 1024
# A name of PingOne's, and a word such as a status or an error code.
_NAME, _WORD = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$\[\]-]{0,63}"), re.compile(r"[A-Za-z_]{1,64}")
_LINKS = {"csv": "csvPresignedUrl", "json": "jsonPresignedUrl"}

Note = dict[str, Any]


def read_notes(folder: Path) -> list[Note]:
    """The notes of all processes, in their order."""
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()]
    return sorted(map(json.loads, lines), key=lambda note: float(note["at"]))


def head_of(folder: Path, file_format: str) -> Path:
    """Where the beginning of a report is, if one was unzipped."""
    return folder / f"head.{file_format}"


def observe(folder: Path) -> None:
    """Note from now on what this process meets at PingOne."""
    _watch_calls(folder)
    # Only what fetches has the layer that unzips.
    with suppress(ImportError):
        _watch_downloads(folder)
        _watch_zips(folder)


def _write(folder: Path, note: Note) -> None:
    with (folder / f"{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps({"at": time.time(), **note}) + "\n")


@contextmanager
def _noted(folder: Path, **note: Any) -> Iterator[Note]:
    """Note a call: how long it took, what is added to the note, or the kind of its error."""
    began = time.monotonic()
    try:
        yield note
    except Exception as error:
        # Ours keep what they were raised for.
        cause = error.__context__ if isinstance(error, ExportError) else error
        kind = type(cause or error).__name__.strip("_")
        note |= {"status": getattr(error, "status", None), "error": kind}
        raise
    finally:
        seconds = round(time.monotonic() - began, 1)
        _write(folder, {"kind": "call", "seconds": seconds, **note})


def _watch_calls(folder: Path) -> None:
    ask = http.ask

    def watched(session: Any, who: str, method: str, url: str, *args: Any, **given: Any) -> Any:
        call = {"PingOne's API": {"GET": "read", "POST": "create"}[method]}.get(who, who)
        call = "token" if "token" in call else call
        with _noted(folder, call=call, host=urlsplit(url).hostname) as note:
            answer = ask(session, who, method, url, *args, **given)
            note |= {"status": answer.status}
            note |= _facts_of(answer.document() or {}, answer.headers)
        return answer

    for module in (http, api, credentials):
        module.ask = watched  # type: ignore[attr-defined]


def _facts_of(body: Mapping[str, Any], headers: Mapping[str, str]) -> Note:
    """Of an answer: the names in it and their types, and what is said about errors and times."""
    facts: Note = {"names": {_name(key): type_of(value) for key, value in body.items()}}
    if re.fullmatch(r"[0-9]{1,6}", headers.get("Retry-After", "")):
        facts["retryAfter"] = int(headers["Retry-After"])
    for name in ("status", "code", "error"):
        if isinstance(body.get(name), str):
            facts["reportStatus" if name == "status" else "code"] = _word(body[name])
    if isinstance(body.get("details"), list) and body["details"]:
        facts["details"] = [_detail(each) for each in body["details"] if isinstance(each, dict)]
    if isinstance(body.get("fields"), list):
        names = [each.get("name") for each in body["fields"] if isinstance(each, dict)]
        facts["fields"] = [_name(name) for name in names]
    for name, (begin, end) in {
        "secondsGenerating": ("createdAt", "updatedAt"),
        "secondsKept": ("createdAt", "expiresAt"),
    }.items():
        with suppress(TypeError, ValueError):
            times = [datetime.fromisoformat(body.get(each) or "") for each in (begin, end)]
            facts[name] = round((times[1] - times[0]).total_seconds(), 1)
    links = {key: _link(body[name]) for key, name in _LINKS.items() if name in body}
    return facts | ({"links": links} if links else {})


def _detail(detail: Mapping[str, Any]) -> Note:
    inner = detail.get("innerError")
    allowed = inner.get("allowedValues") if isinstance(inner, dict) else None
    return {
        "code": _word(detail.get("code")),
        "target": _name(detail.get("target")),
        "allowed": [_name(value) for value in allowed] if isinstance(allowed, list) else None,
    }


def _link(link: object) -> Note:
    """The host and the names of the parameters, which say how the link is signed."""
    try:
        parts = urlsplit(str(link))
        parameters = [_name(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)]
        return {"host": parts.netloc.rpartition("@")[2], "parameters": parameters}
    except ValueError:
        return {"host": None, "parameters": []}


def _watch_downloads(folder: Path) -> None:
    from pingone_reports.transfer.remote_file import RemoteFile

    get: Callable[..., Any] = RemoteFile._get

    def watched(self: RemoteFile, *given: Any) -> Any:
        host = urlsplit(self._links.current(self._format)).hostname
        with _noted(folder, call="download", host=host) as note:
            response = get(self, *given)
            note |= {"status": response.status_code}
        return response

    RemoteFile._get = watched  # type: ignore[method-assign, assignment]


def _watch_zips(folder: Path) -> None:
    from pingone_reports.zips import directory
    from pingone_reports.zips.encrypted_zip import Piece, _Member

    only_member, pieces = directory._only_member, _Member.pieces

    def watched_member(archive: Any) -> Any:
        members = [_member(info) for info in archive.infolist()]
        _write(folder, {"kind": "zip", "members": members[:3], "number": len(members)})
        return only_member(archive)

    def watched_pieces(self: _Member, crc: int | None) -> Iterator[Piece]:
        left = _HEAD_BYTES
        with head_of(folder, Path(self.name).suffix.lower().strip(".")).open("wb") as head:
            for piece in pieces(self, crc):
                if left > 0:
                    left -= head.write(piece.plain[:left])
                    head.flush()
                yield piece

    directory._only_member = watched_member
    _Member.pieces = watched_pieces  # type: ignore[method-assign, assignment]


def _member(info: Any) -> Note:
    """How a member of a zip is packed."""
    suffix = Path(info.filename).suffix.lower()
    return {
        "suffix": suffix if suffix in (".csv", ".json") else "another",
        "method": info.compress_type,
        "encrypted": bool(info.flag_bits & 1),
        "aesVersion": info.wz_aes_version,
        "aesStrength": info.wz_aes_strength,
        "flags": f"{info.flag_bits:#06x}",
        "extraFields": sorted(_extra_fields(info.extra)),
        "bytes": info.file_size,
        "zippedBytes": info.compress_size,
    }


def _extra_fields(extra: bytes) -> Iterator[str]:
    while len(extra) >= 4:
        yield f"0x{int.from_bytes(extra[:2], 'little'):04x}"
        extra = extra[4 + int.from_bytes(extra[2:4], "little") :]


def _name(text: object) -> str:
    known = isinstance(text, str) and _NAME.fullmatch(text)
    return str(text) if known else "(not like a name)"


def _word(text: object) -> str:
    known = isinstance(text, str) and _WORD.fullmatch(text)
    return str(text) if known else "(not like a word)"


def type_of(value: object) -> str:
    """What JSON calls a value's type."""
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return names.get(type(value), "number")
