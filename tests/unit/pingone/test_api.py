"""PingOne is asked as documented, and every answer that is no success has its type."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
import requests

from local.pingone_simulator import (
    Answer,
    ChangeBody,
    DropConnection,
    Fault,
    LoseAnswer,
    MalformedJson,
    PingOneSimulator,
)
from local.waiting import wait_until
from pingone_reports.errors import (
    AccessDenied,
    CallPostponed,
    ExportError,
    InvalidResponse,
    PingOneUnavailable,
    RateLimited,
    ReportExpired,
    ReportRejected,
    Unauthorized,
)
from pingone_reports.model.request import ExportRequest
from pingone_reports.model.status import Status
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import AccessTokens
from pingone_reports.pingone.polling import pause_after
from tests.support.asking import REQUEST, export_of, play, secrets_in, told
from tests.support.documents import polling_answer
from tests.support.raw_server import RawServer, http
from tests.support.simulator import ManualClock

UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
DEEP = b'{"a":' * 100_000 + b"1" + b"}" * 100_000


def test_a_report_is_created_and_then_read_with_one_token_and_its_correlation_id(
    pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
) -> None:
    created = pingone.create_exploration(REQUEST)
    assert created.status is Status.IN_PROGRESS
    clock.now += 6
    finished = pingone.read_exploration(export_of(created.id))
    assert (finished.id, finished.status) == (created.id, Status.SUCCESS)
    token, *asked = simulator.requests
    assert token.path.endswith("/as/token")
    assert [each.correlation_id for each in asked] == [REQUEST.correlation_id] * 2


def test_a_call_that_was_prepared_opens_no_connection(
    secure_server: RawServer, secure_url: str, session: requests.Session, tokens: AccessTokens
) -> None:
    """To open one takes longer than a turn allows."""
    secure_server.say(http(b"{}", "400 No"))
    pingone = PingOne(session, f"{secure_url}/v1", tokens)
    pingone.prepare()
    wait_until(lambda: secure_server.connections)
    with pytest.raises(ReportRejected):
        pingone.create_exploration(REQUEST)
    assert secure_server.connections == 1


class TestTokens:
    def test_a_call_with_a_token_that_is_refused_is_made_again_in_another_turn(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        """Every time that a token gets old."""
        pingone.prepare()
        for _ in range(2):
            simulator.revoke_tokens()
            with pytest.raises(CallPostponed, match="401") as postponed:
                pingone.create_exploration(REQUEST)
            assert pause_after(postponed.value) == 5
            assert pingone.create_exploration(REQUEST)
            clock.now += 6
        asked = [each.status for each in simulator.requests if "dataExplor" in each.path]
        assert asked == [401, 201] * 2

    def test_each_export_may_meet_a_token_that_was_revoked(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        """The refused call of one export is made again by another container, if at all."""
        pingone.prepare()
        for _ in range(3):
            simulator.revoke_tokens()
            with pytest.raises(CallPostponed):
                pingone.create_exploration(replace(REQUEST, correlation_id=str(uuid4())))

    def test_a_token_that_cannot_be_renewed_is_renewed_by_the_next_try(
        self, pingone: PingOne, simulator: PingOneSimulator
    ) -> None:
        pingone.prepare()
        simulator.revoke_tokens()
        play(simulator, Fault("token", Answer(503), times=2))
        for error in (PingOneUnavailable, PingOneUnavailable, CallPostponed):
            with pytest.raises(error):
                pingone.create_exploration(REQUEST)
        assert pingone.create_exploration(REQUEST)

    def test_a_token_without_a_lifetime_is_good_for_the_call_that_it_was_prepared_for(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        play(simulator, Fault("token", ChangeBody(omit=("expires_in",)), times=None))
        for _ in range(2):
            pingone.prepare()
            before = len(simulator.requests)
            pingone.create_exploration(REQUEST)
            assert len(simulator.requests) == before + 1
            clock.now += 6


class TestFailures:
    @pytest.mark.parametrize(
        ("effect", "kind"),
        [
            (Answer(400), ReportRejected),
            (Answer(400, html=True), ReportRejected),
            (Answer(403), AccessDenied),
            (Answer(404), ReportRejected),
            (Answer(409), ReportRejected),
            (Answer(429), RateLimited),
            (Answer(500), PingOneUnavailable),
            (Answer(502, html=True), PingOneUnavailable),
            (DropConnection(), PingOneUnavailable),
            (LoseAnswer(), PingOneUnavailable),
            (MalformedJson(), InvalidResponse),
        ],
    )
    def test_every_failure_of_a_creation_has_its_type_and_tells_no_secret(
        self, pingone: PingOne, simulator: PingOneSimulator, effect: Any, kind: type[ExportError]
    ) -> None:
        play(simulator, Fault("create", effect, times=None))
        with pytest.raises(kind) as failure:
            pingone.create_exploration(REQUEST)
        assert type(failure.value) is kind
        assert secrets_in(told(failure.value), simulator) == []
        assert "<html" not in told(failure.value)
        if isinstance(effect, Answer):
            assert str(effect.status) in str(failure.value)

    def test_an_exploration_that_is_gone_has_expired(
        self, pingone: PingOne, clock: ManualClock
    ) -> None:
        created = pingone.create_exploration(REQUEST)
        clock.now += 1801
        with pytest.raises(ReportExpired, match="404"):
            pingone.read_exploration(export_of(created.id, age=30))

    def test_a_new_report_that_is_not_found_is_asked_for_once_more(
        self, pingone: PingOne, simulator: PingOneSimulator, clock: ManualClock
    ) -> None:
        play(simulator, Fault("read", Answer(404), times=3))
        first = export_of(pingone.create_exploration(REQUEST).id)
        clock.now += 6
        second = export_of(pingone.create_exploration(REQUEST).id)
        for export, error in (
            (first, CallPostponed),
            (first, ReportExpired),
            (second, CallPostponed),
        ):
            clock.now += 6
            with pytest.raises(error, match="404"):
                pingone.read_exploration(export)
        clock.now += 6
        assert pingone.read_exploration(second).status is Status.SUCCESS

    def test_calls_too_close_together_are_rate_limited(
        self, pingone: PingOne, clock: ManualClock
    ) -> None:
        pingone.create_exploration(REQUEST)
        clock.now += 2
        with pytest.raises(RateLimited, match="REQUEST_LIMITED") as answer:
            pingone.create_exploration(REQUEST)
        assert answer.value.retry_after == 3

    @pytest.mark.parametrize(
        ("header", "pause"),
        [
            (17, 17),
            ("0", 5),
            ("9" * 400, 86_400),
            ("\u00b2", 5),
            ("30.5", 31),
            (None, 5),
            ("soon", 5),
            ("-1", 5),
            ("nan", 5),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 5),
            ("Wed, 99 Oct 2015 07:28:00 GMT", 5),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
            ("Friday, 31-Dec-99 23:59:59 GMT", 5),  # RFC 850 has two digits: 1999
        ],
    )
    def test_a_pause_is_a_number_or_a_date_and_otherwise_the_usual_one(
        self, pingone: PingOne, simulator: PingOneSimulator, header: int | str | None, pause: int
    ) -> None:
        play(simulator, Fault("create", Answer(429, retry_after=header)))
        with pytest.raises(RateLimited) as answer:
            pingone.create_exploration(REQUEST)
        assert pause_after(answer.value) == pause

    @pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y"])
    def test_a_pause_until_a_date_is_as_long_as_that_is_away(
        self,
        pingone: PingOne,
        simulator: PingOneSimulator,
        monkeypatch: pytest.MonkeyPatch,
        form: str,
    ) -> None:
        monkeypatch.setenv("TZ", "Pacific/Auckland")
        until = datetime.now(UTC) + timedelta(minutes=10)
        play(simulator, Fault("create", Answer(429, retry_after=until.strftime(form))))
        with pytest.raises(RateLimited) as answer:
            pingone.create_exploration(REQUEST)
        assert 500 < answer.value.retry_after <= 600

    def test_a_pingone_that_cannot_be_reached_is_unavailable(
        self, session: requests.Session, tokens: AccessTokens, simulator: PingOneSimulator
    ) -> None:
        pingone = PingOne(session, "http://127.0.0.1:1/v1", tokens)
        pingone.prepare()
        with pytest.raises(PingOneUnavailable) as failure:
            pingone.create_exploration(REQUEST)
        assert secrets_in(told(failure.value), simulator) == []
        assert "127.0.0.1" not in told(failure.value)


class Scripted(RawServer):
    """Says what PingOne never should."""

    def answer(self, status: int, body: bytes) -> None:
        self.heads.clear()
        self.say(http(body, f"{status} So", f"Location: {self.url}/elsewhere"))


@pytest.fixture(scope="module")
def scripted() -> Iterator[Scripted]:
    with Scripted() as server:
        yield server


class TestAnswers:
    @pytest.fixture
    def pingone(
        self, scripted: Scripted, session: requests.Session, tokens: AccessTokens
    ) -> PingOne:
        return PingOne(session, f"{scripted.url}/v1", tokens)

    @pytest.mark.parametrize(
        ("request_", "wanted"),
        [
            (
                REQUEST,
                {
                    "fields": [{"name": "userId"}, {"name": "username"}],
                    "filter": '(mfaEnabled eq "true")',
                },
            ),
            (replace(REQUEST, fields=(), filter=""), {}),
        ],
    )
    def test_a_report_is_asked_for_as_documented(
        self,
        pingone: PingOne,
        scripted: Scripted,
        request_: ExportRequest,
        wanted: dict[str, object],
    ) -> None:
        scripted.answer(201, json.dumps(polling_answer()).encode())
        pingone.create_exploration(request_)
        template = {"id": "db632bfd-7054-4bde-b108-a384aac2d513"}
        assert json.loads(scripted.bodies[-1]) == {
            "dataExplorationTemplate": template,
            "deliverAs": "ASYNC_FILE",
            **wanted,
        }

    @pytest.mark.parametrize(
        "body",
        [b"", b"null", b"[]", b'"SUCCESS"', b"7", b"<html></html>", b'{"a', b"\xff\xfe", DEEP],
        ids=lambda body: str(body[:20]),
    )
    def test_a_success_without_an_object_is_invalid(
        self, pingone: PingOne, scripted: Scripted, body: bytes
    ) -> None:
        scripted.answer(200, body)
        with pytest.raises(InvalidResponse, match="without a JSON object"):
            pingone.read_exploration(export_of(UNKNOWN_ID))

    def test_a_new_token_that_is_refused_too_is_not_renewed_again(
        self, pingone: PingOne, scripted: Scripted
    ) -> None:
        scripted.answer(401, b"{}")
        with pytest.raises(CallPostponed):
            pingone.read_exploration(export_of(UNKNOWN_ID))
        with pytest.raises(Unauthorized, match="401 to a new token"):
            pingone.read_exploration(export_of(UNKNOWN_ID))
        assert len(scripted.heads) == 2

    @pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
    def test_a_redirect_is_not_followed(
        self, pingone: PingOne, scripted: Scripted, status: int
    ) -> None:
        scripted.answer(status, b"{}")
        with pytest.raises(InvalidResponse, match=f"{status}"):
            pingone.read_exploration(export_of(UNKNOWN_ID))
        assert len(scripted.heads) == 1

    @pytest.mark.parametrize(
        ("body", "described"),
        [
            ("", ""),
            ("null", ""),
            ("[1]", ""),
            ("<html>no</html>", ""),
            ('{"details": ["no"]}', ""),
            ('{"code": {"a": 1}, "message": ["no"]}', ""),
            (DEEP.decode(), ""),
            ('{"message":' * 500 + "1" + "}" * 500, ""),
            ('{"details": 7, "message": "No."}', " (No.)"),
            ('{"details": null, "message": "No."}', " (No.)"),
            (
                '{"id": "8b1c", "code": "INVALID_DATA", "message": "Not completed.", "details":'
                ' [{"code": "X", "target": "filter", "message": "No such attribute."}]}',
                " (INVALID_DATA; Not completed.; filter: No such attribute.; id 8b1c)",
            ),
        ],
        ids=lambda text: text[:20],
    )
    def test_an_error_is_told_by_what_its_body_says(
        self, pingone: PingOne, scripted: Scripted, body: str, described: str
    ) -> None:
        scripted.answer(400, body.encode())
        with pytest.raises(ReportRejected) as rejection:
            pingone.read_exploration(export_of(UNKNOWN_ID))
        assert str(rejection.value).startswith(f"PingOne answered 400{described}: correct")

    def test_a_long_error_body_is_cut(self, pingone: PingOne, scripted: Scripted) -> None:
        scripted.answer(400, json.dumps({"message": "no " * 10_000}).encode())
        with pytest.raises(ReportRejected) as rejection:
            pingone.read_exploration(export_of(UNKNOWN_ID))
        assert 500 < len(str(rejection.value)) < 800
