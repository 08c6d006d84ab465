"""The template explains its parameters, permits no more than is needed and wires what is read."""

import json
import re
from collections import defaultdict
from fnmatch import fnmatchcase
from typing import Any

import pytest
import yaml

from local.deployment import read_template
from local.paths import ROOT
from pingone_reports.aws.table import EXPIRY
from pingone_reports.aws.table import KEY as TABLE_KEY
from pingone_reports.config import (
    CheckConfig,
    DiscardConfig,
    FetchConfig,
    ListConfig,
    ShowFleetConfig,
    StartConfig,
    SummarizeConfig,
    TabulateConfig,
)
from pingone_reports.model.announcements import COMPARED, SECURITY_EVENT_DETECTED
from pingone_reports.model.fleet_request import FleetRequest
from pingone_reports.model.request import ExportRequest
from pingone_reports.observability import NAMESPACE
from tests.support.documents import sample
from tests.support.template import (
    FUNCTIONS,
    INTERFACE,
    PARAMETERS,
    RESOURCES,
    ROLES,
    TEMPLATE,
    accepts,
    as_list,
    only_if,
    resource_patterns,
    resources_of,
    statements,
)
from tests.template.rendering import Place, conditions_of, references, render

DEFAULTS = {
    "environmentId": "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6",
    "reportName": "devices",
    "fields": [],
    "filter": "",
    "formats": ["csv"],
}
KMS = "arn:aws:kms:eu-central-1:123456789012"
MACHINES = resources_of("AWS::StepFunctions::StateMachine")
DEFINITION_SUBSTITUTION = re.compile(r"\$\{(\w+)\}")


