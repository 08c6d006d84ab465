"""Exports become tables: what Athena answers is what the reports say, and what happened to them."""

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from local.athena import run_query, saved_queries
from local.cloud import LocalCloud
from local.paths import ROOT
from local.pingone_simulator import Answer, Fault, PingOneSimulator, Scenario
from local.pingone_simulator.days import changes, security_events_of_day
from local.pingone_simulator.report_data import ALL_FIELDS
from local.stack import Stack, deployed, simulator_parameters, subscribe
from local.waiting import wait_until
from pingone_reports.model.announcements import COMPARED
from pingone_reports.model.fields import FIELDS, Weight
from tests.end_to_end.conftest import Ended, Exporter, resource
from tests.support.clients import client_of, user_of
from tests.support.documents import faults

if TYPE_CHECKING:
    from collections.abc import Callable

_DATA, _EVENTS = (
    (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("data.md", "events.md")
)
_ROWS = 2000
_VALUES = ("old_value", "new_value")


@pytest.fixture(scope="module")
def athena_stack(cloud: LocalCloud, pingone: PingOneSimulator) -> Stack:
    parameters = simulator_parameters(pingone) | {
        "Analytics": "enabled",
        "ReportFields": "",
        "DigestEmail": "security@example.com",
    }
    return deployed(cloud, pingone.client_id, pingone.client_secret, parameters, "athena")


@pytest.fixture(scope="module")
def tickets(athena_stack: Stack) -> Stack:
    """The stack, where the documentation's rule is the only subscriber."""
    [pattern] = re.findall(r"put-rule .*? --event-pattern '(.*?)'", _EVENTS, re.DOTALL)
    # Not a function: the local cloud loses what one prints if it is busy for 50 ms.
    bus = athena_stack.outputs["EventBusName"]
    queue = subscribe(athena_stack.cloud, bus, "open-ticket", pattern)
    return replace(athena_stack, events_queue_url=queue)


@pytest.fixture(scope="module")
def mails(athena_stack: Stack) -> str:
    """The queue of a subscriber to the digest."""
    cloud = athena_stack.cloud
    topic = resource(cloud, "athena", "DigestTopic")
    sqs = cloud.client("sqs")
    url = str(sqs.create_queue(QueueName="mails")["QueueUrl"])
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    allowed = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}}
    allowed |= {"Action": "sqs:SendMessage", "Resource": attributes["QueueArn"]}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=attributes["QueueArn"])
    return url


def _mail(stack: Stack, queue: str, page_key: str) -> dict[str, Any]:
    """The mail that names this page."""

    def look() -> dict[str, Any] | None:
        answer = stack.cloud.client("sqs").receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1
        )
        mails = [json.loads(message["Body"]) for message in answer.get("Messages", [])]
        return next((mail for mail in mails if quote(page_key, "") in mail["Message"]), None)

    return wait_until(look, f"there is a mail about {page_key}")


def _devices(ended: Ended) -> dict[str, dict[str, str]]:
    """The rows of an export's CSV, by device."""
    rows = csv.DictReader(io.StringIO(ended.file("csv").decode(), newline=""))
    return {row["deviceId"]: row for row in rows}


@pytest.fixture(scope="module")
def reader(athena_stack: Stack) -> dict[str, str]:
    """The credentials of a user with the documentation's rights of a reader."""
    [policy] = re.findall(r"```json\n(\{\n  \"Version\".*?)```", _DATA, re.DOTALL)
    for name, value in {**athena_stack.outputs, "KeyPrefix": "pingone"}.items():
        policy = policy.replace(f"<{name}>", value)
    return user_of(athena_stack.cloud, "reader", policy)


@dataclass
class Days:
    """Two exports of an environment, a day apart."""

    exporter: Exporter
    before: Ended
    after: Ended

    @property
    def where(self) -> str:
        return f"WHERE environment = '{self.exporter.environment_id}'"


@pytest.fixture(scope="module")
def days(athena_stack: Stack, pingone: PingOneSimulator, tickets: Stack, mails: str) -> Days:
    """They begin when whoever wants to be told has subscribed."""
    assert tickets
    assert mails
    exporter = Exporter(athena_stack, pingone, events={})
    ended = []
    for day in (4, 5):
        ended.append(exporter.run(Scenario(rows=_ROWS, day=day)))
        athena_stack.wait_for_tables(ended[-1].description["executionArn"])
    return Days(exporter, *ended)


