"""PingOne's environments, as its API lists them.

Source: "Read all environments", PingOne Platform APIs, developer.pingidentity.com.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pingone_reports.errors import InvalidResponse
from pingone_reports.model.request import UUID
from pingone_reports.model.text import one_line

# Documented are PRODUCTION and SANDBOX.
_TYPE = r"[A-Za-z0-9_-]{1,40}"
# Of an environment in its waiting period before it is gone: PingOne lists it, and refuses its use.
_DELETED = "DELETE_PENDING"


@dataclass(frozen=True, kw_only=True)
class Environment:
    """An environment. `name` is one visible line. All but the id may be unknown.

    `is_deleted` is true of one that PingOne will soon delete for good.
    """

    id: str
    name: str | None = None
    type: str | None = None
    license_id: str | None = None
    is_deleted: bool = False

    @classmethod
    def parse(cls, body: object) -> Self:
        """Raises InvalidResponse without an id. Nothing else that is odd spoils the list."""
        match body:
            case {"id": str() as id_, **others} if re.fullmatch(UUID, id_):
                name, type_ = others.get("name"), others.get("type")
                return cls(
                    id=id_.lower(),
                    name=one_line(name) if isinstance(name, str) else None,
                    type=(type_ if isinstance(type_, str) and re.fullmatch(_TYPE, type_) else None),
                    license_id=_license_of(others),
                    is_deleted=others.get("status") == _DELETED,
                )
        # The message shows nothing of it: whatever it is, it is not documented.
        raise InvalidResponse(
            "PingOne's list has an environment without a UUID. If this lasts, look for a newer "
            "version of this application."
        )

    def to_document(self) -> dict[str, Any]:
        """Its form in listing and manifest; `from_document` reads it back."""
        return {
            "environmentId": self.id,
            "name": self.name,
            "type": self.type,
            "licenseId": self.license_id,
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Self:
        """Read what `to_document` wrote."""
        return cls(
            id=document["environmentId"],
            name=document["name"],
            type=document["type"],
            license_id=document["licenseId"],
        )


def _license_of(body: Mapping[object, Any]) -> str | None:
    match body.get("license"):
        case {"id": str() as id_} if re.fullmatch(UUID, id_):
            return id_.lower()
    return None
