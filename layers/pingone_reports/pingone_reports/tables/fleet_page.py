"""The page about a fleet: what failed, where what happened, and where protection is weakest."""

from urllib.parse import quote

from pingone_reports.model.fleet_posture import FleetPosture
from pingone_reports.tables.page import template
from pingone_reports.tables.strength_chart import bar


def render_fleet(posture: FleetPosture) -> str:
    """The page, in text that UTF-8 can encode. It shows at most 500 rows."""
    return template("fleet.html").render(
        posture=posture,
        users=posture.users or {},
        bar=bar(posture.users or {}),
        link=lambda page: quote(page, safe="/="),
    )
