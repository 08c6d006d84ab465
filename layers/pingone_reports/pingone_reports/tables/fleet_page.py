"""The page about a fleet: which environments are weakest, and where what changed."""

from pingone_reports.model.fleet_posture import FleetPosture
from pingone_reports.tables.page import template
from pingone_reports.tables.strength_chart import bar


def render_fleet(posture: FleetPosture) -> str:
    """The page, in text that UTF-8 can encode. It shows at most 500 rows."""
    return template("fleet.html").render(
        posture=posture,
        users=None if posture.users is None else sum(posture.users.values()),
        bar=bar(posture.users or {}),
    )
