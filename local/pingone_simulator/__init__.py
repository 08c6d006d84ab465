"""PingOne's reporting API on this machine, faithful to its documentation, with faults on demand."""

from local.pingone_simulator.faults import (
    Answer,
    ChangeBody,
    DropConnection,
    Effect,
    Fault,
    Hang,
    LinkLifetime,
    LoseResponse,
    MalformedJson,
    Operation,
)
from local.pingone_simulator.report_bucket import (
    ReportBucket,
    S3ReportBucket,
    temporary_s3_client,
)
from local.pingone_simulator.request_log import IssuedSecret, RecordedRequest
from local.pingone_simulator.scenario import Scenario
from local.pingone_simulator.server import PingOneSimulator

__all__ = [
    "Answer",
    "ChangeBody",
    "DropConnection",
    "Effect",
    "Fault",
    "Hang",
    "IssuedSecret",
    "LinkLifetime",
    "LoseResponse",
    "MalformedJson",
    "Operation",
    "PingOneSimulator",
    "RecordedRequest",
    "ReportBucket",
    "S3ReportBucket",
    "Scenario",
    "temporary_s3_client",
]