class TestParameters:
    def test_every_one_is_in_one_group(self) -> None:
        grouped = [name for group in INTERFACE["ParameterGroups"] for name in group["Parameters"]]
        assert sorted(grouped) == sorted(PARAMETERS)

    def test_there_are_three_groups_and_the_first_is_short(self) -> None:
        sizes = {
            group["Label"]["default"]: len(group["Parameters"])
            for group in INTERFACE["ParameterGroups"]
        }
        assert list(sizes) == ["Needed first", "Policy and opt-in", "Limits"]
        assert sizes["Needed first"] <= 6
        assert sum(sizes.values()) <= 35

    def test_on_and_off_have_one_spelling(self) -> None:
        words = {"enabled", "disabled", "true", "false", "on", "off", "Active", "yes", "no"}
        choices = [p["AllowedValues"] for p in PARAMETERS.values() if "AllowedValues" in p]
        switches = [choice for choice in choices if words & set(map(str, choice))]
        assert switches
        assert all(choice == ["enabled", "disabled"] for choice in switches)

    @pytest.mark.parametrize("name", PARAMETERS)
    def test_every_one_says_what_it_is_and_what_it_must_be(self, name: str) -> None:
        assert PARAMETERS[name]["Description"].endswith(".")
        assert PARAMETERS[name]["ConstraintDescription"].startswith("must be ")

    @pytest.mark.parametrize("name", PARAMETERS)
    def test_every_one_is_constrained(self, name: str) -> None:
        bounds = {"MinValue", "MaxValue"} <= set(PARAMETERS[name])
        assert bounds or {"AllowedPattern", "AllowedValues"} & set(PARAMETERS[name])

    @pytest.mark.parametrize("name", PARAMETERS)
    def test_every_pattern_holds_the_whole_value(self, name: str) -> None:
        pattern = PARAMETERS[name].get("AllowedPattern", "^$")
        assert pattern.startswith("^")
        assert pattern.endswith("$")

    @pytest.mark.parametrize("name", [n for n, p in PARAMETERS.items() if "Default" in p])
    def test_every_default_satisfies_its_own_constraints(self, name: str) -> None:
        assert accepts(PARAMETERS[name], PARAMETERS[name]["Default"])

    def test_an_environment_id_is_enough(self) -> None:
        assert [name for name in PARAMETERS if "Default" not in PARAMETERS[name]] == [
            "EnvironmentId"
        ]

    def test_every_one_is_used(self) -> None:
        used = json.dumps([TEMPLATE[part] for part in ("Conditions", "Globals", "Resources")])
        for name in PARAMETERS:
            assert f'"Ref": "{name}"' in used or f"${{{name}}}" in used, name

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("EnvironmentId", "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"),
            ("PingOneRegion", "com.au"),
            ("ClientId", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
            ("SigningKeyArn", f"{KMS}:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
            ("VpcSubnetIds", "subnet-0123456789abcdef0,subnet-01234567"),
            ("VpcSecurityGroupIds", "sg-0123456789abcdef0"),
            ("SecretArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:worker-Ab12Cd"),
            (
                "SecretArn",
                "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:a/b-4Ab12C",
            ),
            ("ApiUrl", "http://127.0.0.1:8080/v1"),
            ("TokenUrl", "https://login.example.com/as/token"),
            ("ReportFields", "userId"),
            ("ReportFields", "userId, username ,deviceId"),
            ("ReportFields", ",".join(f"f{n}" for n in range(100))),
            ("ReportFilter", '(mfaEnabled eq "true")'),
            ("ReportFilter", "x" * 500),
            ("BucketName", "my-bucket.reports"),
            ("KeyPrefix", ""),
            ("KeyPrefix", "exports/pingone"),
            ("Pseudonymize", ""),
            ("Pseudonymize", "phone,email , username"),
            ("Pseudonymize", "Phone"),
            ("Pseudonymize", "deviceId,deviceType,name.given"),
            ("Pseudonymize", ",".join(["f" * 64] * 16)),
            ("ExpireExportsAfterDays", 0),
            ("TokenUrl", "http://localhost:8080/as/token"),
            ("ScheduleExpression", ""),
            ("ScheduleExpression", "rate(1 day)"),
            ("ScheduleTimeZone", "America/Argentina/Buenos_Aires"),
            ("ScheduleTimeZone", "Etc/GMT+3"),
            ("LinkHosts", "127.0.0.1:4566"),
            ("LinkHosts", "files.example.com, reports.example.com:8443"),
            ("ExpireExportsAfterDays", 365),
            ("KmsKeyArn", f"{KMS}:key/1234abcd-12ab-34cd-56ef-1234567890ab"),
            ("KmsKeyArn", f"{KMS}:key/mrk-1234abcd12ab34cd56ef1234567890ab"),
            ("PermissionsBoundaryArn", "arn:aws:iam::123456789012:policy/team/boundary"),
            ("PermissionsBoundaryArn", "arn:aws:iam::aws:policy/PowerUserAccess"),
            ("LogRetentionDays", 3653),
            ("AlarmEmail", "night-shift+pingone@example.com"),
            ("AlarmAfterHoursWithoutExport", 0),
            ("AlarmAfterHoursWithoutExport", 168),
        ],
    )
    def test_what_a_user_may_want_is_allowed(self, name: str, value: object) -> None:
        assert accepts(PARAMETERS[name], value)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("EnvironmentId", ""),
            ("EnvironmentId", "abfba8f6"),
            ("PingOneRegion", "us"),
            ("ClientId", "my client"),
            ("SigningKeyArn", f"{KMS}:alias/pingone"),
            ("VpcSubnetIds", "subnet-0123456789abcdef0, subnet-01234567"),
            ("VpcSubnetIds", "vpc-01234567"),
            ("VpcSecurityGroupIds", "subnet-01234567"),
            ("SecretArn", "worker-app"),
            ("SecretArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:worker-app"),
            ("SecretArn", "arn:aws:secretsmanager:eu-central-1:123456789012:secret:worker-Ab12Cd*"),
            ("ApiUrl", "api.pingone.com/v1"),
            ("ApiUrl", "https://api.pingone.com/v1?a=b"),
            ("ApiUrl", "https://api.pingone.com/\u00e9"),
            ("ApiUrl", "https://api.pingone.com/" + "x" * 200),
            ("TokenUrl", "https://"),
            ("TokenUrl", "http://login.example.com/as/token"),
            ("ApiUrl", "http://api.pingone.com/v1"),
            ("ApiUrl", "http://127.0.0.1.example.com/v1"),
            ("ApiUrl", "http://localhost@example.com/v1"),
            ("ReportFields", "userId,,username"),
            ("ReportFields", "user id"),
            ("ReportFields", ",".join(f"f{n}" for n in range(101))),
            ("ReportFields", ",".join(f"aFieldWithAName{n}" for n in range(50))),
            ("ReportFilter", "x" * 501),
            ("ReportFilter", "a\nb"),
            ("ReportFormats", "xml"),
            ("BucketName", "My_Bucket"),
            ("KeyPrefix", "/pingone"),
            ("KeyPrefix", "pingone/"),
            ("Pseudonymize", "phone,"),
            ("Pseudonymize", "phone email"),
            ("Pseudonymize", "+49 151 23456789"),
            ("Pseudonymize", "f" * 65),
            ("ScheduleExpression", "every day"),
            ("LinkHosts", "https://files.example.com"),
            ("LinkHosts", "*.example.com"),
            ("ExpireExportsAfterDays", -1),
            ("KmsKeyArn", f"{KMS}:alias/reports"),
            ("KmsKeyArn", "1234abcd-12ab-34cd-56ef-1234567890ab"),
            ("PermissionsBoundaryArn", "arn:aws:iam::123456789012:role/boundary"),
            ("MaxReportMegabytes", 0),
            ("LogRetentionDays", 2),
            ("AlarmEmail", "night shift"),
            ("AlarmAfterHoursWithoutExport", 169),
            ("Analytics", "true"),
            ("Architecture", "riscv"),
        ],
    )
    def test_what_cannot_work_is_refused(self, name: str, value: object) -> None:
        assert not accepts(PARAMETERS[name], value)


class Longest(Place):
    """A place whose names are as long as any."""

    @property
    def pseudo_parameters(self) -> dict[str, str]:
        # The name of a state machine has 80 characters, and is the stack's with 14 more.
        return super().pseudo_parameters | {"AWS::StackName": "s" * 66}


# Longer than a name that CloudFormation makes, and than an ARN with such a name.
OF_A_RESOURCE = "r" * 160


