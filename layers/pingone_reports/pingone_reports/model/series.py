"""The exports of one report and environment in their order, and which is before which."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from pingone_reports.model.fields import FIELDS, Weight, spelled
from pingone_reports.model.freshness import FILE_KEPT_FOR, REFRESHED_EVERY
from pingone_reports.model.keys import ExportKeys

FIRST = "It is the first export of this report, environment and filter."
OLDER_DATA = (
    "PingOne handed out a file that it had made before the file of the export before, so nothing "
    "here is news."
)

_MOST_KEPT = 24
# A whole comparison is worth looking back so far.
_LOOK_BACK = timedelta(days=31)


@dataclass(frozen=True, kw_only=True)
class Predecessor:
    """The export that another one is compared with; or why there is none, in a sentence.

    `unchanged` says whether both have the same content.
    """

    export: "PublishedExport | None"
    why_none: str = ""
    unchanged: bool = False


@dataclass(frozen=True, kw_only=True)
class PublishedExport:
    """What the choice of a predecessor needs to know of a published export.

    `at` is when its data was asked for (UTC, ISO 8601). `filter` is a hash. `fields` are those that
    were asked for, `columns` those that came; `tokens` has the id of the key for each field whose
    values are tokens. `content_sha256` is in hex, by format. An export is `stale` if PingOne handed
    out an older file than that of an export before it.
    """

    bucket: str
    manifest_key: str
    at: str
    filter: str
    fields: Sequence[str]
    columns: Sequence[str]
    tokens: Mapping[str, str]
    records: int
    content_sha256: Mapping[str, str]
    stale: bool = False

    @classmethod
    def of(cls, manifest: Mapping[str, Any], manifest_key: str) -> Self:
        """The export with this manifest; older versions wrote less into it."""
        pseudonymized = manifest.get("pseudonymized") or {"fields": [], "keyId": ""}
        created_at = str(manifest["createdAt"])
        previous = manifest.get("previous") or {}
        return cls(
            bucket=str(manifest["bucket"]),
            manifest_key=manifest_key,
            # PingOne's clock may be ahead.
            at=min(created_at, str(manifest.get("requestedAt", created_at))),
            filter=hash_of(str(manifest["filter"])),
            fields=tuple(manifest["fields"]),
            columns=tuple(manifest.get("columns", ())),
            tokens={
                spelled(field): str(pseudonymized["keyId"]) for field in pseudonymized["fields"]
            },
            records=max(file["records"] for file in manifest["files"]),
            content_sha256={file["format"]: file["contentSha256"] for file in manifest["files"]},
            stale=previous.get("reason") == OLDER_DATA,
        )

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote."""
        return cls(**document)

    def to_document(self) -> dict[str, Any]:
        """Its form in the table."""
        return asdict(self)

    @property
    def keys(self) -> ExportKeys:
        """Where it is in the bucket."""
        keys = ExportKeys.parse(self.manifest_key)
        assert keys
        return keys

    @property
    def place(self) -> tuple[str, str]:
        """Its place among others: by time, then by its execution's name."""
        return self.at, self.keys.execution

    def is_beside(self, other: "PublishedExport") -> bool:
        """Whether both are below one key prefix of one bucket: nobody can read the others."""
        return (self.bucket, self.keys.prefix) == (other.bucket, other.keys.prefix)

    def has_content_of(self, other: "PublishedExport") -> bool:
        """Whether both have the same content, in every format that both have."""
        both = self.content_sha256.keys() & other.content_sha256.keys()
        return bool(both) and all(
            self.content_sha256[each] == other.content_sha256[each] for each in both
        )

    def comparable(self, other: "PublishedExport") -> frozenset[str]:
        """The fields that both have, in lower case, and as values or as tokens of one key."""
        return frozenset(
            field
            for field in self._known() & other._known()
            if self.tokens.get(field) == other.tokens.get(field)
        )

    def predecessor(self, series: Iterable["PublishedExport"]) -> Predecessor:
        """The export that this one is compared with.

        It is the nearest earlier one with the same filter that can show the most of what this one
        can: so an export with fewer fields hides nothing. Exports in another bucket, or below
        another key prefix, cannot be read, and are none.
        """
        earlier = [
            each
            for each in series
            if each.is_beside(self)
            and each.filter == self.filter
            and each.place < self.place
            and not each.stale
        ]
        if not earlier:
            return Predecessor(export=None, why_none=FIRST)
        nearest = max(earlier, key=lambda each: each.place)
        if any(self._is_old_file(each, nearest) for each in earlier):
            return Predecessor(export=None, why_none=OLDER_DATA)
        near = [each for each in earlier if _time(nearest) - _time(each) <= _LOOK_BACK]
        chosen = max(near, key=lambda each: (self._answers(each), each.place))
        return Predecessor(export=chosen, unchanged=self.has_content_of(chosen))

    def _answers(self, other: "PublishedExport") -> tuple[bool, int]:
        both = self.comparable(other)
        return "deviceid" in both, len(both)

    def _is_old_file(self, earlier: "PublishedExport", nearest: "PublishedExport") -> bool:
        """Whether this export repeats the file of an earlier one, from PingOne's cache."""
        return (
            self.has_content_of(earlier)
            and not self.has_content_of(nearest)
            and _time(self) - _time(earlier) <= FILE_KEPT_FOR + REFRESHED_EVERY
        )

    def _known(self) -> frozenset[str]:
        names = {spelled(name) for name in (*self.columns, *self.fields)}
        compared = {
            spelled(name) for name, field in FIELDS.items() if field.weight is not Weight.USE
        }
        # JSON alone shows no columns: then all fields may be there.
        return frozenset(names & compared if names else compared)


def newest(
    series: Iterable[PublishedExport], like: PublishedExport, *, any_filter: bool
) -> PublishedExport:
    """The newest export beside `like` or itself, of its filter or of any."""
    return max(
        (
            each
            for each in (*series, like)
            if each.is_beside(like)
            and (any_filter or each.filter == like.filter)
            and not (each.stale and each.manifest_key != like.manifest_key)
        ),
        key=lambda each: (not each.stale, each.place),
    )


def with_export(
    series: Collection[PublishedExport], export: PublishedExport
) -> list[PublishedExport]:
    """The series with an export more, the newest last: bounded, but with one of each form."""
    others = [each for each in series if each.manifest_key != export.manifest_key]
    ordered = sorted((*others, export), key=lambda each: each.place)
    forms = {_form(each): each for each in ordered}.values()
    kept = [each for each in ordered if each in ordered[-_MOST_KEPT:] or each in forms]
    return kept[-2 * _MOST_KEPT :]


def hash_of(text: str) -> str:
    """A short name for a text of any length."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]


def _form(export: PublishedExport) -> object:
    return export.filter, tuple(export.columns), tuple(sorted(export.tokens.items()))


def _time(export: PublishedExport) -> datetime:
    return datetime.fromisoformat(export.at)
