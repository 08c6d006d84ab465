"""Exports become tables: what Athena answers is what the reports say, and what happened to them."""

import csv
import io
import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local.athena import run_query, saved_queries
from local.cloud import REGION, LocalCloud
from local.paths import ROOT
from local.pingone_simulator import Answer, Fault, PingOneSimulator, Scenario
from local.pingone_simulator.days import changes, security_events_of_day
from local.pingone_simulator.report_data import ALL_FIELDS
from local.stack import Stack, deployed, simulator_parameters, subscribe
from local.waiting import wait_until
from pingone_reports.model.announcements import COMPARED
from pingone_reports.model.fields import FIELDS, Weight
from tests.end_to_end.conftest import Ended, Exporter
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


@pytest.fixture
def exporter(athena_stack: Stack, pingone: PingOneSimulator) -> Exporter:
    return Exporter(athena_stack, pingone, events={})


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
    (topic,) = (
        resource["PhysicalResourceId"]
        for resource in cloud.client("cloudformation").describe_stack_resources(StackName="athena")[
            "StackResources"
        ]
        if resource["LogicalResourceId"] == "DigestTopic"
    )
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


def _tabulated(exporter: Exporter, scenario: Scenario, **request: Any) -> Ended:
    ended = exporter.run(scenario, **request)
    assert ended.description["status"] == "SUCCEEDED"
    exporter.stack.wait_for_tables(ended.description["executionArn"])
    return ended


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
    iam = athena_stack.cloud.client("iam")
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return {
        "AWS_ACCESS_KEY_ID": key["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"],
    }


def _client_of(reader: dict[str, str], cloud: LocalCloud, service: str) -> Any:
    return boto3.client(
        service,  # type: ignore[call-overload]
        endpoint_url=cloud.endpoint_url,
        region_name=REGION,
        verify=str(cloud.ca_bundle),
        config=Config(s3={"addressing_style": "path"}),
        **{name.lower(): value for name, value in reader.items()},
    )


def test_two_days_differ_in_exactly_what_happened(exporter: Exporter) -> None:
    before, after = (
        _devices(_tabulated(exporter, Scenario(rows=_ROWS, day=day))) for day in (4, 5)
    )

    rows = run_query(
        exporter.stack,
        "SELECT change, deviceid, userid, field, old_value, new_value, event FROM changes "
        f"WHERE environment = '{exporter.environment_id}'",
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
    exporter: Exporter, tickets: Stack, mails: str
) -> None:
    for day in (4, 5):
        ended = _tabulated(exporter, Scenario(rows=_ROWS, day=day))

    told = exporter.told_of(ended, len(security_events_of_day(5)) + 1)
    for event in (ended.event, *told):
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
    opened = Exporter(tickets, exporter.pingone, {}).told_of(ended, len(grave))
    assert sorted(event["detail"]["id"] for event in opened) == grave
    mail = _mail(exporter.stack, mails, changed["pageKey"])
    assert "all factors replaced" in mail["Subject"]
    assert "MFA disabled: 3" in mail["Message"]
    assert "example.com" not in mail["Message"]
    page = exporter.stack.cloud.client("s3").get_object(
        Bucket=exporter.stack.outputs["BucketName"], Key=changed["pageKey"]
    )
    assert page["ContentType"] == "text/html; charset=utf-8"
    assert changed["exportId"] in page["Body"].read().decode()
    users = run_query(
        exporter.stack,
        "SELECT strength, count(*) AS number FROM users "
        f"WHERE environment = '{exporter.environment_id}' GROUP BY strength",
    )
    counted = {str(row["strength"]): int(row["number"] or 0) for row in users}
    strengths = changed["protection"]["users"]
    assert counted == {name: number for name, number in strengths.items() if number}


def test_a_fleet_has_one_page_and_one_mail_whether_it_is_red_or_green(
    exporter: Exporter, mails: str
) -> None:
    stack, pingone = exporter.stack, exporter.pingone
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


def test_leavers_and_a_filter_raise_no_alarm(exporter: Exporter) -> None:
    """Half of the users leave; in the filtered report devices just vanish."""
    asks: dict[str, Any] = {"skipQualityGate": True}
    for rows in (400, 200):
        ended = _tabulated(exporter, Scenario(rows=rows), **asks)
    [compared] = exporter.told_of(ended, 1)
    assert compared["detail"]["usersLeft"] > 100
    assert not any(compared["detail"]["securityEvents"].values())

    asks |= {"filter": '(mfaEnabled eq "true")', "reportName": "filtered"}
    for day in (4, 5):
        ended = _tabulated(exporter, Scenario(rows=_ROWS, day=day), **asks)
    seen = ("device blocked", "device locked", "phone number of a device changed")
    expected = [(kind, user) for kind, user in security_events_of_day(5) if kind in seen]
    blocked = [
        ("device blocked", change.user)
        for change in changes()
        if change.day == 5 and change.kind == "no better than weak any more"
    ]
    told = exporter.told_of(ended, len(expected) + len(blocked) + 1)
    security = [e["detail"] for e in told if e["detail-type"] != COMPARED]
    assert sorted((e["event"], e["userId"]) for e in security) == sorted(expected + blocked)
    [compared] = [event for event in told if event["detail-type"] == COMPARED]
    assert compared["detail"]["securityEvents"]["MFA_DISABLED"] == "hidden by the filter"