def test_two_days_differ_in_exactly_what_happened(days: Days, athena_stack: Stack) -> None:
    before, after = _devices(days.before), _devices(days.after)

    rows = run_query(
        athena_stack,
        "SELECT change, deviceid, userid, field, old_value, new_value, event FROM changes "
        + days.where,
    )

    expected = (
        {("added", device, "", "", "") for device in after.keys() - before if device}
        | {("removed", device, "", "", "") for device in before.keys() - after if device}
        | {
            ("changed", device, field, old, after[device][field])
            for device in before.keys() & after
            for field, old in before[device].items()
            if device and after[device][field] != old and FIELDS[field].weight is not Weight.USE
        }
    )
    found = [
        (row["change"], row["deviceid"], *(row[name] or "" for name in ("field", *_VALUES)))
        for row in rows
        if row["change"] != "event"
    ]
    assert len(found) == len(set(found))
    assert set(found) == expected
    events = sorted((row["event"], row["userid"]) for row in rows if row["change"] == "event")
    assert events == security_events_of_day(5)
    happened = {change.user for change in changes() if change.day == 5}
    assert {row["userid"] for row in rows} == happened


def test_what_changed_is_told_to_a_rule_and_by_mail_and_shown_on_a_page(
    days: Days, athena_stack: Stack, tickets: Stack, mails: str
) -> None:
    told = days.exporter.told_of(days.after, len(security_events_of_day(5)) + 1)

    for event in (days.after.event, *told):
        assert faults("envelope", event) == []
    for event in told:
        name = event["detail-type"].split(" ", 2)[2].lower().replace(" ", "-")
        assert faults(name, event["detail"]) == []
    [changed] = [event["detail"] for event in told if event["detail-type"] == COMPARED]
    security = [event["detail"] for event in told if event["detail"] is not changed]
    assert sorted((event["event"], event["userId"]) for event in security) == (
        security_events_of_day(5)
    )
    assert len({event["id"] for event in security}) == len(security)
    grave = sorted(each["id"] for each in security if each["severity"] in ("critical", "high"))
    opened = Exporter(tickets, days.exporter.pingone, {}).told_of(days.after, len(grave))
    assert sorted(event["detail"]["id"] for event in opened) == grave
    mail = _mail(athena_stack, mails, changed["pageKey"])
    assert "all factors replaced" in mail["Subject"]
    assert "MFA disabled: 3" in mail["Message"]
    assert "example.com" not in mail["Message"]
    page = athena_stack.cloud.client("s3").get_object(
        Bucket=athena_stack.outputs["BucketName"], Key=changed["pageKey"]
    )
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert changed["exportId"] in page["Body"].read().decode()
    query = f"SELECT strength, count(*) AS number FROM users {days.where} GROUP BY strength"
    counted = {
        str(row["strength"]): int(row["number"] or 0) for row in run_query(athena_stack, query)
    }
    strengths = changed["protection"]["users"]
    assert counted == {name: number for name, number in strengths.items() if number}


def test_a_fleet_has_one_page_and_one_mail_whether_it_is_red_or_green(
    athena_stack: Stack, pingone: PingOneSimulator, mails: str
) -> None:
    stack = athena_stack
    good, forbidden = str(uuid4()), str(uuid4())
    pingone.set_scenario(good, Scenario(rows=100))
    denied = Fault("create", Answer(403), times=None)
    pingone.set_scenario(forbidden, Scenario(rows=100, faults=(denied,)))
    for ids, status in (([good, forbidden], "FAILED"), ([good], "SUCCEEDED")):
        arn = stack.start_fleet({"environmentIds": ids, "formats": ["csv"]})
        assert stack.wait_for(arn)["status"] == status
        [page] = (
            key.replace("/fleet/", "/posture/fleet/").replace("/fleet.json", ".html")
            for key in (item["Key"] for item in stack.objects("pingone/fleet/"))
            if key.endswith(f"/{arn.rpartition(':')[2]}/fleet.json")
        )
        mail = _mail(stack, mails, page)
        assert ("1 failed" in mail["Subject"]) == (forbidden in ids)
        assert "Not in the tables" not in mail["Message"]
        shown = stack.read(page).decode()
        assert [id_ in shown for id_ in ids] == [True] * len(ids)
        assert ("AccessDenied" in shown) == (forbidden in ids)


