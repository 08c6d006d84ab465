"""PingOne's reporting API on this machine, as it is documented, with faults on demand."""

from local.faults import DropConnection, LoseAnswer
from local.pingone_simulator.environments import ListedEnvironment
from local.pingone_simulator.faults import (
    Answer,
    Body,
    ChangeBody,
    CutOff,
    EchoCredentials,
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
from local.pingone_simulator.scenario import Scenario
from local.pingone_simulator.server import PingOneSimulator

__all__ = [
    "Answer",
    "Body",
    "ChangeBody",
    "CutOff",
    "DropConnection",
    "EchoCredentials",
    "Fault",
    "FileStore",
    "FlipBit",
    "Hang",
    "IgnoreRange",
    "LinkLifetime",
    "ListedEnvironment",
    "LoseAnswer",
    "MalformedJson",
    "Operation",
    "PingOneSimulator",
    "ReplaceObject",
    "Reset",
    "Scenario",
    "ShortBody",
    "Stall",
]
