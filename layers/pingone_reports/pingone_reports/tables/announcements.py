"""Who is told of which changes, and that it is told once it is known, and not again."""

from dataclasses import dataclass

from pingone_reports.aws.event_bus import EventBus, Topic
from pingone_reports.aws.series import Place
from pingone_reports.model.announcements import (
    CHANGES_DETECTED,
    SECURITY_EVENT_DETECTED,
    changes_detected,
    mail,
    security_events,
)
from pingone_reports.tables.comparisons import Comparison, Comparisons

# More than exports of one series are ever tabulated at once.
_MOST_UNTOLD = 50


@dataclass(frozen=True, kw_only=True)
class Announcements:
    """Tells of changes, on the bus and by mail; of at most `most_events` security events each.

    A fleet has one mail of its own, so its exports have none.
    """

    bus: EventBus
    digest: Topic | None
    most_events: int

    def tell(self, comparisons: Comparisons, comparison: Comparison, tell: bool | None) -> None:
        """Tell what an export changed, unless a newer export is there or it was told before.

        Also tell of the exports before it of which nobody was told, because this one was there when
        they came. So of exports that come at once, all changes are told. `tell` says whether to do
        so in any case, or not at all. Who is killed before the mark tells again, with the same ids.
        Raises AnnouncementFailed.
        """
        place, told = comparisons.place, comparisons.told
        if not comparisons.comparable:
            return
        if tell is False:
            told.add(place, {})
            return
        if tell:
            self._tell(comparison)
            told.add(place, {})
            return
        if comparisons.compared.after(place) or told.about(place) is not None:
            return
        for untold in self._untold(comparisons):
            other = comparison if untold == place else comparisons.compare_at(untold)
            if other:
                self._tell(other)
            told.add(untold, {})

    def _untold(self, comparisons: Comparisons) -> list[Place]:
        """The places behind the last that was told; this one alone if none ever was."""
        place = comparisons.place
        last = comparisons.told.before(place)
        if not last:
            return [place]
        between = [each for each in comparisons.compared.behind(last) if each.name < place.name]
        return [*between, place][-_MOST_UNTOLD:]

    def _tell(self, comparison: Comparison) -> None:
        export, posture = comparison.export, comparison.posture
        changes = posture.changes
        if not changes or not changes.number:
            return
        about = (posture, changes, export.keys, export.manifest, self.most_events)
        self.bus.publish(SECURITY_EVENT_DETECTED, security_events(*about))
        self.bus.publish(CHANGES_DETECTED, [changes_detected(*about)])
        if self.digest and not export.manifest.get("fleet"):
            self.digest.send(*mail(posture, changes, export.keys, export.workplace.bucket.name))