def longest(parameter: dict[str, Any]) -> str:
    """The value of a parameter that takes the most bytes."""
    if parameter["Type"] == "Number":
        return str(parameter.get("MaxValue") or max(parameter["AllowedValues"]))
    if "AllowedValues" in parameter:
        return str(max(parameter["AllowedValues"], key=len))
    most: int = parameter.get("MaxLength", 0)
    values = [
        f"{begin}{sign}".ljust(most, sign)
        for begin in ("", "https://")
        for sign in ("\u20ac", '"', "x")
    ]
    return max((each for each in values if accepts(parameter, each)), key=size, default="x" * most)


def size(value: object) -> int:
    """The bytes of its JSON: so Lambda measures variables, as its error about them shows."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode())


class TestVariables:
    """Lambda's quotas: 4 KB for all environment variables of a function."""

    @pytest.mark.parametrize("client_id", ["", "x" * PARAMETERS["ClientId"]["MaxLength"]])
    @pytest.mark.parametrize("url", ["", "https://"])
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_the_longest_values_fit(self, name: str, url: str, client_id: str) -> None:
        chosen = {each: longest(PARAMETERS[each]) for each in PARAMETERS} | {
            "ClientId": client_id,
            "Analytics": "enabled",
        }
        if not url:
            chosen |= {"ApiUrl": "", "TokenUrl": ""}
        place = Longest("aws-us-gov", "ap-southeast-1", "amazonaws.com")
        functions = TEMPLATE["Resources"] | {"of all": TEMPLATE["Globals"]["Function"]}
        rendered = render(
            TEMPLATE | {"Resources": {each: functions[each] for each in (name, "of all")}},
            chosen,
            place,
        ).resources
        variables = (
            rendered["of all"]["Environment"]["Variables"]
            | rendered[name]["Properties"]["Environment"]["Variables"]
        )
        told = {
            key: each if isinstance(each, str) else OF_A_RESOURCE for key, each in variables.items()
        }
        assert size(told) < 4096

    def test_what_functions_get_as_variables_is_bounded(self) -> None:
        given = json.dumps([each["Properties"]["Environment"] for each in FUNCTIONS.values()])
        for name, parameter in PARAMETERS.items():
            if f'"Ref": "{name}"' in given or f"${{{name}}}" in given:
                assert {"MaxLength", "AllowedValues", "MaxValue"} & set(parameter), name


class TestPermissions:
    def test_every_function_has_a_role_of_its_own(self) -> None:
        roles = [function["Properties"]["Role"]["Fn::GetAtt"][0] for function in FUNCTIONS.values()]
        assert roles == [f"{name}Role" for name in FUNCTIONS]

    def test_every_role_has_one_user(self) -> None:
        no_user = {*ROLES, "ReportsBusPolicy", "ChangesBusPolicy", "FleetsBusPolicy"}
        elsewhere = {name: item for name, item in RESOURCES.items() if name not in no_user}
        for role in ROLES:
            assert json.dumps(elsewhere).count(f'["{role}", "Arn"]') == 1, role

    def test_sam_adds_no_role_and_no_policy_of_its_own(self) -> None:
        for resource in RESOURCES.values():
            if resource["Type"].startswith("AWS::Serverless::"):
                assert "Policies" not in resource["Properties"]
                assert "Events" not in resource["Properties"]
        assert not resources_of("AWS::Serverless::StateMachine")

    def test_every_role_has_its_permissions_before_whatever_takes_it(self) -> None:
        """CloudFormation waits for the role, and not for a policy that is attached to it later."""
        assert not [name for name in ROLES if "ManagedPolicyArns" in ROLES[name]["Properties"]]
        assert not resources_of("AWS::IAM::ManagedPolicy") | resources_of("AWS::IAM::Policy")

    @pytest.mark.parametrize("name", ROLES)
    def test_every_statement_has_its_reason(self, name: str) -> None:
        reasons = [statement["Sid"] for statement in statements(ROLES[name])]
        assert len(set(reasons)) == len(reasons) > 0
        assert {statement["Effect"] for statement in statements(ROLES[name])} == {"Allow"}

    @pytest.mark.parametrize("name", ROLES)
    def test_every_action_is_named_in_full(self, name: str) -> None:
        for statement in statements(ROLES[name]):
            assert "NotAction" not in statement
            for action in as_list(statement["Action"]):
                assert re.fullmatch(r"[a-z0-9]+:[A-Za-z]+", action)

    @pytest.mark.parametrize("name", ROLES)
    def test_every_resource_is_named(self, name: str) -> None:
        for statement in statements(ROLES[name]):
            assert "NotResource" not in statement
            if statement["Action"] == "cloudwatch:PutMetricData":
                assert statement["Condition"]["StringEquals"] == {"cloudwatch:namespace": NAMESPACE}
                continue
            if statement["Sid"] in ("WriteTraces", "JoinVpc", "LeaveVpc", "DeliverLogs"):
                assert statement["Resource"] == "*"
                continue
            for pattern in resource_patterns(statement["Resource"]):
                # A star stands for exports, tables or fleets below the prefix, for executions, or
                # for a function's versions.
                named = re.sub(
                    r"/\$\{Prefix\}(quarantine/|posture/)?(report=|tables/|series/|posture/|fleet/)\*",
                    "",
                    pattern,
                )
                executions = r"-export-(report|fleet|fleet/ExportEnvironments):\*$"
                assert "*" not in re.sub(rf"{executions}|^\$\{{\w+\.Arn\}}:\*$", "", named)

    @pytest.mark.parametrize("name", ROLES)
    def test_every_role_is_for_one_service(self, name: str) -> None:
        (statement,) = ROLES[name]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole"
        assert re.fullmatch(r"[a-z]+\.amazonaws\.com", statement["Principal"]["Service"])

    def test_only_a_discard_deletes_and_only_a_fetch_writes_exports(self) -> None:
        changing = {
            (name, action, pattern.partition("${Prefix}")[2])
            for name, role in ROLES.items()
            for statement in statements(role)
            for action in as_list(statement["Action"])
            for pattern in resource_patterns(statement["Resource"])
            if re.match("s3:(Put|Delete)", action)
        }
        assert {name for name, action, _ in changing if "Delete" in action} == {"DiscardReportRole"}
        exports = {(name, action) for name, action, folder in changing if "report=" in folder}
        assert exports == {
            ("FetchReportRole", "s3:PutObject"),
            ("DiscardReportRole", "s3:DeleteObject"),
        }

    def test_the_table_is_read_and_written_by_single_items(self) -> None:
        actions = {
            action
            for role in ROLES.values()
            for statement in statements(role)
            for action in as_list(statement["Action"])
            if action.startswith("dynamodb:")
        }
        assert actions == {f"dynamodb:{verb}Item" for verb in ("Get", "Put", "Update")}

    @pytest.mark.parametrize("name", ROLES)
    def test_every_role_has_the_boundary(self, name: str) -> None:
        assert ROLES[name]["Properties"]["PermissionsBoundary"] == only_if(
            "HasPermissionsBoundary", {"Ref": "PermissionsBoundaryArn"}
        )


