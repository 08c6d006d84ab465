"""PingOne's reporting API on this machine, as it is documented, with faults on demand."""

from local.faults import DropConnection, LoseAnswer
from local.pingone_simulator.environments import ListedEnvironment
from local.pingone_simulator.faults import (
    Answer,
    Body,
    ChangeBody,
    CutOff,
    EchoCredentials,
    Effect,
    Fault,
    FlipBit,
    Hang,
    IgnoreRange,
    LinkLifetime,
    MalformedJson,
    Operation,
    ReplaceObject,
    Reset,
    ShortBody,
    Stall,
)
from local.pingone_simulator.file_store import FileStore
from local.pingone_simulator.report_bucket import ReportBucket
from local.pingone_simulator.request_log import IssuedSecret, RecordedDownload, RecordedRequest
from local.pingone_simulator.scenario import Scenario
from local.pingone_simulator.server import PingOneSimulator

__all__ = [
    "Answer",
    "Body",
    "ChangeBody",
    "CutOff",
    "DropConnection",
    "EchoCredentials",
    "Effect",
    "Fault",
    "FileStore",
    "FlipBit",
    "Hang",
    "IgnoreRange",
    "IssuedSecret",
    "LinkLifetime",
    "ListedEnvironment",
    "LoseAnswer",
    "MalformedJson",
    "Operation",
    "PingOneSimulator",
    "RecordedDownload",
    "RecordedRequest",
    "ReplaceObject",
    "ReportBucket",
    "Reset",
    "Scenario",
    "ShortBody",
    "Stall",
]
