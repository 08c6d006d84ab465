"""Builds each handler's step, and keeps what a warm container can use again.

Modules that only one function needs are imported in its builder: the others start faster.
"""

import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
import requests
from botocore.config import Config as BotoConfig

from pingone_reports.aws.calendar import TurnCalendar
from pingone_reports.aws.secret import Secret
from pingone_reports.aws.table import Table
from pingone_reports.config import (
    CheckConfig,
    ClientKey,
    Config,
    DiscardConfig,
    FetchConfig,
    ListConfig,
    PingOneConfig,
    ShowFleetConfig,
    StartConfig,
    SummarizeConfig,
    TabulateConfig,
)
from pingone_reports.pingone.api import PingOne
from pingone_reports.pingone.credentials import (
    AccessTokens,
    ClientAuthentication,
    ClientCredentials,
)
from pingone_reports.pingone.sessions import new_session
from pingone_reports.pingone.turns import Turns

if TYPE_CHECKING:
    from pingone_reports.aws.bucket import Bucket
    from pingone_reports.aws.event_bus import Topic
    from pingone_reports.steps.check import CheckReport
    from pingone_reports.steps.discard import DiscardReport
    from pingone_reports.steps.fetch import FetchReport
    from pingone_reports.steps.list_environments import ListEnvironments
    from pingone_reports.steps.show_fleet import ShowFleet
    from pingone_reports.steps.start import StartReport
    from pingone_reports.steps.summarize_fleet import SummarizeFleet
    from pingone_reports.steps.tabulate import TabulateReport
    from pingone_reports.transfer.pseudonyms import Pseudonyms

_Config = TypeVar("_Config", bound=Config)
# The fetch stops this early, to abort its uploads and report an error. This is longer than the 20
# seconds after which a stalled download is noticed.
_SECONDS_TO_GIVE_UP = 30
# botocore's own are a minute each, which is most of a function's time.
_TIMEOUTS = BotoConfig(connect_timeout=5, read_timeout=20)


@cache
def config_of(kind: type[_Config]) -> _Config:
    """The configuration of this function, which is of this kind."""
    return kind.from_environment()


def start_report(context: Any) -> "StartReport":
    """StartReport for the invocation with this Lambda context."""
    from pingone_reports.aws.durations import Durations
    from pingone_reports.aws.idempotency import IdempotencyKeys, Starts
    from pingone_reports.steps.start import StartReport

    config = config_of(StartConfig)
    table = _table(config.table)
    return StartReport(
        pingone=_pingone(config.pingone),
        turns=turns(config.table, config.pingone.calls_per_minute),
        keys=IdempotencyKeys(table, _client("stepfunctions")),
        starts=Starts(table, lambda: context.get_remaining_time_in_millis()),
        durations=Durations(table),
        pseudonymizes=config.pseudonymizes,
    )


@cache
def check_report() -> "CheckReport":
    """CheckReport."""
    from pingone_reports.aws.durations import Durations
    from pingone_reports.steps.check import CheckReport

    config = config_of(CheckConfig)
    return CheckReport(
        pingone=_pingone(config.pingone),
        turns=turns(config.table, config.pingone.calls_per_minute),
        durations=Durations(_table(config.table)),
    )


def fetch_report(context: Any) -> "FetchReport":
    """FetchReport for the invocation with this Lambda context."""
    from pingone_reports.aws.series import Series
    from pingone_reports.aws.tombstones import Tombstones
    from pingone_reports.pingone.link_hosts import LinkHosts
    from pingone_reports.steps.fetch import FetchReport
    from pingone_reports.transfer.transfer import Transfer

    config, seconds_left = config_of(FetchConfig), partial(_seconds_left, context)
    table = _table(config.table)
    return FetchReport(
        pingone=_pingone(config.pingone),
        turns=turns(config.table, config.pingone.calls_per_minute),
        link_hosts=LinkHosts(config.link_hosts),
        transfer=Transfer(
            session=_session(),
            compression=config.compression,
            max_bytes=config.max_report_bytes,
            seconds_left=seconds_left,
        ),
        pseudonyms=_pseudonyms(config),
        bucket=_bucket(config.bucket),
        key_prefix=config.key_prefix,
        region=config.pingone.region,
        series=Series(table),
        discarded=Tombstones(table),
        max_record_drop_percent=config.max_record_drop_percent,
        seconds_left=seconds_left,
    )


@cache
def discard_report() -> "DiscardReport":
    """DiscardReport."""
    from pingone_reports.aws.tombstones import Tombstones
    from pingone_reports.steps.discard import DiscardReport

    config = config_of(DiscardConfig)
    return DiscardReport(
        bucket=_bucket(config.bucket),
        discarded=Tombstones(_table(config.table)),
        key_prefix=config.key_prefix,
    )


