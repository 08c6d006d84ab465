"""Tables and saved queries for Athena: what they have, and what they answer on DuckDB."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import pytest
from sqlglot import exp, parse_one

from local import queries
from local.athena import saved_queries
from local.pingone_simulator.report_data import ALL_FIELDS
from pingone_reports.model.fields import KNOWN
from pingone_reports.model.security_events import LOSSES, RULES, Event
from pingone_reports.model.strength import DORMANT_DAYS, Strength
from tests.support.template import TABLES, TEMPLATE, columns_of
from tests.template.rendering import render, texts

EXPORT = {"report": "devices", "environment": "e", "export_id": "now"}
OWN = {"report", "environment", "environment_name", "export_id", "exported_at"}
BY_DAY = {name: table for name, table in TABLES.items() if "PartitionKeys" in table}

QUERIES = saved_queries()

every_query = pytest.mark.parametrize("name", QUERIES)


class TestTables:
    def test_the_tables_of_devices_have_every_field_that_is_known_and_no_other(self) -> None:
        assert set(columns_of("latest")) == OWN | set(KNOWN)
        assert set(columns_of("devices")) == OWN | {"date"} | set(KNOWN)
        assert {field.lower() for field in ALL_FIELDS} <= set(KNOWN)

    def test_the_newest_row_about_an_export_has_the_columns_of_all_rows(self) -> None:
        assert columns_of("newest_exports") == columns_of("exports")

    def test_a_row_about_an_export_counts_each_strength(self) -> None:
        counted = {name for name in columns_of("exports") if name.startswith("users_")}
        of_strength = {f"users_{each.name.lower()}" for each in Strength}
        assert counted == of_strength | {"users_protected", "users_joined", "users_left"}

    def test_every_table_has_the_name_of_the_environment(self) -> None:
        assert {columns_of(table).get("environment_name") for table in TABLES} == {"string"}

    @pytest.mark.parametrize("name", BY_DAY)
    def test_a_table_of_many_days_is_divided_by_the_day(self, name: str) -> None:
        assert BY_DAY[name]["PartitionKeys"] == [{"Name": "date", "Type": "date"}]
        (folder, _) = BY_DAY[name]["StorageDescriptor"]["Location"]["Fn::Sub"]
        (template, _) = BY_DAY[name]["Parameters"]["storage.location.template"]["Fn::Sub"]
        assert template == f"{folder}date=${{!date}}"

    def test_a_stack_without_analytics_has_nothing_of_it(self) -> None:
        stack = render(TEMPLATE, {"Analytics": "disabled"})
        told = " ".join([*stack.resources, *texts(stack.resources)])
        assert re.findall("Glue|Athena|Tabulate|TablesLayer", told) == []


class TestQueries:
    @every_query
    def test_a_saved_query_says_which_days_it_reads(self, name: str) -> None:
        """Athena lists every day that a query does not rule out by constants."""
        query = parse_one(QUERIES[name]["QueryString"], read="athena")
        tables = {table.alias_or_name: table.name for table in query.find_all(exp.Table)}
        bounded = {
            tables.get(comparison.this.table) or next(iter(tables.values()))
            for comparison in query.find_all(exp.GT, exp.GTE)
            if comparison.this.name == "date"
            and not list(comparison.expression.find_all(exp.Select))
        }
        assert set(BY_DAY) & set(tables.values()) <= bounded

    @every_query
    def test_a_saved_query_names_strengths_and_codes_that_there_are(self, name: str) -> None:
        text = QUERIES[name]["QueryString"]
        compared = " ".join(re.findall(r"strength (?:=|IN) \(?('[^)\n]+')", text))
        assert set(re.findall("'(.+?)'", compared)) <= set(Strength)
        assert set(re.findall("code = '(.+?)'", text)) <= set(Event.__members__)

    def test_the_documentation_shows_the_queries_that_are_saved(self) -> None:
        assert queries.page() == queries.PAGE.read_text(encoding="utf-8"), "run `make queries`"


Row = tuple[str, dict[str, Any]]
"""A table, and what a row of it has."""


def user(name: str, strength: str, **values: Any) -> Row:
    return "users", {"userid": name, "username": name, "strength": strength, **values}


def device(user: str, device: str, **values: Any) -> Row:
    return "latest", {"userid": user, "username": user, "deviceid": device, **values}


def change(user: str, device: str, change: str, days: int = 0, **values: Any) -> Row:
    """What happened so many days ago."""
    row = {"userid": user, "username": user, "deviceid": device, "change": change}
    return "changes", {**row, "date": days_ago(days), **values}


def event(user: str, *reasons: Event, days: int = 0) -> Row:
    told = {"event": reasons[0], "code": reasons[0].name, "severity": RULES[reasons[0]].severity}
    return change(user, "", "event", days, **told, reasons=", ".join(reasons))


def days_ago(days: int) -> str:
    return f"{datetime.now(UTC) - timedelta(days=days):%Y-%m-%d}"


def answer(query: str, *rows: Row) -> list[dict[str, Any]]:
    """What a saved query answers where there is nothing but these rows."""
    with duckdb.connect() as database:
        database.execute("SET TimeZone = 'UTC'")
        for table in TABLES:
            types = ", ".join(f"{name} {kind}" for name, kind in columns_of(table).items())
            database.execute(f"CREATE TABLE {table} ({types})")
        for table, values in rows:
            row = EXPORT | values
            marks = ", ".join("?" * len(row))
            database.execute(
                f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", [*row.values()]
            )
        found = database.execute(QUERIES[query]["QueryString"])
        names = [column[0] for column in found.description or []]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def users(query: str, *rows: Row) -> list[str]:
    return [row["userid"] for row in answer(query, *rows)]


@every_query
def test_a_saved_query_has_an_answer_where_there_is_nothing(name: str) -> None:
    assert answer(name) == []


def test_mfa_that_was_not_asked_for_is_told_apart_from_off() -> None:
    ada = user("ada", "phishing-resistant")
    bob = user("bob", "MFA off", mfaenabled="false")
    cid = user("cid", "none", mfaenabled="true")
    [row] = answer("Who has MFA", ada, bob, cid)
    assert (row["users"], row["protected"], row["phishing_resistant"]) == (3, 1, 1)
    assert (row["mfa_off"], row["mfa_not_asked"]) == (1, 1)


def test_users_without_mfa_are_those_with_devices() -> None:
    off = [user("ada", "MFA off", devices=2), user("bob", "MFA off", devices=0)]
    assert users("Users without MFA", *off, user("cid", "weak", devices=1)) == ["ada"]


def test_a_row_without_a_device_is_no_device() -> None:
    there = {"devicetype": "SMS", "phone": "+1"}
    rows = [device("ada", "d", **there), device("bob", "c", **there)]
    rows += [device("ada", "", phone="+1"), device("bob", "", phone="+1")]
    [row] = answer("Factors in use", *rows)
    assert (row["devicetype"], row["devices"], row["users"]) == ("SMS", 2, 2)
    [row] = answer("Phones of several users", *rows)
    assert (row["phone"], row["users"]) == ("+1", 2)


def test_who_has_nothing_usable_and_only_weak_factors() -> None:
    rows = [user("ada", "none", devices=1, usable=0), user("bob", "weak", factors="SMS")]
    assert users("Users with nothing usable", *rows) == ["ada"]
    assert users("Only weak factors", *rows) == ["bob"]


def test_a_factor_is_dormant_after_so_many_days_as_the_page_says_and_not_before() -> None:
    used = {"old": f"{days_ago(DORMANT_DAYS + 1)}T23:00:00Z", "never": ""}
    used["new"] = f"{days_ago(DORMANT_DAYS)}T23:00:00Z"
    rows = [device("ada", name, lastdevicetrxtime=time) for name, time in used.items()]
    assert [row["deviceid"] for row in answer("Dormant factors", *rows)] == ["old"]


def test_security_events_of_a_week_leave_out_what_only_came_or_went() -> None:
    off = [event("ada", Event.MFA_DISABLED, days=6), event("cid", Event.MFA_DISABLED, days=7)]
    assert users("Security events", *off, event("bob", Event.FACTOR_ADDED)) == ["ada"]


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_of_a_factor_is_found_also_behind_a_graver_reason(loss: Event) -> None:
    losses = [event("ada", loss), event("Bob", Event.MFA_DISABLED, loss)]
    others = [event("cid", Event.FACTOR_ADDED), user("bob", "weak", factors="SMS")]
    rows = answer("Who lost a factor", *losses, *others)
    assert {row["userid"]: row["factors_now"] for row in rows} == {"ada": None, "Bob": "SMS"}


def test_replaced_factors_and_newly_shared_phones() -> None:
    rows = [
        event("ada", Event.ALL_FACTORS_REPLACED),
        event("bob", Event.WEAK_FACTOR_ADDED, Event.PHONE_SHARED),
        event("cid", Event.ALL_FACTORS_REPLACED, days=30),
    ]
    assert users("Factors replaced", *rows) == ["ada"]
    assert users("Newly shared phones", *rows) == ["bob"]


def test_what_was_added_within_a_day_of_a_removal() -> None:
    [row] = answer(
        "Added after a removal",
        change("ada", "old", "removed", days=1),
        change("ADA", "new", "added"),
        change("bob", "old2", "removed", days=2),
        change("bob", "new2", "added"),
        change("cid", "new3", "added"),
        event("cid", Event.FACTOR_REMOVED),
    )
    assert (row["userid"], row["removed_id"], row["added_id"]) == ("ADA", "old", "new")


def test_since_yesterday_means_every_export_since_then() -> None:
    today = [change("ada", f"d{n}", "added", export_id=f"hour-{n}") for n in range(3)]
    before = [change("bob", "d", "added", days=1), change("cid", "d", "added", days=2)]
    rows = answer("What changed since yesterday", *today, event("ada", Event.FACTOR_ADDED), *before)
    assert sorted(row["username"] for row in rows) == ["ada"] * 4 + ["bob"]