OF_EXPORTS = {"PingOne Report Export Completed", "PingOne Report Export Failed"}
OF_FLEETS = {"PingOne Fleet Export Completed", "PingOne Fleet Export Failed"}
OF_TABLES = {COMPARED, SECURITY_EVENT_DETECTED}


def holds(condition: dict[str, dict[str, Any]], call: dict[str, list[str]]) -> bool:
    """Whether a condition is true of a call, as IAM's guide says of these operators."""

    def true(operator: str, wanted: list[Any], given: list[str]) -> bool:
        match operator:
            case "ForAllValues:StringEquals":
                return all(value in wanted for value in given)
            case "ForAnyValue:StringEquals" | "ArnEquals":
                return any(value in wanted for value in given)
            case "ForAnyValue:StringNotEquals":
                return any(value not in wanted for value in given)
            case "ArnNotEquals":
                return all(value not in wanted for value in given)
            case "Null":
                return wanted == [str(not given).lower()]
            case _:
                raise AssertionError(f"An operator that this does not know: {operator}")

    return all(
        true(operator, [*(references(wanted) or as_list(wanted))], call[key])
        for operator, keys in condition.items()
        for key, wanted in keys.items()
    )


class TestTheBus:
    """The local cloud's buses have no policy."""

    stack = render(TEMPLATE, {}, Place("aws", "eu-central-1", "amazonaws.com"))

    @pytest.mark.parametrize(
        ("role", "types"),
        [
            ("ExportReportRole", OF_EXPORTS | OF_FLEETS | OF_TABLES),
            ("ExportFleetRole", OF_FLEETS),
            ("TabulateReportRole", OF_TABLES),
            ("FetchReportRole", set()),
        ],
    )
    def test_a_role_speaks_of_its_own_alone(self, role: str, types: set[str]) -> None:
        """By its own policy, and by the bus, whatever its policy may come to allow."""
        for each in OF_EXPORTS | OF_FLEETS | OF_TABLES:
            assert self._allowed(role, each) == (each in types)
            assert self._denied(role, each) == (each not in types)
            assert self._allowed(role, each, *OF_TABLES) <= (types >= OF_TABLES)

    def test_one_event_of_a_call_is_enough_for_the_bus_to_deny_it(self) -> None:
        assert self._denied("ExportFleetRole", *OF_FLEETS, *OF_EXPORTS)
        assert not self._denied("ExportFleetRole", *OF_FLEETS)

    @pytest.mark.parametrize("role", ["ExportReportRole", "ExportFleetRole", "TabulateReportRole"])
    def test_what_names_no_source_is_not_allowed(self, role: str) -> None:
        assert not self._allowed(role, source=[])

    def test_whoever_the_account_lets_may_request_but_not_speak_for_the_exporter(self) -> None:
        request = "PingOne Report Export Requested"
        assert not self._denied("AnApplication", request, source=["my.application"])
        assert self._denied("AnApplication", request, source=["pingone.reports"])

    def _allowed(self, role: str, *types: str, source: Any = ("pingone.reports",)) -> bool:
        (policy,) = self.stack.resources[role]["Properties"]["Policies"]
        return self._any(policy["PolicyDocument"]["Statement"], role, types, source)

    def _denied(self, role: str, *types: str, source: Any = ("pingone.reports",)) -> bool:
        policies = self.stack.of_type("AWS::Events::EventBusPolicy").values()
        said = [policy["Statement"] for policy in policies]
        assert {statement["Effect"] for statement in said} == {"Deny"}
        return self._any(said, role, types, source)

    @staticmethod
    def _any(said: list[dict[str, Any]], role: str, types: Any, source: Any) -> bool:
        call = {
            "aws:PrincipalArn": [role],
            "events:source": [*source],
            "events:detail-type": [*types],
        }
        return any(
            holds(statement["Condition"], call)
            for statement in said
            if statement["Action"] == "events:PutEvents"
        )