def test_a_custom_export_changes_nothing_of_the_standing_report(exporter: Exporter) -> None:
    """All fields, then the documentation's sample request by hand, then all fields."""
    _tabulated(exporter, Scenario(rows=400, day=4))
    by_hand = _tabulated(
        exporter, Scenario(rows=400, day=5), fields=["userId", "deviceId"], formats=["csv"]
    )
    assert by_hand.manifest["reportName"] == "devices-custom"
    where = f"WHERE environment = '{exporter.environment_id}'"
    latest = run_query(exporter.stack, f"SELECT DISTINCT report FROM latest {where}")
    assert [row["report"] for row in latest] == ["devices"]
    ended = _tabulated(exporter, Scenario(rows=400, day=5))
    told = exporter.told_of(ended, len(security_events_of_day(5)) + 1)
    security = [e["detail"] for e in told if e["detail-type"] != COMPARED]
    assert sorted((e["event"], e["userId"]) for e in security) == security_events_of_day(5)
    arn = by_hand.description["executionArn"]
    assert not [event for event in exporter.told if event["detail"]["executionArn"] == arn]


def test_latest_is_the_newest_export_alone(exporter: Exporter) -> None:
    for day in (0, 1):
        newest = _tabulated(exporter, Scenario(rows=_ROWS, day=day))

    rows = run_query(
        exporter.stack,
        f"SELECT * FROM latest WHERE environment = '{exporter.environment_id}'",
    )

    names = {name.lower(): name for name in ALL_FIELDS}
    found = {
        str(row["deviceid"]): {name: row[column] for column, name in names.items()} for row in rows
    }
    assert found == _devices(newest)
    assert {row["exported_at"] for row in rows} == {newest.manifest["createdAt"]}


def test_a_newest_export_without_rows_is_empty_in_latest(exporter: Exporter) -> None:
    for rows in (20, 0):
        _tabulated(exporter, Scenario(rows=rows), skipQualityGate=True)

    where = f"WHERE environment = '{exporter.environment_id}'"
    assert run_query(exporter.stack, f"SELECT * FROM latest {where}") == []
    changed = run_query(exporter.stack, f"SELECT change FROM changes {where}")
    assert [row["change"] for row in changed] == ["removed"] * 20


def test_only_exports_of_the_same_report_and_filter_are_compared(exporter: Exporter) -> None:
    _tabulated(exporter, Scenario(rows=400, day=0))
    sample = {"filter": '(mfaEnabled eq "true")', "reportName": "weekly"}
    _tabulated(exporter, Scenario(rows=400, day=1), **sample)
    _tabulated(exporter, Scenario(rows=400, day=1), reportName="weekly")

    where = f"WHERE environment = '{exporter.environment_id}'"
    assert run_query(exporter.stack, f"SELECT * FROM changes {where}") == []


def test_an_export_without_device_ids_is_passed_over(exporter: Exporter) -> None:
    name = {"reportName": "mixed"}
    _tabulated(exporter, Scenario(rows=400, day=0), **name)
    _tabulated(exporter, Scenario(rows=400, day=0), fields=["userId", "phone"], **name)
    _tabulated(exporter, Scenario(rows=400, day=1), **name)

    rows = run_query(
        exporter.stack,
        f"SELECT userid FROM changes WHERE environment = '{exporter.environment_id}'",
    )
    happened = {change.user for change in changes() if change.day == 1}
    assert {row["userid"] for row in rows} == happened


def test_other_fields_are_no_change_and_a_missing_one_is_null(exporter: Exporter) -> None:
    fields = ["deviceId", "userId", "deviceStatus", "somethingNew"]
    _tabulated(exporter, Scenario(rows=400, day=0), reportName="mixed")
    asks: dict[str, Any] = {"fields": fields, "formats": ["json"], "reportName": "mixed"}
    knows = (*ALL_FIELDS, "somethingNew")
    _tabulated(exporter, Scenario(rows=400, day=0, fields=knows), **asks)

    where = f"WHERE environment = '{exporter.environment_id}'"
    assert run_query(exporter.stack, f"SELECT * FROM changes {where}") == []
    latest = run_query(exporter.stack, f"SELECT deviceid, phone FROM latest {where}")
    assert len(latest) > 50
    assert all(row["phone"] is None for row in latest)


