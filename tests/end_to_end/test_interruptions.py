"""Nothing ends a download but lasting damage and PingOne's own expiry."""

import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from local.pingone_simulator import (
    Answer,
    CutOff,
    DropConnection,
    Fault,
    FlipBit,
    Hang,
    IgnoreRange,
    LinkLifetime,
    PingOneSimulator,
    ReplaceObject,
    Reset,
    Scenario,
    ShortBody,
    Stall,
)
from local.pingone_simulator.faults import Effect
from local.pingone_simulator.report_data import DEFAULT_FIELDS, DevicesReport
from local.stack import Stack
from tests.end_to_end.conftest import Exporter, assert_failed_cleanly, assert_landed

# Bytes of a zip that is longer than what is read of its end, and of one of several parts.
_ROWS, _MIDWAY = 3_000, 40_000
_MANY_ROWS, _FAR = 100_000, 3_000_000
# More would spend the time on starting functions.
_AT_A_TIME = 6


@dataclass(frozen=True)
class Case:
    """A report whose download meets faults, and how the file store answers each request for it.

    The first request is for the end of the zip, the second for the rest; then come the tries.
    """

    scenario: Scenario
    statuses: tuple[int | None, ...]
    formats: tuple[str, ...] = ("csv",)


def _meeting(*effects: Effect, rows: int = _ROWS) -> Scenario:
    """Faults of the second request, the third and so on."""
    return Scenario(
        rows=rows,
        faults=tuple(Fault("download", effect, skip=1 + i) for i, effect in enumerate(effects)),
    )


def _always(effect: Effect, exploration_seconds: float) -> Scenario:
    return Scenario(
        rows=_ROWS,
        exploration_seconds=exploration_seconds,
        faults=(Fault("download", effect, times=None),),
    )


_PASSING = {
    "a stall": Case(_meeting(Stall(_MIDWAY, seconds=25)), (206, 206, 206)),
    "resets": Case(
        _meeting(Reset(_FAR), Reset(100_000), Reset(1_000_000), rows=_MANY_ROWS),
        (206, 206, 206, 206, 206),
        ("csv", "json"),
    ),
    "a link that expires": Case(
        Scenario(
            rows=_MANY_ROWS,
            faults=(
                # The first answer that is ready is CheckReport's, the second FetchReport's.
                Fault("read_ready", LinkLifetime(5), skip=1),
                Fault("download", Hang(5.2), skip=1),
                Fault("download", Reset(_FAR), skip=1),
            ),
        ),
        (206, 206, 403, 206),
        ("csv", "json"),
    ),
    "another object": Case(
        _meeting(Reset(_FAR), ReplaceObject(), rows=_MANY_ROWS), (206, 206, 412, 206, 206)
    ),
    "a flipped bit": Case(_meeting(FlipBit(_MIDWAY)), (206, 206, 206, 206)),
    "403": Case(_meeting(Answer(403)), (206, 403, 206)),
    "500 and 503": Case(_meeting(Answer(500), Answer(503)), (206, 500, 503, 206)),
    "302 and 307": Case(_meeting(Answer(302), Answer(307)), (206, 302, 307, 206)),
    "an HTML page": Case(_meeting(Answer(200, html=True)), (206, 200, 206)),
    "the whole file": Case(_meeting(IgnoreRange()), (206, 200, 206)),
    "no answer": Case(_meeting(DropConnection(), DropConnection()), (206, None, None, 206)),
    "cut off": Case(_meeting(CutOff(_MIDWAY)), (206, 206, 206)),
    "shorter than its range": Case(_meeting(ShortBody(_MIDWAY)), (206, 206, 206)),
}
_LASTING: dict[str, tuple[Scenario, str, int | None]] = {
    "403 for ever": (_always(Answer(403), 250), "ReportExpired", 403),
    "no answer for ever": (_always(DropConnection(), 250), "ReportExpired", None),
    "a flipped bit for ever": (_always(FlipBit(_MIDWAY), 1800), "CorruptZip", 206),
}


@pytest.fixture(scope="module")
def exports(
    stack: Stack, pingone: PingOneSimulator, received_events: dict[str, dict[str, Any]]
) -> Iterator[dict[str, Future[tuple[Exporter, str]]]]:
    """Several at a time, because they spend it waiting: who exported, in which execution."""

    def export(scenario: Scenario, formats: tuple[str, ...]) -> tuple[Exporter, str]:
        exporter = Exporter(stack, pingone, received_events)
        arn = exporter.start(scenario, formats=list(formats), correlationId="failing")
        stack.wait_for(arn)
        return exporter, arn

    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        lasting = {
            name: pool.submit(export, scenario, ("csv", "json"))
            for name, (scenario, *_) in _LASTING.items()
        }
        passing = {
            name: pool.submit(export, case.scenario, case.formats)
            for name, case in _PASSING.items()
        }
        yield lasting | passing


@pytest.mark.parametrize("name", _PASSING)
def test_what_passes_delays_a_download_and_no_more(
    exports: dict[str, Future[tuple[Exporter, str]]], pingone: PingOneSimulator, name: str
) -> None:
    case = _PASSING[name]

    exporter, arn = exports[name].result()
    ended = exporter.end_of(arn)

    assert_landed(ended, list(case.formats))
    for file in ended.manifest["files"]:
        assert file["sha256"] == _sha256(case.scenario, file["format"])
        assert case.statuses == tuple(
            download.status
            for download in pingone.downloads_of(ended.environment_id)
            if download.format == file["format"]
        )


@pytest.mark.parametrize("name", _LASTING)
def test_what_lasts_ends_in_a_typed_error(
    exports: dict[str, Future[tuple[Exporter, str]]], pingone: PingOneSimulator, name: str
) -> None:
    _, error, status = _LASTING[name]

    exporter, arn = exports[name].result()
    ended = exporter.end_of(arn)

    assert_failed_cleanly(ended, error)
    downloads = pingone.downloads_of(ended.environment_id)
    assert {download.status for download in downloads} == {status}


def _sha256(scenario: Scenario, format_name: str) -> str:
    """Of the report as it was before it was zipped."""
    report = DevicesReport(scenario.rows, DEFAULT_FIELDS, seed=scenario.seed)
    blocks = {
        "csv": report.csv_blocks(scenario.csv_line_end),
        "json": report.json_blocks(scenario.json_shape),
    }
    return hashlib.sha256("".join(blocks[format_name]).encode()).hexdigest()