class TestPseudonyms:
    def test_the_key_is_made_once_and_outlives_the_stack(self) -> None:
        """CloudFormation makes another one when what is under GenerateSecretString changes."""
        key = RESOURCES["PseudonymKey"]
        assert key["Condition"] == "Pseudonymizes"
        assert key["Properties"]["GenerateSecretString"] == {
            "PasswordLength": 64,
            "ExcludePunctuation": True,
        }
        assert "Name" not in key["Properties"]

    def test_the_fetch_alone_may_read_the_key_and_only_if_it_is_there(self) -> None:
        key = {"Fn::GetAtt": ["PseudonymKey", "Id"]}
        readers = [
            name
            for name, role in ROLES.items()
            if json.dumps(key) in json.dumps(role["Properties"]["Policies"])
        ]
        assert readers == ["FetchReportRole"]
        (policy,) = ROLES["FetchReportRole"]["Properties"]["Policies"]
        read = {
            "Sid": "ReadPseudonymKey",
            "Effect": "Allow",
            "Action": "secretsmanager:GetSecretValue",
            "Resource": key,
        }
        assert only_if("Pseudonymizes", read) in policy["PolicyDocument"]["Statement"]


class TestEncryption:
    @pytest.mark.parametrize("machine", MACHINES)
    def test_the_key_encrypts_the_state_machine(self, machine: str) -> None:
        encryption = RESOURCES[machine]["Properties"]["EncryptionConfiguration"]
        condition, with_key, without = encryption["Fn::If"]
        assert condition == "HasKmsKey"
        assert with_key["Type"] == "CUSTOMER_MANAGED_KMS_KEY"
        assert with_key["KmsKeyId"] == {"Ref": "KmsKeyArn"}
        assert without == {"Type": "AWS_OWNED_KEY"}

    def test_no_kind_of_storage_is_forgotten(self) -> None:
        # What keeps nothing of an export, or nothing that it could encrypt with the key.
        others = {
            "AWS::Serverless::Function",
            "AWS::Serverless::LayerVersion",
            "AWS::Scheduler::Schedule",
            "AWS::Events::Rule",
            "AWS::Events::EventBusPolicy",
            "AWS::SQS::QueuePolicy",
            "AWS::S3::BucketPolicy",
            "AWS::IAM::Role",
            "AWS::IAM::Policy",
            "AWS::SNS::Subscription",
            "AWS::CloudWatch::Alarm",
            "AWS::CloudWatch::Dashboard",
            "AWS::Lambda::Permission",
            "AWS::Glue::Database",
            "AWS::Glue::Table",
            "AWS::Athena::WorkGroup",  # its results lie in the bucket
            "AWS::Athena::NamedQuery",
            "AWS::SNS::Topic",  # alarms must be heard when the key is out of use
            "AWS::KMS::Key",
            # What a function's variables say, which AWS's key encrypts too.
            "AWS::AppConfig::Application",
            "AWS::AppConfig::ConfigurationProfile",
            "AWS::AppConfig::HostedConfigurationVersion",
        }
        for name, resource in RESOURCES.items():
            if resource["Type"] not in others and name != "UnprocessedEvents":
                assert '{"Ref": "KmsKeyArn"}' in json.dumps(resource), name

    def test_an_alarm_is_heard_without_the_key(self) -> None:
        """It may be the key that is out of use."""
        assert "Properties" not in resources_of("AWS::SNS::Topic")["AlarmTopic"]
        used = json.dumps(
            [TEMPLATE["Resources"][name] for name in resources_of("AWS::CloudWatch::Alarm")]
        )
        assert "KmsKeyArn" not in used

    def test_the_state_machines_role_uses_the_key_for_that_one_alone(self) -> None:
        [statement] = [
            s for s in statements(ROLES["ExportReportRole"]) if s["Sid"] == "EncryptState"
        ]
        name = RESOURCES["ExportReport"]["Properties"]["StateMachineName"]["Fn::Sub"]
        (machines,) = statement["Condition"]["StringEquals"].values()
        assert machines["Fn::Sub"].endswith(f":stateMachine:{name}")

    def test_the_fleets_role_uses_the_key_for_fleets_and_for_the_exports_that_it_reads(
        self,
    ) -> None:
        [statement] = [
            s for s in statements(ROLES["ExportFleetRole"]) if s["Sid"] == "EncryptState"
        ]
        (machines,) = statement["Condition"]["StringEquals"].values()
        names = {MACHINES[name]["Properties"]["StateMachineName"]["Fn::Sub"] for name in MACHINES}
        # Step Functions names a map's workflows after the machine and the map's label.
        names.add("${AWS::StackName}-export-fleet/ExportEnvironments")
        assert {arn["Fn::Sub"].rpartition(":stateMachine:")[2] for arn in machines} == names

    def test_every_use_of_the_key_is_bound_to_what_it_is_for(self) -> None:
        uses = [
            statement
            for role in ROLES.values()
            for statement in statements(role)
            if '"KmsKeyArn"' in json.dumps(statement)
        ]
        assert uses
        for use in uses:
            assert use["Resource"] == {"Ref": "KmsKeyArn"}
            assert set(as_list(use["Action"])) <= {"kms:Decrypt", "kms:GenerateDataKey"}
            assert re.search("kms:(ViaService|EncryptionContext)", json.dumps(use["Condition"]))

    def test_former_keys_decrypt_for_whoever_decrypts_and_encrypt_only_a_running_state(
        self,
    ) -> None:
        """A state machine's execution goes on with the key that it began with."""
        for name, role in ROLES.items():
            by_sid = {statement["Sid"]: statement for statement in statements(role)}
            former = {
                sid: as_list(statement["Action"])
                for sid, statement in by_sid.items()
                if "FormerKmsKeyArns" in json.dumps(statement)
            }
            state = {"EncryptStateWithFormerKeys": ["kms:GenerateDataKey", "kms:Decrypt"]}
            data = {"DecryptWithFormerKeys": ["kms:Decrypt"]}
            assert former == {
                **(state if "EncryptState" in by_sid else {}),
                **(data if name.removesuffix("Role") in (*FUNCTIONS, "ExportFleet") else {}),
            }
            if "EncryptState" in by_sid:
                of_former = by_sid["EncryptStateWithFormerKeys"]
                assert of_former["Condition"] == by_sid["EncryptState"]["Condition"]

    def test_whoever_signs_may_sign_as_rs256_alone(self) -> None:
        policy = RESOURCES["SigningKey"]["Properties"]["KeyPolicy"]["Statement"]
        by_roles = [statement for role in ROLES.values() for statement in statements(role)]
        signing = [
            statement
            for statement in policy + by_roles
            if re.search(r"kms:(Sign|\*)", str(statement["Action"]))
        ]
        assert len(signing) == 5  # the key's policy, and four roles
        for statement in signing:
            assert statement["Action"] == "kms:Sign"
            assert statement["Condition"] == {
                "StringEquals": {"kms:SigningAlgorithm": "RSASSA_PKCS1_V1_5_SHA_256"}
            }

    def test_the_signing_key_can_do_nothing_but_sign(self) -> None:
        key = RESOURCES["SigningKey"]["Properties"]
        assert (key["KeySpec"], key["KeyUsage"]) == ("RSA_2048", "SIGN_VERIFY")
        look_after, _ = key["KeyPolicy"]["Statement"]

        def may(action: str) -> bool:
            return any(fnmatchcase(f"kms:{action}", pattern) for pattern in look_after["Action"])

        for use in ("Sign", "Verify", "Encrypt", "Decrypt", "GenerateDataKey", "CreateGrant"):
            assert not may(use)
        # Otherwise the account could lock itself out.
        for care in ("PutKeyPolicy", "DescribeKey", "GetPublicKey", "ScheduleKeyDeletion"):
            assert may(care)

    def test_network_interfaces_are_for_lambda_and_not_for_our_code(self) -> None:
        """Source: `lambda:SourceFunctionArn` is in the calls of a function's code alone."""
        joining = [
            statement
            for role in ROLES.values()
            for statement in statements(role)
            if "ec2:" in str(statement["Action"])
        ]
        assert len(joining) == 2 * 4
        for statement in joining:
            assert statement["Condition"] == {"Null": {"lambda:SourceFunctionArn": "true"}}

    def test_the_keys_policy_admits_the_services_that_use_it_in_their_own_name(self) -> None:
        template = read_template(ROOT / "kms-key.yaml")
        policy = template["Resources"]["ReportsKey"]["Properties"]["KeyPolicy"]
        by_service = [
            statement for statement in policy["Statement"] if "Service" in statement["Principal"]
        ]
        assert {str(statement["Principal"]["Service"]) for statement in by_service} == {
            "delivery.logs.amazonaws.com",
            "events.amazonaws.com",
            "{'Fn::Sub': 'logs.${AWS::Region}.${AWS::URLSuffix}'}",
        }
        for statement in by_service:
            bound = "${AWS::AccountId}" in json.dumps(statement.get("Condition", {}))
            assert bound or statement["Action"] == "kms:DescribeKey"

    def test_the_executions_that_a_start_may_look_at_are_the_stacks_own(self) -> None:
        [statement] = [s for s in statements(ROLES["StartReportRole"]) if "states:" in str(s)]
        name = RESOURCES["ExportReport"]["Properties"]["StateMachineName"]["Fn::Sub"]
        assert statement["Resource"]["Fn::Sub"].endswith(f":execution:{name}:*")


