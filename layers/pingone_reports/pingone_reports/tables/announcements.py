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
# Before anything was ever told, older exports are history.
_DAYS_OF_A_BURST = 1 / 24
_TOLD, _MAIL_IS_DUE = {"mail": "sent"}, {"mail": "due"}


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
        A mail that is refused is sent by the next try, and holds up no event. Raises
        AnnouncementFailed.
        """
        place, told = comparisons.place, comparisons.told
        if not comparisons.comparable:
            return
        if tell is False:
            told.add(place, _TOLD)
            return
        mark = None if tell else told.about(place)
        due = [(place, comparison)] if mark == _MAIL_IS_DUE else []
        if mark is None and (tell or not comparisons.compared.after(place)):
            untold = self._untold(comparisons)
            for each in untold:
                # The export before may have come after this comparison.
                own = each == place and len(untold) == 1
                told_of = comparison if own else comparisons.compare_at(each)
                if told_of and self._publish(told_of) and self._has_mail(told_of):
                    told.add(each, _MAIL_IS_DUE)
                    due.append((each, told_of))
                else:
                    told.add(each, _TOLD)
        for each, told_of in due:
            self._mail(told_of)
            told.add(each, _TOLD)

    def _untold(self, comparisons: Comparisons) -> list[Place]:
        """The places behind the last that was told; if none ever was, those of this hour."""
        place = comparisons.place
        last = comparisons.told.before(place)
        between = (
            (each for each in comparisons.compared.behind(last) if each.name < place.name)
            if last
            else comparisons.compared.within(place, _DAYS_OF_A_BURST)
        )
        return [*between, place][-_MOST_UNTOLD:]

    def _publish(self, comparison: Comparison) -> bool:
        """Whether there was anything to tell."""
        export, posture = comparison.export, comparison.posture
        changes = posture.changes
        if not changes or not (changes.number or any(changes.events.values())):
            return False
        about = (posture, changes, export.keys, export.manifest, self.most_events)
        self.bus.publish(SECURITY_EVENT_DETECTED, security_events(*about))
        self.bus.publish(CHANGES_DETECTED, [changes_detected(*about)])
        return True

    def _has_mail(self, comparison: Comparison) -> bool:
        """A fleet has one mail for all of its exports."""
        return self.digest is not None and not comparison.export.manifest.get("fleet")

    def _mail(self, comparison: Comparison) -> None:
        export, posture = comparison.export, comparison.posture
        if self.digest and posture.changes:
            bucket = export.workplace.bucket.name
            self.digest.send(*mail(posture, posture.changes, export.keys, bucket))
