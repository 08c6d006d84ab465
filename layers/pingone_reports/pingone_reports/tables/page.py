"""stub"""

from pingone_reports.model.posture import Posture


def render(posture: Posture) -> str:
    """The page about an export."""
    return repr(posture)