def test_latest_is_the_newest_export_alone(days: Days, athena_stack: Stack) -> None:
    rows = run_query(athena_stack, f"SELECT * FROM latest {days.where}")

    names = {name.lower(): name for name in ALL_FIELDS}
    found = {
        str(row["deviceid"]): {name: row[column] for column, name in names.items()} for row in rows
    }
    assert found == _devices(days.after)
    assert {row["exported_at"] for row in rows} == {days.after.manifest["createdAt"]}


def test_the_partition_of_a_day_is_where_its_rows_are(days: Days, athena_stack: Stack) -> None:
    table = athena_stack.cloud.client("glue").get_table(
        DatabaseName=athena_stack.outputs["DatabaseName"], Name="devices"
    )["Table"]
    location = table["Parameters"]["storage.location.template"]
    [date] = re.findall(r"/date=([^/]+)/", days.after.event["detail"]["manifestKey"])
    day = location.replace("${date}", date).partition("://")[2].partition("/")[2]
    keys = [item["Key"] for item in athena_stack.objects(f"{day}/")]
    assert f"{day}/{days.after.description['name']}.parquet" in keys
    assert location.startswith(table["StorageDescriptor"]["Location"])


@pytest.mark.parametrize("name", saved_queries())
@pytest.mark.usefixtures("days")
def test_every_saved_query_runs(athena_stack: Stack, name: str) -> None:
    run_query(athena_stack, saved_queries()[name]["QueryString"])


def test_the_documentations_function_gets_from_the_event_to_the_rows(
    days: Days, athena_stack: Stack, reader: dict[str, str]
) -> None:
    [function] = re.findall(r"```python\n(import csv.*?)```", _EVENTS, re.DOTALL)
    called = "import json, sys\nprint(json.dumps(handler(json.load(sys.stdin), None)))"

    answer = subprocess.run(
        [sys.executable, "-c", f"{function}\n{called}"],
        env=athena_stack.cloud.environment | reader,
        input=json.dumps(days.after.event),
        capture_output=True,
        text=True,
        check=True,
    )

    devices = _devices(days.after)
    blocked = [id_ for id_, row in devices.items() if row["deviceBlocked"] == "true"]
    assert blocked
    assert json.loads(answer.stdout) == {
        "export": days.after.description["executionArn"],
        "blocked": blocked,
    }


def test_the_documentations_reader_asks_and_reads_and_may_do_no_more(
    days: Days, athena_stack: Stack, reader: dict[str, str]
) -> None:
    cloud, bucket = athena_stack.cloud, athena_stack.outputs["BucketName"]
    athena, s3 = (client_of(cloud, service, reader) for service in ("athena", "s3"))
    # The local cloud does not know the workgroup of a query, so its answer is not read here.
    assert athena.start_query_execution(
        QueryString="SELECT report FROM users LIMIT 1",
        QueryExecutionContext={"Database": athena_stack.outputs["DatabaseName"]},
        WorkGroup=athena_stack.outputs["WorkGroupName"],
    )["QueryExecutionId"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="pingone/tables/users/")["Contents"]
    for key in (listed[0]["Key"], days.after.event["detail"]["manifestKey"]):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    [page] = [
        item["Key"]
        for item in athena_stack.objects("pingone/posture/")
        if days.after.description["name"] in item["Key"]
    ]
    refused: list[Callable[[], object]] = [
        lambda: s3.get_object(Bucket=bucket, Key=page),
        lambda: s3.list_objects_v2(Bucket=bucket, Prefix="pingone/posture/"),
        lambda: s3.put_object(Bucket=bucket, Key=listed[0]["Key"], Body=b""),
        lambda: s3.delete_object(Bucket=bucket, Key=listed[0]["Key"]),
        lambda: athena.start_query_execution(QueryString="SELECT 1", WorkGroup="primary"),
    ]
    for call in refused:
        with pytest.raises(ClientError, match="AccessDenied"):
            call()