def test_an_export_says_how_many_of_its_records_repeat_a_device(exporter: Exporter) -> None:
    _tabulated(exporter, Scenario(rows=100, repeated_rows=3))

    rows = run_query(
        exporter.stack,
        f"SELECT repeated_ids FROM exports WHERE environment = '{exporter.environment_id}'",
    )
    assert [row["repeated_ids"] for row in rows] == ["3"]


def test_the_partition_of_a_day_is_where_its_rows_are(exporter: Exporter) -> None:
    ended = _tabulated(exporter, Scenario(rows=10))

    glue = exporter.stack.cloud.client("glue")
    database = exporter.stack.outputs["DatabaseName"]
    table = glue.get_table(DatabaseName=database, Name="devices")["Table"]
    location = table["Parameters"]["storage.location.template"]
    [date] = re.findall(r"/date=([^/]+)/", ended.event["detail"]["manifestKey"])
    day = location.replace("${date}", date).partition("://")[2].partition("/")[2]
    keys = [item["Key"] for item in exporter.stack.objects(f"{day}/")]
    assert f"{day}/{ended.description['name']}.parquet" in keys
    assert location.startswith(table["StorageDescriptor"]["Location"])


def test_an_event_that_comes_twice_writes_the_same_objects(exporter: Exporter) -> None:
    ended = _tabulated(exporter, Scenario(rows=_ROWS))
    name = ended.description["name"]
    keys = [item["Key"] for item in exporter.stack.objects() if item["Key"].endswith("parquet")]
    keys = [key for key in keys if name in key]
    assert len(keys) == 2  # devices and exports: it is the first
    before = [exporter.stack.read(key) for key in keys]

    lambda_ = exporter.stack.cloud.client("lambda")
    [function] = [
        function["FunctionName"]
        for page in lambda_.get_paginator("list_functions").paginate()
        for function in page["Functions"]
        if function["FunctionName"].startswith("athena-TabulateReport")
    ]
    manifest_key = ended.event["detail"]["manifestKey"]
    answer = lambda_.invoke(
        FunctionName=function, Payload=json.dumps({"manifestKey": manifest_key})
    )

    assert set(keys) <= set(json.load(answer["Payload"])["keys"])
    assert [exporter.stack.read(key) for key in keys] == before


@pytest.mark.parametrize("name", saved_queries())
def test_every_saved_query_runs(exporter: Exporter, name: str) -> None:
    run_query(exporter.stack, saved_queries()[name]["QueryString"])


def test_an_export_of_an_environment_that_nobody_named_is_there(exporter: Exporter) -> None:
    exporter.environment_id = str(uuid4())
    _tabulated(exporter, Scenario(rows=10), reportName="adhoc")

    rows = run_query(
        exporter.stack,
        f"SELECT * FROM latest WHERE environment = '{exporter.environment_id}'",
    )
    assert {row["report"] for row in rows} == {"adhoc"}


def test_the_documentations_function_gets_from_the_event_to_the_rows(
    exporter: Exporter, reader: dict[str, str]
) -> None:
    ended = exporter.run(Scenario(rows=_ROWS, day=5))
    [function] = re.findall(r"```python\n(import csv.*?)```", _EVENTS, re.DOTALL)
    called = "import json, sys\nprint(json.dumps(handler(json.load(sys.stdin), None)))"

    answer = subprocess.run(
        [sys.executable, "-c", f"{function}\n{called}"],
        env=exporter.stack.cloud.environment | reader,
        input=json.dumps(ended.event),
        capture_output=True,
        text=True,
        check=True,
    )

    blocked = [id_ for id_, row in _devices(ended).items() if row["deviceBlocked"] == "true"]
    assert blocked
    assert json.loads(answer.stdout) == {
        "export": ended.description["executionArn"],
        "blocked": blocked,
    }


def test_the_documentations_reader_asks_and_reads_and_may_do_no_more(
    exporter: Exporter, reader: dict[str, str]
) -> None:
    ended = _tabulated(exporter, Scenario(rows=10))
    cloud, bucket = exporter.stack.cloud, exporter.stack.outputs["BucketName"]
    athena, s3 = (_client_of(reader, cloud, service) for service in ("athena", "s3"))
    # The local cloud does not know the workgroup of a query, so its answer is not read here.
    assert athena.start_query_execution(
        QueryString="SELECT report FROM users LIMIT 1",
        QueryExecutionContext={"Database": exporter.stack.outputs["DatabaseName"]},
        WorkGroup=exporter.stack.outputs["WorkGroupName"],
    )["QueryExecutionId"]
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="pingone/tables/users/")["Contents"]
    for key in (listed[0]["Key"], ended.event["detail"]["manifestKey"]):
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    [page] = [
        item["Key"]
        for item in exporter.stack.objects("pingone/posture/")
        if ended.description["name"] in item["Key"]
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
