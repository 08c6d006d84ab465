"""A comparison is told of once, whatever is tried again, and nobody's name is."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import pytest

from local.sample_posture import sample_posture
from pingone_reports.aws.console import console_link
from pingone_reports.errors import AnnouncementFailed
from pingone_reports.model.announcements import (
    COMPARED,
    SECURITY_EVENT_DETECTED,
    AnnouncedExport,
    security_events,
)
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
ARN = "arn:aws:states:eu-central-1:123456789012:execution:reports-export-report:nightly-2026-03-31"
SAMPLE = sample_posture()


def told(
    export: str = "nightly-2026-03-31", previous: str | None = "nightly-2026-03-30", **manifest: Any
) -> AnnouncedExport:
    keys = cast("ExportKeys", ExportKeys.parse(f"{FOLDER}2026-03-31/{export}/manifest.json"))
    key = previous and f"{FOLDER}2026-03-30/{previous}/manifest.json"
    return AnnouncedExport(
        keys=keys,
        manifest={
            "correlationId": "nightly",
            "executionArn": ARN,
            "region": "eu",
            "previous": {"manifestKey": key, "reason": None},
            **manifest,
        },
        bucket="reports",
        page_link=console_link("reports", keys.page, ARN),
    )


def notify(
    posture: Posture, about: AnnouncedExport | None = None, most: int = 500, bus: Bus | None = None
) -> Bus:
    bus = bus or Bus()
    notifier = Notifier(bus=cast("EventBus", bus), digest=cast("Topic", bus), most_events=most)
    notifier.notify(posture, about or told())
    return bus


def night(*security: SecurityEvent, **changes: Any) -> Posture:
    return replace(SAMPLE, changes=replace(changed(security), **changes))


def not_compared(why: str) -> Posture:
    return replace(SAMPLE, changes=None, not_compared=why)


def ids(posture: Posture, about: AnnouncedExport | None = None) -> list[str]:
    return [each["id"] for each in security_events(posture, about or told(), 500)]


class TestEvents:
    @pytest.mark.parametrize(
        ("posture", "result", "reason"),
        [
            (SAMPLE, "changed", None),
            (night(*map(event, range(13), Event)), "changed", None),
            (filtered(), "changed", None),
            (night(), "unchanged", None),
            (not_compared("No field deviceId."), "not compared", "No field deviceId."),
        ],
    )
    def test_every_export_is_told_of_as_schema_and_sample_say(
        self, posture: Posture, result: str, reason: str | None
    ) -> None:
        bus = notify(posture)
        [compared] = bus.compared
        assert (compared["result"], compared["reason"]) == (result, reason)
        assert faults("compared", compared) == []
        assert compared.keys() == sample("compared").keys()
        for each in bus.security:
            assert faults("security-event-detected", each) == []
            assert each.keys() == sample("security-event-detected").keys()
            assert each["severity"] == RULES[Event[each["code"]]].severity

    def test_the_security_events_come_first_and_each_is_about_the_execution(self) -> None:
        bus = notify(SAMPLE)
        assert [kind for kind, _ in bus.events] == [SECURITY_EVENT_DETECTED] * len(bus.security) + [
            COMPARED
        ]
        assert bus.resources == {ARN}

    def test_an_event_has_codes_for_machines_beside_the_words_and_when_it_happened(self) -> None:
        posture = night(event(7, Event.ALL_FACTORS_REPLACED, Event.PHISHING_RESISTANCE_LOST))
        assert posture.changes
        [detail] = notify(posture).security
        told_ = {
            "code": "ALL_FACTORS_REPLACED",
            "event": "all factors replaced",
            "severity": "critical",
            "reasons": ["ALL_FACTORS_REPLACED", "PHISHING_RESISTANCE_LOST"],
            "strengthBefore": "phishing-resistant",
            "strengthAfter": "phishable",
            "devices": [{"deviceId": "device-7", "deviceType": "FIDO2", "what": "removed"}],
            "observedAfter": posture.changes.previous_data_not_before,
            "observedBefore": posture.data_not_after,
        }
        assert detail.items() >= told_.items()

    def test_who_was_not_asked_for_is_null_and_no_word(self) -> None:
        one = replace(event(1), user_id="", username="", before=None, after=None)
        [detail] = notify(night(one)).security
        assert detail["userId"] is detail["strengthBefore"] is detail["strengthAfter"] is None

    def test_no_name_is_told(self) -> None:
        bus = notify(night(event(1, name="canary-name")))
        assert "user-1" in str(bus.events)
        assert "canary" not in str(bus.events) + str(bus.mails)

    @pytest.mark.parametrize("name", ["Customers Europe", ""])
    def test_the_name_of_the_environment_is_told(self, name: str) -> None:
        bus = notify(replace(SAMPLE, environment_name=name))
        assert {detail["environmentName"] for _, detail in bus.events} == {name or None}
        assert "None" not in bus.mails[0][1]

    def test_of_each_kind_some_are_sent_and_the_rest_is_a_number(self) -> None:
        lost, blocked = Event.PHISHING_RESISTANCE_LOST, Event.DEVICE_BLOCKED
        security = [*(event(n, lost) for n in range(9)), *(event(n, blocked) for n in range(9, 12))]
        bus = notify(night(*security, users_lost=9), most=4)
        assert [each["code"] for each in bus.security] == [lost.name] * 2 + [blocked.name] * 2
        assert bus.compared[0].items() >= {"securityEventsNotSent": 8, "usersLost": 9}.items()


class TestHeartbeat:
    def test_what_cannot_be_known_is_a_word_and_never_zero(self) -> None:
        [compared] = notify(asked_for_little()).compared
        assert faults("compared", compared) == []
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
    def test_a_repetition_and_an_overlapping_export_have_the_same_ids(self) -> None:
        later = replace(SAMPLE, export_id="later", exported_at="2026-03-31T03:00:00Z")
        assert ids(SAMPLE) == ids(SAMPLE) == ids(later, told("later"))

    def test_spelling_and_order_make_no_other_id(self) -> None:
        one = event(1, Event.PHISHING_RESISTANCE_LOST, Event.FACTOR_REMOVED)
        devices = [one.devices[0], replace(one.devices[0], id="other")]
        loud = [replace(device, id=device.id.upper()) for device in devices[::-1]]
        again = replace(one, user_id="USER-1", devices=loud, reasons=one.reasons[::-1])
        assert ids(night(replace(one, devices=devices))) == ids(night(again))

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
            # Of devices without users.
            *(replace(event(number), user_id="") for number in range(3)),
        ]
        found = ids(night(one, *others)) + ids(night(one), told(previous="another"))
        assert len(found) == len(set(found)) == 11


def mailed(posture: Posture) -> tuple[str, str]:
    """The subject of the mail, from the name of the environment on, and its text."""
    found = export_mail(posture, told())
    assert found
    return found[0].removeprefix("PingOne Customers Europe: "), found[1]


class TestMail:
    @pytest.mark.parametrize(
        ("posture", "subject", "line"),
        [
            (SAMPLE, "all factors replaced (1), 15 security events", "  all factors replaced: 1"),
            (filtered(), "device blocked (1)", "  MFA disabled: hidden by the filter"),
            (
                night(event(1), unusual="Far more than on any day."),
                "unusual! phishing resistance lost (1)",
                "UNUSUAL: Far more than on any day.",
            ),
            (
                replace(SAMPLE, changes=changed(rows=[row(1), row(2)])),
                "2 changed devices",
                "  changed: 2",
            ),
            (
                not_compared("It is gone."),
                "could not be compared",
                "It could not be compared: It is gone.",
            ),
        ],
    )
    def test_the_subject_has_the_gist_and_the_text_says_more(
        self, posture: Posture, subject: str, line: str
    ) -> None:
        told_, text = mailed(posture)
        assert told_ == subject
        assert line in text.splitlines()

    def test_only_what_happened_is_in_the_mail(self) -> None:
        _, text = mailed(night(event(1)))
        assert "  phishing resistance lost: 1\n" in text
        assert ": 0" not in text
        assert "MFA disabled" not in text

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
        subject, _ = mailed(replace(SAMPLE, environment_name="x" * 999))
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
        assert mailed(SAMPLE)[1].splitlines()[-1] == told().page_link


class TestRefusals:
    """What is refused raises at the end, and whoever tries again tells the same."""

    @pytest.mark.parametrize(
        ("refused", "taken"),
        [
            ([SECURITY_EVENT_DETECTED], [COMPARED, "mail"]),
            (["mail"], [SECURITY_EVENT_DETECTED, COMPARED]),
            ([SECURITY_EVENT_DETECTED, COMPARED], ["mail"]),
        ],
    )
    def test_what_is_refused_holds_up_nothing_else_and_no_later_night(
        self, refused: list[str], taken: list[str]
    ) -> None:
        bus = Bus()

        def before(kind: str) -> None:
            if kind in refused:
                raise AnnouncementFailed(kind)

        bus.before = before
        with pytest.raises(AnnouncementFailed):
            notify(night(event(1)), bus=bus)
        assert [kind for kind, _ in bus.events] + ["mail"] * len(bus.mails) == taken
        bus.before = lambda _kind: None
        assert notify(night(event(2)), bus=bus).security[-1]["userId"] == "user-2"
