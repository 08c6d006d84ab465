"""A page of PingOne's list of environments: HAL, with a link to the page after it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pingone_reports.errors import InvalidResponse
from pingone_reports.model.environment import Environment


@dataclass(frozen=True, kw_only=True)
class EnvironmentPage:
    """A page of the list. `next` is the link to the page after it, if there is one."""

    environments: tuple[Environment, ...]
    next: str | None

    @classmethod
    def parse(cls, body: Mapping[str, Any]) -> Self:
        """Raises InvalidResponse for an undocumented shape."""
        match body:
            case {"_embedded": {"environments": [*listed]}, **others}:
                pass
            case _:
                raise InvalidResponse(
                    "PingOne's answer has no list in '_embedded.environments'. If this lasts, look "
                    "for a newer version of this application."
                )
        match others.get("_links"):
            case {"next": {"href": str() as link}} if link:
                following: str | None = link
            case {"next": _}:
                raise InvalidResponse(
                    "PingOne's list of environments has a next page without a link. If this lasts, "
                    "look for a newer version of this application."
                )
            case _:
                following = None
        return cls(environments=tuple(map(Environment.parse, listed)), next=following)
