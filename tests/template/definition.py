"""The state machine's definition, as it is deployed in a partition of AWS."""

import re
from typing import Any

import yaml

from local.paths import ROOT

Definition = dict[str, Any]

SOURCE = ROOT / "statemachine" / "export_report.asl.yaml"


def definition(partition: str = "aws") -> Definition:
    """A new copy of the definition."""
    substitutions = {
        name: f"arn:{partition}:lambda:eu-central-1:123456789012:function:{name}"
        for name in (
            "StartReportFunctionArn",
            "CheckReportFunctionArn",
            "FetchReportFunctionArn",
            "DiscardReportFunctionArn",
        )
    } | {"EventBusName": "reports-reports", "StackName": "reports", "Partition": partition}
    text = re.sub(r"\$\{(\w+)\}", lambda match: substitutions[match[1]], SOURCE.read_text())
    return dict(yaml.safe_load(text))
