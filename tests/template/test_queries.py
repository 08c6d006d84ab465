"""What the saved queries answer, on DuckDB and over tables with the template's columns."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest

from local.athena import saved_queries
from pingone_reports.model.security_events import LOSSES, RULES, Event
from tests.support.template import resources_of

TABLES = {
    item["Properties"]["TableInput"]["Name"]: item["Properties"]["TableInput"]
    for item in resources_of("AWS::Glue::Table").values()
}
EXPORT = {"report": "devices", "environment": "e", "export_id": "now"}


class Athena:
    """Tables that are filled by rows, and the answers of saved queries."""

    def __init__(self, database: duckdb.DuckDBPyConnection) -> None:
        self._database = database
        for name, table in TABLES.items():
            columns = [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]
            types = ", ".join(
                f"{column['Name']} {column['Type'].replace('string', 'varchar')}"
                for column in columns
            )
            database.execute(f"CREATE TABLE {name} ({types})")

    def insert(self, table: str, **values: Any) -> None:
        row = {**EXPORT, **values}
        marks = ", ".join("?" * len(row))
        self._database.execute(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})",
            list(row.values()),
        )

    def user(self, name: str, strength: str, **values: Any) -> None:
        self.insert("users", userid=name, username=name, strength=strength, **values)

    def device(self, user: str, device: str, **values: Any) -> None:
        self.insert("latest", userid=user, username=user, deviceid=device, **values)

    def event(self, user: str, *reasons: Event, **values: Any) -> None:
        row = {
            "event": reasons[0],
            "code": reasons[0].name,
            "severity": RULES[reasons[0]].severity,
            "reasons": ", ".join(reasons),
        }
        self.change(user, "", "event", **{**row, **values})

    def change(self, user: str, device: str, change: str, **values: Any) -> None:
        row = {"userid": user, "username": user, "deviceid": device, "change": change}
        self.insert("changes", **{**row, "date": days_ago(0), **values})

    def answer(self, name: str) -> list[dict[str, Any]]:
        found = self._database.execute(saved_queries()[name]["QueryString"])
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def users(self, name: str) -> list[str]:
        return [row["userid"] for row in self.answer(name)]


def days_ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"


@pytest.fixture
def athena() -> Iterator[Athena]:
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        yield Athena(database)


@pytest.mark.parametrize("name", saved_queries())
def test_a_saved_query_has_an_answer_where_there_is_nothing(athena: Athena, name: str) -> None:
    assert athena.answer(name) == []


def test_mfa_that_was_not_asked_for_is_told_apart_from_off(athena: Athena) -> None:
    athena.user("ada", "phishing-resistant")
    athena.user("bob", "MFA off", mfaenabled="false")
    athena.user("cid", "none", mfaenabled="true")
    [row] = athena.answer("Who has MFA")
    assert (row["users"], row["protected"], row["phishing_resistant"]) == (3, 1, 1)
    assert (row["mfa_off"], row["mfa_not_asked"]) == (1, 1)


def test_users_without_mfa_are_those_with_devices(athena: Athena) -> None:
    athena.user("ada", "MFA off", devices=2)
    athena.user("bob", "MFA off", devices=0)
    athena.user("cid", "weak", devices=1)
    assert athena.users("Users without MFA") == ["ada"]


def test_a_row_without_a_device_is_no_device(athena: Athena) -> None:
    for device in ("d", ""):
        athena.device("ada", device, devicetype="SMS" if device else "", phone="+1")
        athena.device("bob", device and "c", devicetype="SMS" if device else "", phone="+1")
    [row] = athena.answer("Factors in use")
    assert (row["devicetype"], row["devices"], row["users"]) == ("SMS", 2, 2)
    [row] = athena.answer("Phones of several users")
    assert (row["phone"], row["users"]) == ("+1", 2)


def test_who_has_nothing_usable_and_only_weak_factors(athena: Athena) -> None:
    athena.user("ada", "none", devices=1, usable=0)
    athena.user("bob", "weak", devices=1, usable=1, factors="SMS")
    assert athena.users("Users with nothing usable") == ["ada"]
    assert athena.users("Only weak factors") == ["bob"]


def test_a_factor_is_dormant_after_90_days_and_not_before(athena: Athena) -> None:
    for device, used in (("old", days_ago(91)), ("new", days_ago(90)), ("never", "")):
        athena.device("ada", device, lastdevicetrxtime=used and f"{used}T23:00:00Z")
    assert [row["deviceid"] for row in athena.answer("Dormant factors")] == ["old"]


def test_security_events_of_a_week_leave_out_what_only_came_or_went(athena: Athena) -> None:
    athena.event("ada", Event.MFA_DISABLED, date=days_ago(6))
    athena.event("bob", Event.FACTOR_ADDED)
    athena.event("cid", Event.MFA_DISABLED, date=days_ago(7))
    assert athena.users("Security events") == ["ada"]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_of_a_factor_is_found_also_behind_a_graver_reason(
    athena: Athena, loss: Event
) -> None:
    athena.event("ada", loss)
    athena.event("Bob", Event.MFA_DISABLED, loss)
    athena.event("cid", Event.FACTOR_ADDED)
    athena.user("bob", "weak", factors="SMS")
    rows = athena.answer("Who lost a factor")
    assert {row["userid"]: row["factors_now"] for row in rows} == {"ada": None, "Bob": "SMS"}


def test_replaced_factors_and_newly_shared_phones(athena: Athena) -> None:
    athena.event("ada", Event.ALL_FACTORS_REPLACED)
    athena.event("bob", Event.WEAK_FACTOR_ADDED, Event.PHONE_SHARED)
    athena.event("cid", Event.ALL_FACTORS_REPLACED, date=days_ago(30))
    assert athena.users("Factors replaced") == ["ada"]
    assert athena.users("Newly shared phones") == ["bob"]


def test_what_was_added_within_a_day_of_a_removal(athena: Athena) -> None:
    athena.change("ada", "old", "removed", date=days_ago(1))
    athena.change("ADA", "new", "added")
    athena.change("bob", "old2", "removed", date=days_ago(2))
    athena.change("bob", "new2", "added")
    athena.change("cid", "new3", "added")
    athena.event("cid", Event.FACTOR_REMOVED)
    [row] = athena.answer("Added after a removal")
    assert (row["userid"], row["removed_id"], row["added_id"]) == ("ADA", "old", "new")


def test_since_yesterday_means_every_export_since_then(athena: Athena) -> None:
    for hour in range(3):
        athena.change("ada", f"d{hour}", "added", export_id=f"hour-{hour}")
    athena.change("bob", "d", "added", date=days_ago(1))
    athena.change("cid", "d", "added", date=days_ago(2))
    athena.event("ada", Event.FACTOR_ADDED)
    rows = athena.answer("What changed since yesterday")
    assert sorted(row["username"] for row in rows) == ["ada"] * 4 + ["bob"]
