"""Whoever has to know of an export is told: by events with the same ids each time, and by mail."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from local.sample_posture import sample_posture
from pingone_reports.aws.console import console_link
from pingone_reports.errors import AnnouncementFailed
from pingone_reports.model.announcements import AnnouncedExport, security_events
from pingone_reports.model.keys import ExportKeys
from pingone_reports.model.mail import export_mail
from pingone_reports.model.posture import Posture, SecurityEvent
from pingone_reports.model.security_events import RULES, Event
from pingone_reports.model.series import FIRST, OLDER_DATA
from pingone_reports.model.strength import Strength
from pingone_reports.tables.notifier import Notifier
from tests.support.announced import Bus
from tests.support.documents import faults, sample
from tests.support.postures import asked_for_little, changed, event, filtered, row

if TYPE_CHECKING:
    from pingone_reports.aws.event_bus import EventBus, Topic

FOLDER = "pingone/report=devices/environment=abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/date="
KEYS = ExportKeys.parse(f"{FOLDER}2026-03-31/nightly-2026-03-31/manifest.json")
ARN = "arn:aws:states:eu-central-1:123456789012:execution:reports-export-report:nightly-2026-03-31"


def told(previous: str | None = "nightly-2026-03-30", **manifest: Any) -> AnnouncedExport:
    key = previous and f"{FOLDER}2026-03-30/{previous}/manifest.json"
    return AnnouncedExport(
        keys=cast("ExportKeys", KEYS),
        manifest={
            "correlationId": "nightly",
            "executionArn": ARN,
            "region": "eu",
            "previous": {"manifestKey": key, "reason": None},
            **manifest,
        },
        bucket="reports",
        page_link=console_link("reports", KEYS.page, ARN) if KEYS else "",
    )


def notify(
    posture: Posture, about: AnnouncedExport | None = None, most: int = 500, bus: Bus | None = None
) -> Bus:
    bus = bus or Bus()
    notifier = Notifier(bus=cast("EventBus", bus), digest=cast("Topic", bus), most_events=most)
    notifier.notify(posture, about or told())
    return bus


def night(*security: SecurityEvent) -> Posture:
    return replace(sample_posture(), changes=changed(security))


def not_compared(why: str) -> Posture:
    return replace(sample_posture(), changes=None, not_compared=why)


def ids(posture: Posture, about: AnnouncedExport | None = None) -> list[str]:
    return [each["id"] for each in security_events(posture, about or told(), 500)]


class TestEvents:
    @pytest.mark.parametrize(
        "posture",
        [sample_posture(), night(), not_compared("No."), asked_for_little(), filtered()],
        ids=["changed", "unchanged", "not compared", "little asked", "filtered"],
    )
    def test_what_is_told_is_as_its_schema_and_sample_say(self, posture: Posture) -> None:
        bus = notify(posture)
        [compared] = bus.compared
        assert faults("compared", compared) == []
        assert compared.keys() == sample("compared").keys()
        for each in bus.security:
            assert faults("security-event-detected", each) == []
            assert each.keys() == sample("security-event-detected").keys()

    def test_the_security_events_come_first_and_each_is_about_the_execution(self) -> None:
        bus = notify(sample_posture())
        assert [kind for kind, _ in bus.events[-2:]] == [
            "PingOne Device Security Event Detected", "PingOne Report Compared",
        ]  # fmt: skip
        assert bus.resources == {ARN}

    def test_an_event_has_codes_for_machines_beside_the_words(self) -> None:
        one = event(7, Event.ALL_FACTORS_REPLACED, Event.PHISHING_RESISTANCE_LOST)
        [detail] = notify(night(one)).security
        assert detail["code"] == "ALL_FACTORS_REPLACED"
        assert detail["event"] == "all factors replaced"
        assert detail["severity"] == "critical"
        assert detail["reasons"] == ["ALL_FACTORS_REPLACED", "PHISHING_RESISTANCE_LOST"]
        assert (detail["strengthBefore"], detail["strengthAfter"]) == (
            "phishing-resistant", "phishable",
        )  # fmt: skip
        assert detail["devices"] == [
            {"deviceId": "device-7", "deviceType": "FIDO2", "what": "removed"}
        ]

    def test_an_event_says_between_which_times_of_the_data_it_happened(self) -> None:
        posture = night(event(1))
        [detail] = notify(posture).security
        assert posture.changes
        assert detail["observedAfter"] == posture.changes.previous_data_not_before
        assert detail["observedBefore"] == posture.data_not_after

    def test_who_was_not_asked_for_is_null_and_no_word(self) -> None:
        one = replace(event(1), user_id="", username="", before=None, after=None)
        [detail] = notify(night(one)).security
        assert detail["userId"] is None
        assert detail["strengthBefore"] is detail["strengthAfter"] is None

    def test_no_name_is_told(self) -> None:
        bus = notify(night(event(1, name="canary-name")))
        assert "user-1" in str(bus.events)
        assert "canary" not in str(bus.events) + str(bus.mails)

    @pytest.mark.parametrize("name", ["Customers Europe", ""])
    def test_the_name_of_the_environment_is_told(self, name: str) -> None:
        bus = notify(replace(sample_posture(), environment_name=name))
        assert {detail["environmentName"] for _, detail in bus.events} == {name or None}
        assert "None" not in bus.mails[0][1]

    def test_of_each_kind_some_are_sent_and_the_rest_is_a_number(self) -> None:
        lost, blocked = Event.PHISHING_RESISTANCE_LOST, Event.DEVICE_BLOCKED
        security = [*(event(n, lost) for n in range(9)), *(event(n, blocked) for n in range(9, 12))]
        bus = notify(night(*security), most=4)
        assert [each["code"] for each in bus.security] == [lost.name] * 2 + [blocked.name] * 2
        assert bus.compared[0]["securityEventsNotSent"] == 8


class TestHeartbeat:
    @pytest.mark.parametrize(
        ("posture", "result", "reason"),
        [
            (sample_posture(), "changed", None),
            (night(), "unchanged", None),
            (not_compared("No field deviceId."), "not compared", "No field deviceId."),
        ],
    )
    def test_every_export_is_told_of(
        self, posture: Posture, result: str, reason: str | None
    ) -> None:
        [compared] = notify(posture).compared
        assert (compared["result"], compared["reason"]) == (result, reason)

    def test_what_cannot_be_known_is_a_word_and_never_zero(self) -> None:
        [compared] = notify(asked_for_little()).compared
        assert set(compared["securityEvents"].values()) == {"not asked"}
        for name in ("usersJoined", "usersLeft", "usersLost", "protection"):
            assert compared[name] == "not asked", name
        [compared] = notify(filtered()).compared
        assert compared["securityEvents"]["MFA_DISABLED"] == "hidden by the filter"
        assert compared["securityEvents"]["DEVICE_BLOCKED"] == 1
        assert compared["usersLost"] == compared["protection"] == "hidden by the filter"

    def test_what_was_not_compared_is_null_and_never_zero(self) -> None:
        [compared] = notify(not_compared("No."), told(previous=None)).compared
        for name in ("devices", "securityEvents", "usersLeft", "minor", "previousExportId"):
            assert compared[name] is None, name
        assert compared["protection"]["protected"] > 0

    def test_a_manifest_of_before_has_no_region_and_no_predecessor(self) -> None:
        about = replace(told(), manifest={"correlationId": "c", "executionArn": ARN})
        [compared] = notify(night(event(1)), about).compared
        assert compared["region"] is compared["previousManifestKey"] is None
        assert faults("compared", compared) == []


class TestIds:
    def test_a_repetition_has_the_same_ids(self) -> None:
        assert ids(sample_posture()) == ids(sample_posture())

    def test_an_overlapping_export_with_the_same_predecessor_has_the_same_ids(self) -> None:
        later = replace(sample_posture(), export_id="later", exported_at="2026-03-31T03:00:00Z")
        keys = ExportKeys.parse(f"{FOLDER}2026-03-31/later/manifest.json")
        assert ids(later, replace(told(), keys=cast("ExportKeys", keys))) == ids(sample_posture())

    def test_spelling_and_order_make_no_other_id(self) -> None:
        one = event(1, Event.PHISHING_RESISTANCE_LOST, Event.FACTOR_REMOVED)
        loud = replace(
            one,
            user_id=one.user_id.upper(),
            devices=[replace(one.devices[0], id=one.devices[0].id.upper())],
        )
        assert ids(night(one)) == ids(night(loud))

    def test_everything_else_makes_another_id(self) -> None:
        one = event(1)
        device = one.devices[0]
        others = [
            replace(one, user_id="other"),
            replace(one, after=Strength.WEAK),
            replace(one, reasons=[*one.reasons, Event.FACTOR_REMOVED]),
            replace(one, event=Event.DEVICE_MOVED),
            replace(one, devices=[replace(device, what="blocked")]),
            replace(one, devices=[device, replace(device, id="other")]),
        ]
        found = ids(night(one, *others)) + ids(night(one), told(previous="another"))
        assert len(found) == len(set(found)) == 8

    def test_events_of_devices_without_users_are_told_apart(self) -> None:
        nobody = [replace(event(number), user_id="") for number in range(3)]
        assert len(set(ids(night(*nobody)))) == 3


class TestMail:
    def test_the_subject_has_the_gravest_event_and_the_environment(self) -> None:
        subject, _ = cast("tuple[str, str]", export_mail(sample_posture(), told()))
        assert subject == "PingOne Customers Europe: all factors replaced (1), 15 security events"

    def test_only_what_happened_is_in_the_mail(self) -> None:
        posture = replace(sample_posture(), changes=changed([event(1)], [row(1)]))
        _, text = cast("tuple[str, str]", export_mail(posture, told()))
        assert "  phishing resistance lost: 1\n" in text
        assert "  changed: 1\n" in text
        assert ": 0" not in text
        assert "MFA disabled" not in text

    def test_what_cannot_be_known_is_in_the_mail(self) -> None:
        _, text = cast("tuple[str, str]", export_mail(filtered(), told()))
        assert "  MFA disabled: hidden by the filter\n" in text

    def test_an_unusual_night_says_so_in_the_subject(self) -> None:
        changes = replace(changed([event(1)]), unusual="Far more than on any day.")
        posture = replace(sample_posture(), changes=changes)
        subject, text = cast("tuple[str, str]", export_mail(posture, told()))
        assert subject == "PingOne Customers Europe: unusual! phishing resistance lost (1)"
        assert "UNUSUAL: Far more than on any day.\n" in text

    def test_changed_devices_without_an_event_have_a_mail(self) -> None:
        posture = replace(sample_posture(), changes=changed(rows=[row(1), row(2)]))
        subject, _ = cast("tuple[str, str]", export_mail(posture, told()))
        assert subject == "PingOne Customers Europe: 2 changed devices"

    def test_an_export_that_could_not_be_compared_has_a_mail(self) -> None:
        why = "The export before it is gone."
        subject, text = cast("tuple[str, str]", export_mail(not_compared(why), told(previous=None)))
        assert subject == "PingOne Customers Europe: could not be compared"
        assert f"It could not be compared: {why}\n" in text

    @pytest.mark.parametrize("why", [FIRST, OLDER_DATA])
    def test_an_export_that_could_not_be_news_has_no_mail(self, why: str) -> None:
        assert export_mail(not_compared(why), told(previous=None)) is None

    @pytest.mark.parametrize("about", [told(), told(fleet="nightly")], ids=["alone", "fleet"])
    def test_nobody_is_mailed_of_a_quiet_night_or_of_each_export_of_a_fleet(
        self, about: AnnouncedExport
    ) -> None:
        assert notify(night(), about).mails == []
        assert len(notify(night(event(1)), about).mails) == (not about.manifest.get("fleet"))

    def test_however_long_an_environments_name_is_the_subject_has_the_gist(self) -> None:
        posture = replace(sample_posture(), environment_name="x" * 999)
        subject, _ = cast("tuple[str, str]", export_mail(posture, told()))
        assert subject == f"PingOne {'x' * 40}: all factors replaced (1), 15 security events"

    @pytest.mark.parametrize(
        ("partition", "region", "console"),
        [
            ("aws", "eu-central-1", "console.aws.amazon.com"),
            ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
            ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ],
    )
    def test_the_link_opens_in_the_console_of_the_partition(
        self, partition: str, region: str, console: str
    ) -> None:
        arn = f"arn:{partition}:states:{region}:123456789012:execution:machine:name"
        assert console_link("reports", "a/report=x/ü&.html", arn) == (
            f"https://{console}/s3/object/reports?region={region}"
            "&prefix=a%2Freport%3Dx%2F%C3%BC%26.html"
        )

    def test_the_mail_ends_with_the_link_to_the_page(self) -> None:
        _, text = cast("tuple[str, str]", export_mail(sample_posture(), told()))
        link = text.splitlines()[-1]
        assert link.startswith("https://console.aws.amazon.com/s3/object/reports?region=eu-cen")
        assert link.endswith("nightly-2026-03-31.html")


class TestRefusals:
    """What is refused raises at the end, and whoever tries again tells the same."""

    def refuse(self, *kinds: str) -> Bus:
        bus = Bus()

        def before(kind: str) -> None:
            if kind in kinds:
                raise AnnouncementFailed(kind)

        bus.before = before
        return bus

    def test_a_security_event_that_is_refused_holds_up_neither_heartbeat_nor_mail(self) -> None:
        bus = self.refuse("PingOne Device Security Event Detected")
        with pytest.raises(AnnouncementFailed):
            notify(sample_posture(), bus=bus)
        assert len(bus.compared) == len(bus.mails) == 1

    def test_a_mail_that_is_refused_holds_up_no_event(self) -> None:
        bus = self.refuse("mail")
        with pytest.raises(AnnouncementFailed):
            notify(night(event(1)), bus=bus)
        assert len(bus.events) == 2

    def test_a_night_that_the_bus_never_takes_holds_up_no_later_one(self) -> None:
        bus = self.refuse("PingOne Device Security Event Detected", "PingOne Report Compared")
        with pytest.raises(AnnouncementFailed):
            notify(night(event(1)), bus=bus)
        bus.before = lambda _kind: None
        assert [each["userId"] for each in notify(night(event(2)), bus=bus).security] == ["user-2"]


def test_every_kind_of_event_keeps_to_the_schema() -> None:
    security = [event(number, each) for number, each in enumerate(Event)]
    events = security_events(night(*security), told(), 500)
    assert [each["code"] for each in events] == [each.name for each in RULES]
    assert [each["severity"] for each in events] == [rule.severity for rule in RULES.values()]
    assert [fault for each in events for fault in faults("security-event-detected", each)] == []
