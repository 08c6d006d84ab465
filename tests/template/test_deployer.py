"""The role of deployer.yaml may do what a deployment takes, to what is the stack's."""

import json
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from local.deployment import read_template
from local.paths import ROOT
from tests.support.template import as_list
from tests.template.rendering import HERE, Rendered, render
from tests.template.test_deployments import translated

GIVEN = {
    "Repository": "example/deployments",
    "ArtifactsBucket": "artifacts",
    "ExporterStack": "my-reports",
    "KmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/mrk-1234",
}
# What CloudFormation's handlers ask for on account of properties that the template does not have.
NOT_HAD = {
    "AWS::Athena::WorkGroup": "iam:CreateServiceLinkedRole s3:* kms:*",  # Spark's
    "AWS::DynamoDB::Table": "iam:CreateServiceLinkedRole kinesis:* s3:* logs:*",
    "AWS::Glue::Database": "glue:*Connection lakeformation:*",
    "AWS::Glue::Table": "glue:GetSchemaVersion glue:PassConnection lakeformation:* s3:*",
    "AWS::IAM::Role": "iam:AttachRolePolicy iam:DetachRolePolicy iam:DeleteRolePermissionsBoundary",
    "AWS::KMS::Key": "kms:Disable* kms:EnableKeyRotation kms:ScheduleKeyDeletion",
    "AWS::Lambda::Alias": "codedeploy:*",
    "AWS::Lambda::Function": "elasticfilesystem:* s3files:*",
    "AWS::Logs::LogGroup": "firehose:* s3:*",
    "AWS::S3::Bucket": "s3tables:* s3:*Metadata* s3:PutAccelerate* s3:PutAnalytics* "
    "s3:PutIntelligent* s3:PutInventory* s3:PutMetrics* s3:PutReplic* s3:PutObject* s3:Delete*",
    "AWS::SecretsManager::Secret": "secretsmanager:GetSecretValue secretsmanager:*Replicat*",
    "AWS::SNS::Subscription": "iam:*",
    "AWS::SNS::Topic": "iam:*",
}


# A name that CloudFormation makes, or the template gives, for each kind of resource with a name.
# Source: the services' lists of resource types, and CloudFormation's documents of each `Ref`.
NAMES = {
    "athena:UpdateWorkGroup": "athena:HERE:workgroup/my-reports-reports",
    "cloudwatch:PutMetricAlarm": "cloudwatch:HERE:alarm:my-reports-FailedExport-A1",
    "cloudwatch:PutDashboard": "cloudwatch::123456789012:dashboard/my-reports-eu-central-1",
    "dynamodb:UpdateTable": "dynamodb:HERE:table/my-reports-CoordinationTable-A1",
    "events:PutPermission": "events:HERE:event-bus/my-reports-reports",
    "events:PutTargets": "events:HERE:rule/my-reports-reports/my-reports-Rule-A1",
    "glue:UpdateTable": "glue:HERE:table/my_reports/exports",
    "iam:CreateRole": "iam::123456789012:role/my-reports-StartReportRole-A1",
    "lambda:PublishVersion": "lambda:HERE:function:my-reports-StartReport-A1",
    "lambda:UpdateAlias": "lambda:HERE:function:my-reports-StartReport-A1:current",
    "lambda:PublishLayerVersion": "lambda:HERE:layer:TablesLayer",
    "lambda:DeleteLayerVersion": "lambda:HERE:layer:TablesLayer:3",
    "logs:PutRetentionPolicy": "logs:HERE:log-group:my-reports-StartReportLogs-A1:*",
    "logs:DeleteLogGroup": "logs:HERE:log-group:/aws/vendedlogs/states/my-reports-export-report:*",
    "s3:PutBucketPolicy": "s3:::my-reports-reportsbucket-a1",
    "scheduler:UpdateSchedule": "scheduler:HERE:schedule/default/my-reports-X-A1",
    "secretsmanager:UpdateSecret": "secretsmanager:HERE:secret:WorkerAppSecret-A1-B2",
    "sqs:SetQueueAttributes": "sqs:HERE:my-reports-UndeliveredRequests-A1",
    "states:UpdateStateMachine": "states:HERE:stateMachine:my-reports-export-report",
}


@cache
def role(boundary: str = "") -> Rendered:
    template = read_template(ROOT / "deployer.yaml")
    return render(template, {**GIVEN, "PermissionsBoundaryArn": boundary})


def statements(boundary: str = "") -> list[dict[str, Any]]:
    (policy,) = role(boundary).resources["Deployer"]["Properties"]["Policies"]
    return list(policy["PolicyDocument"]["Statement"])


def may(action: str) -> bool:
    return any(
        fnmatchcase(action, pattern)
        for statement in statements()
        for pattern in as_list(statement["Action"])
    )


KINDS = sorted({resource["Type"] for resource in translated()[HERE]["Resources"].values()})


@pytest.mark.parametrize("kind", KINDS)
def test_the_deployer_may_do_what_cloudformation_does_to_each_kind_of_resource(kind: str) -> None:
    """Source: the handlers' permissions in CloudFormation's own schema of the kind."""
    handlers = PROVIDER_SCHEMA_MANAGER.get_resource_schema(HERE.region, kind).schema["handlers"]
    needed = {
        action
        for verb in ("create", "read", "update", "delete")
        for action in handlers.get(verb, {}).get("permissions", [])
        if not any(fnmatchcase(action, pattern) for pattern in NOT_HAD.get(kind, "").split())
    }
    assert {action for action in needed if not may(action)} == set()


@pytest.mark.parametrize("action", NAMES)
def test_the_deployer_may_change_what_is_the_stacks_and_no_other_stacks(action: str) -> None:
    def allowed(resource: str) -> bool:
        return any(
            fnmatchcase(action, pattern) and fnmatchcase(resource, each)
            for statement in statements()
            for pattern in as_list(statement["Action"])
            for each in as_list(statement["Resource"])
        )

    own = f"arn:aws:{NAMES[action]}".replace("HERE", "eu-central-1:123456789012")
    other = own.replace("my-reports", "payroll").replace("my_reports", "payroll")
    assert allowed(own)
    assert other == own or not allowed(other)


def test_the_deployer_reads_no_report_and_no_secret_and_may_do_nothing_broad_everywhere() -> None:
    for statement in statements():
        for pattern in as_list(statement["Action"]):
            assert statement["Resource"] != "*" or not pattern.endswith(":*"), statement["Sid"]
            if "artifacts" not in json.dumps(statement["Resource"]):
                for forbidden in ("s3:GetObject", "secretsmanager:GetSecretValue", "kms:Sign"):
                    assert not fnmatchcase(forbidden, pattern), statement["Sid"]


def test_with_a_boundary_the_deployer_makes_no_role_without_that() -> None:
    boundary = "arn:aws:iam::123456789012:policy/boundary"
    (made,) = (s for s in statements(boundary) if "iam:CreateRole" in as_list(s["Action"]))
    assert made["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": boundary}}
    others = [s for s in statements(boundary) if s is not made]
    for action in ("iam:PutRolePolicy", "iam:PutRolePermissionsBoundary", "iam:CreateRole"):
        assert not any(
            fnmatchcase(action, pattern) for s in others for pattern in as_list(s["Action"])
        )


def test_only_the_workflow_of_one_repository_and_environment_takes_it() -> None:
    (trust,) = role().resources["Deployer"]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    issuer = "token.actions.githubusercontent.com"
    assert trust["Condition"]["StringEquals"] == {
        f"{issuer}:aud": "sts.amazonaws.com",
        f"{issuer}:sub": "repo:example/deployments:environment:production",
    }