def tabulate_report() -> "TabulateReport":
    """TabulateReport, with a temporary folder that only this function uses."""
    from pingone_reports.aws.event_bus import EventBus
    from pingone_reports.aws.series import Series, Trend
    from pingone_reports.steps.tabulate import TabulateReport
    from pingone_reports.tables.notifier import Notifier

    config = config_of(TabulateConfig)
    table = _table(config.table)
    return TabulateReport(
        bucket=_bucket(config.bucket),
        series=Series(table),
        trend=Trend(table),
        notifier=Notifier(
            bus=EventBus(_client("events"), config.event_bus),
            digest=_digest(config.digest_topic),
        ),
        folder=Path(gettempdir()) / "tabulate",
    )


@cache
def show_fleet() -> "ShowFleet":
    """ShowFleet."""
    from pingone_reports.steps.show_fleet import ShowFleet

    config = config_of(ShowFleetConfig)
    return ShowFleet(bucket=_bucket(config.bucket), digest=_digest(config.digest_topic))


def list_environments(context: Any) -> "ListEnvironments":
    """ListEnvironments for the invocation with this Lambda context."""
    from pingone_reports.aws.idempotency import IdempotencyKeys
    from pingone_reports.steps.list_environments import ListEnvironments

    config = config_of(ListConfig)
    return ListEnvironments(
        pingone=_pingone(config.pingone),
        keys=IdempotencyKeys(_table(config.table), _client("stepfunctions")),
        bucket=_bucket(config.bucket),
        key_prefix=config.key_prefix,
        pseudonymizes=config.pseudonymizes,
        seconds_left=partial(_seconds_left, context),
        sleep=time.sleep,
    )


@cache
def summarize_fleet() -> "SummarizeFleet":
    """SummarizeFleet."""
    from pingone_reports.aws.fleets import FleetHistory, FleetResults
    from pingone_reports.steps.summarize_fleet import SummarizeFleet

    config = config_of(SummarizeConfig)
    table = _table(config.table)
    return SummarizeFleet(
        bucket=_bucket(config.bucket),
        results=FleetResults(table),
        history=FleetHistory(table),
        key_prefix=config.key_prefix,
    )


@cache
def turns(table: str, calls_per_minute: int) -> Turns:
    """The turns at PingOne."""
    return Turns(TurnCalendar(_table(table)), calls_per_minute)


def _seconds_left(context: Any) -> float:
    return float(context.get_remaining_time_in_millis()) / 1000 - _SECONDS_TO_GIVE_UP


def _pseudonyms(config: FetchConfig) -> "Pseudonyms | None":
    """Read anew for each export: the key may be another one."""
    if not config.pseudonymize:
        return None
    from pingone_reports.transfer.pseudonyms import Pseudonyms

    key = Secret(_client("secretsmanager"), config.pseudonym_key_arn)
    return Pseudonyms(config.pseudonymize, key.read())


def _digest(topic: str) -> "Topic | None":
    from pingone_reports.aws.event_bus import Topic

    return Topic(_client("sns"), topic) if topic else None


@cache
def _client(service: str) -> Any:
    return boto3.client(service, config=_TIMEOUTS)  # type: ignore[call-overload]


@cache
def _session() -> requests.Session:
    return new_session()


@cache
def _pingone(config: PingOneConfig) -> PingOne:
    tokens = AccessTokens(_session(), config.token_url, _client_authentication(config))
    return PingOne(_session(), config.api_url, tokens)


def _client_authentication(config: PingOneConfig) -> Callable[[], ClientAuthentication]:
    if isinstance(config.credentials, ClientKey):
        from pingone_reports.aws.signing_key import SigningKey
        from pingone_reports.pingone.assertions import ClientAssertions

        key = SigningKey(_client("kms"), config.credentials.key_arn)
        return ClientAssertions(config.credentials.client_id, config.token_url, key).authentication
    secret = Secret(_client("secretsmanager"), config.credentials.secret_arn)
    return lambda: ClientCredentials.parse(secret.read()).authentication()


@cache
def _table(name: str) -> Table:
    return Table(_client("dynamodb"), name)


@cache
def _bucket(name: str) -> "Bucket":
    from pingone_reports.aws.bucket import Bucket

    # TLS and each part's checksum protect the data. Hashing it for the signature too is slow.
    config = _TIMEOUTS.merge(BotoConfig(s3={"payload_signing_enabled": False}))
    return Bucket(boto3.client("s3", config=config), name)