class TestWiring:
    @pytest.mark.parametrize(
        ("name", "config"),
        {
            "StartReport": StartConfig,
            "CheckReport": CheckConfig,
            "FetchReport": FetchConfig,
            "DiscardReport": DiscardConfig,
            "TabulateReport": TabulateConfig,
            "ListEnvironments": ListConfig,
            "SummarizeFleet": SummarizeConfig,
            "ShowFleet": ShowFleetConfig,
        }.items(),
    )
    def test_a_function_gets_exactly_the_variables_that_it_reads(
        self, name: str, config: Any
    ) -> None:
        valid = {
            "COMPRESSION": "none",
            "PSEUDONYMIZE": "phone",
            "PSEUDONYMIZES": "true",
        }

        class Recorder(dict[str, str]):
            def __contains__(self, name: object) -> bool:
                return True

            def __getitem__(self, name: str) -> str:
                read.add(name)
                return valid.get(name, "1")

        read: set[str] = set()
        config.from_environment(Recorder())
        given = FUNCTIONS[name]["Properties"]["Environment"]["Variables"]
        assert set(given) == read

    def test_a_variable_means_the_same_in_every_function(self) -> None:
        values = defaultdict[str, set[str]](set)
        for function in FUNCTIONS.values():
            for name, value in function["Properties"]["Environment"]["Variables"].items():
                values[name].add(json.dumps(value))
        assert {name for name in values if len(values[name]) > 1} == set()

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_every_functions_code_is_there(self, name: str) -> None:
        folder = ROOT / FUNCTIONS[name]["Properties"]["CodeUri"]
        assert "\ndef handler(" in (folder / "app.py").read_text()

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_every_function_logs_where_its_logs_are_kept_for_a_while(self, name: str) -> None:
        group = FUNCTIONS[name]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert group == f"{name}Logs"
        assert RESOURCES[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}

    @pytest.mark.parametrize("name", MACHINES)
    def test_every_state_machine_logs_its_errors_and_no_data(self, name: str) -> None:
        """Source: Security Hub's control StepFunctions.1, "should have logging turned on". A name
        below /aws/vendedlogs/ keeps the account's resource policy short: "Enable logging from AWS
        services", CloudWatch Logs."""
        logging = RESOURCES[name]["Properties"]["LoggingConfiguration"]
        group = RESOURCES[f"{name}Logs"]["Properties"]
        arn = {"Fn::GetAtt": [f"{name}Logs", "Arn"]}
        assert (logging["Level"], logging["IncludeExecutionData"]) == ("ERROR", False)
        assert logging["Destinations"] == [{"CloudWatchLogsLogGroup": {"LogGroupArn": arn}}]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")

    def test_every_function_ends_before_the_task_that_calls_it(self) -> None:
        states = {
            state: item
            for machine in MACHINES
            for state, item in self.definition(machine)["States"].items()
        }
        for name, function in FUNCTIONS.items():
            if name != "TabulateReport":  # an event calls it
                assert function["Properties"]["Timeout"] < states[name]["TimeoutSeconds"]

    @pytest.mark.parametrize("machine", MACHINES)
    def test_a_state_machine_gets_exactly_the_substitutions_that_it_has(self, machine: str) -> None:
        text = (ROOT / RESOURCES[machine]["Properties"]["DefinitionS3Location"]).read_text()
        substitutions = RESOURCES[machine]["Properties"]["DefinitionSubstitutions"]
        assert set(DEFINITION_SUBSTITUTION.findall(text)) == set(substitutions)

    @pytest.mark.parametrize("machine", MACHINES)
    def test_every_task_calls_the_function_of_its_name(self, machine: str) -> None:
        substitutions = RESOURCES[machine]["Properties"]["DefinitionSubstitutions"]
        for name, state in self.definition(machine)["States"].items():
            if name in FUNCTIONS:
                placeholder = state["Arguments"]["FunctionName"]
                (substitution,) = DEFINITION_SUBSTITUTION.findall(placeholder)
                version = {"Ref": f"{name}.Version"}
                # The definition asks whether there is one.
                maybe = {"Fn::If": ["HasAnalytics", version, "none"]}
                assert substitutions[substitution] == (maybe if name == "ShowFleet" else version)

    def test_the_table_has_the_key_and_the_expiry_that_the_code_writes(self) -> None:
        table = RESOURCES["CoordinationTable"]["Properties"]
        assert table["KeySchema"] == [{"AttributeName": TABLE_KEY, "KeyType": "HASH"}]
        assert table["TimeToLiveSpecification"] == {"AttributeName": EXPIRY, "Enabled": True}

    @pytest.mark.parametrize(
        ("what", "delivered"),
        [("Export", ExportRequest.delivered), ("Fleet", FleetRequest.delivered)],
    )
    def test_what_is_delivered_twice_brings_the_same_id(self, what: str, delivered: Any) -> None:
        defaults = DEFAULTS if what == "Export" else {}
        (rule_target,) = RESOURCES[f"{what}RequestedRule"]["Properties"]["Targets"]
        transformer = rule_target["InputTransformer"]
        assert transformer["InputPathsMap"] == {"id": "$.id", "detail": "$.detail"}
        sent = (
            transformer["InputTemplate"]
            .replace("<id>", '"4711"')
            .replace("<detail>", '{"filter": ""}')
        )
        assert delivered(json.loads(sent), defaults, "x").idempotency_key == "delivery#4711"
        scheduled = RESOURCES[f"{what}Schedule"]["Properties"]["Target"]["Input"]
        assert "<aws.scheduler.scheduled-time>" in scheduled
        time = scheduled.replace("<aws.scheduler.scheduled-time>", "2026-03-01T02:00:00Z")
        request = delivered(json.loads(time), defaults, "x")
        assert request.idempotency_key == "delivery#schedule-2026-03-01T02:00:00Z"

    def test_what_fails_in_a_function_that_an_event_calls_is_kept_with_what_did_not_reach_it(
        self,
    ) -> None:
        """Lambda gives up after three tries, EventBridge after its own."""
        (target,) = RESOURCES["ExportCompletedRule"]["Properties"]["Targets"]
        dead_letters = FUNCTIONS["TabulateReport"]["Properties"]["DeadLetterQueue"]
        assert target["DeadLetterConfig"]["Arn"] == dead_letters["TargetArn"]

    def test_a_completed_export_is_tabulated_and_told(self) -> None:
        rule = RESOURCES["ExportCompletedRule"]["Properties"]
        assert rule["EventPattern"]["detail-type"] == ["PingOne Report Export Completed"]
        (target,) = rule["Targets"]
        detail = sample("export-completed")
        sent = target["InputTransformer"]["InputTemplate"]
        for name, path in target["InputTransformer"]["InputPathsMap"].items():
            sent = sent.replace(f"<{name}>", json.dumps(detail[path.removeprefix("$.detail.")]))
        assert json.loads(sent) == {
            "manifestKey": detail["manifestKey"],
            "correlationId": detail["correlationId"],
            "notify": True,
        }

    def test_a_page_that_is_not_written_raises_an_alarm(self) -> None:
        states = self.definition("ExportFleet")["States"]
        (metric,) = states["RecordUnshown"]["Arguments"]["MetricData"]
        alarm = RESOURCES["UnshownFleet"]["Properties"]
        assert (alarm["Namespace"], alarm["MetricName"]) == (NAMESPACE, metric["MetricName"])
        assert [each["Name"] for each in alarm["Dimensions"]] == [
            each["Name"] for each in metric["Dimensions"]
        ]

    @pytest.mark.parametrize(
        "name", ["ReportsBucket", "ReportsBucketPolicy", "ReportsKey", "SigningKey", "PseudonymKey"]
    )
    def test_what_must_not_be_lost_survives_the_stack_but_not_a_failed_creation(
        self, name: str
    ) -> None:
        """Source: CloudFormation's `DeletionPolicy`, which alone knows RetainExceptOnCreate."""
        key = read_template(ROOT / "kms-key.yaml")["Resources"]
        resource = (RESOURCES | key)[name]
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resource["UpdateReplacePolicy"] == "Retain"

    def test_what_expires_goes_with_its_former_versions(self) -> None:
        """S3's guide, "Expiring objects": where versions are kept, it becomes a former one."""
        rules = RESOURCES["ReportsBucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
        expiring = [rule.get("Fn::If", [rule, rule])[1] for rule in rules]
        expiring = [rule for rule in expiring if "ExpirationInDays" in rule]
        assert expiring
        assert all("NoncurrentVersionExpiration" in rule for rule in expiring)

    def test_the_documentation_says_how_long_a_stacks_name_may_be(self) -> None:
        """CreateStateMachine and AppConfig's CreateApplication; the other services take more."""
        name = RESOURCES["ExportReport"]["Properties"]["StateMachineName"]["Fn::Sub"]
        assert RESOURCES["SettingsApplication"]["Properties"]["Name"] == {"Ref": "AWS::StackName"}
        longest = min(64, 80 - len(name.replace("${AWS::StackName}", "")))
        text = " ".join((ROOT / "docs" / "deploy.md").read_text().split())
        assert f"stack's name: at most {longest} characters" in text

    def test_a_fleets_schedule_takes_the_place_of_the_default_schedule_alone(self) -> None:
        default = PARAMETERS["ScheduleExpression"]["Default"]
        fleet = {"FleetScheduleExpression": "rate(1 day)"}
        for parameters, scheduled in (
            ({}, (True, False)),
            (fleet, (False, True)),
            (fleet | {"ScheduleExpression": default}, (False, True)),
            (fleet | {"ScheduleExpression": "rate(1 hour)"}, (True, True)),
            ({"ScheduleExpression": ""}, (False, False)),
        ):
            conditions = conditions_of(TEMPLATE, parameters)
            assert (conditions["HasSchedule"], conditions["HasFleetSchedule"]) == scheduled
            assert conditions["ExpectsExports"] == any(scheduled)

    @staticmethod
    def definition(machine: str) -> dict[str, Any]:
        """A state machine's, before its substitutions."""
        path = ROOT / RESOURCES[machine]["Properties"]["DefinitionS3Location"]
        return dict(yaml.safe_load(path.read_text()))
