"""Notifies of an export's comparison: whoever listens on the bus, and who gets its mail."""

from dataclasses import dataclass

from pingone_reports.aws.event_bus import EventBus, Topic
from pingone_reports.errors import AnnouncementFailed
from pingone_reports.model.announcements import (
    COMPARED,
    SECURITY_EVENT_DETECTED,
    AnnouncedExport,
    compared,
    security_events,
)
from pingone_reports.model.mail import export_mail
from pingone_reports.model.posture import Posture


@dataclass(frozen=True, kw_only=True)
class Notifier:
    """Notifies on the bus, of at most `most_events` security events an export, and by mail."""

    bus: EventBus
    digest: Topic | None
    most_events: int = 500  # one event tells how many more there are

    def notify(self, posture: Posture, export: AnnouncedExport) -> None:
        """Notify of an export: its security events, that it was compared, and a mail if it is due.

        Whoever notifies again does so with the same ids. What is refused holds up nothing else, and
        raises AnnouncementFailed at the end. A fleet has one mail of its own, so its exports have
        none.
        """
        events = security_events(posture, export, self.most_events)
        resource = str(export.manifest["executionArn"])
        refused: AnnouncementFailed | None = None
        for detail_type, details in (
            (SECURITY_EVENT_DETECTED, events),
            (COMPARED, [compared(posture, export, len(events))]),
        ):
            try:
                self.bus.publish(detail_type, details, resource)
            except AnnouncementFailed as error:
                refused = error
        due = export_mail(posture, export)
        if self.digest and due and not export.manifest.get("fleet"):
            self.digest.send(*due)
        if refused:
            raise refused
