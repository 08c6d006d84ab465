"""The parts of the template fit together, and what is kept is encrypted, and kept long enough."""

import json
import re
from collections import defaultdict

import pytest

from local.deployment import read_template
from local.paths import ROOT
from pingone_reports.aws.table import EXPIRY
from tests.support.template import FUNCTIONS, RESOURCES, TEMPLATE, as_list, resources_of
from tests.support.variables import VARIABLES
from tests.template.definition import EXPORT_FLEET, EXPORT_REPORT, definition, substitutions
from tests.template.rendering import render, texts

SOURCE = (ROOT / "template.yaml").read_text()
KEY = "arn:aws:kms:eu-central-1:123456789012:key/mrk-1234"
# What keeps nothing of an export, or nothing that it could encrypt with the key.
NOT_UNDER_THE_KEY = re.compile(
    "AWS::(Serverless|Lambda|IAM|Scheduler|CloudWatch|Glue|KMS)::|Policy$|Events::Rule$"
    "|AWS::Athena"  # its results lie in the bucket
    "|AWS::AppConfig"  # what a function's variables say, which AWS's key encrypts too
    "|AWS::SNS"  # alarms must be heard when the key is out of use
)
MACHINES = resources_of("AWS::StepFunctions::StateMachine")
LOGS = resources_of("AWS::Logs::LogGroup")


class TestFunctions:
    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_function_gets_exactly_the_variables_that_it_reads(self, name: str) -> None:
        """Those of `VARIABLES`, of which the tests of the configuration show that it reads them."""
        function = FUNCTIONS[name]["Properties"]
        read = VARIABLES[function["CodeUri"].removeprefix("functions/")]
        assert set(function["Environment"]["Variables"]) == set(read)

    def test_a_variable_means_the_same_in_every_function(self) -> None:
        values = defaultdict[str, set[str]](set)
        for function in FUNCTIONS.values():
            for name, value in function["Properties"]["Environment"]["Variables"].items():
                values[name].add(json.dumps(value))
        assert {name for name in values if len(values[name]) > 1} == set()

    @pytest.mark.parametrize("name", FUNCTIONS)
    def test_a_function_logs_where_its_logs_are_kept_for_a_while(self, name: str) -> None:
        group = FUNCTIONS[name]["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]
        assert group == f"{name}Logs"
        assert LOGS[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}

    def test_every_function_ends_before_the_task_that_calls_it(self) -> None:
        for source in (EXPORT_REPORT, EXPORT_FLEET):
            for name, state in definition(source)["States"].items():
                if name in FUNCTIONS:
                    assert FUNCTIONS[name]["Properties"]["Timeout"] < state["TimeoutSeconds"], name

    def test_what_fails_in_a_function_that_an_event_calls_is_kept_with_what_did_not_reach_it(
        self,
    ) -> None:
        """Lambda gives up after three tries, EventBridge after its own."""
        (target,) = RESOURCES["ExportCompletedRule"]["Properties"]["Targets"]
        dead_letters = FUNCTIONS["TabulateReport"]["Properties"]["DeadLetterQueue"]
        assert target["DeadLetterConfig"]["Arn"] == dead_letters["TargetArn"]


class TestStateMachines:
    @pytest.mark.parametrize("name", MACHINES)
    def test_a_state_machine_logs_its_errors_and_no_data(self, name: str) -> None:
        """Source: Security Hub's control StepFunctions.1, "should have logging turned on". A name
        below /aws/vendedlogs/ keeps the account's resource policy short: "Enable logging from AWS
        services", CloudWatch Logs."""
        arn = {"Fn::GetAtt": [f"{name}Logs", "Arn"]}
        assert MACHINES[name]["Properties"]["LoggingConfiguration"] == {
            "Level": "ERROR",
            "IncludeExecutionData": False,
            "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": arn}}],
        }
        group = LOGS[f"{name}Logs"]["Properties"]
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        assert group["LogGroupName"]["Fn::Sub"].startswith("/aws/vendedlogs/states/")

    @pytest.mark.parametrize("name", MACHINES)
    def test_a_state_machine_gets_what_its_definition_asks_for_and_published_functions(
        self, name: str
    ) -> None:
        source = ROOT / MACHINES[name]["Properties"]["DefinitionS3Location"]
        given = MACHINES[name]["Properties"]["DefinitionSubstitutions"]
        assert set(given) == substitutions(source)
        assert given["Partition"] == {"Ref": "AWS::Partition"}
        for function, state in definition(source)["States"].items():
            if function in FUNCTIONS:
                assert state["Arguments"]["FunctionName"] == f"{function}FunctionArn"
                version = {"Ref": f"{function}.Version"}
                # The definition asks whether there is one.
                maybe = {"Fn::If": ["HasAnalytics", version, "none"]}
                expected = maybe if function == "ShowFleet" else version
                assert given[f"{function}FunctionArn"] == expected

    def test_a_fleet_is_asked_for_as_an_export_is(self) -> None:
        """What is delivered twice brings the same id."""
        for kind, targets in (("Schedule", "Target"), ("RequestedRule", "Targets")):
            export, fleet = (
                as_list(RESOURCES[f"{what}{kind}"]["Properties"][targets])[0]
                for what in ("Export", "Fleet")
            )
            for name in ("Input", "InputTransformer", "DeadLetterConfig", "RetryPolicy"):
                assert export.get(name) == fleet.get(name)

    def test_the_documentation_says_how_long_a_stacks_name_may_be(self) -> None:
        """CreateStateMachine and AppConfig's CreateApplication; the other services take more."""
        name = RESOURCES["ExportReport"]["Properties"]["StateMachineName"]["Fn::Sub"]
        assert RESOURCES["SettingsApplication"]["Properties"]["Name"] == {"Ref": "AWS::StackName"}
        longest = min(64, 80 - len(name.replace("${AWS::StackName}", "")))
        text = " ".join((ROOT / "docs" / "deploy.md").read_text().split())
        assert f"stack's name: at most {longest} characters" in text


class TestStorage:
    def test_all_that_is_kept_is_under_the_key(self) -> None:
        stack = render(TEMPLATE, {"KmsKeyArn": KEY, "Pseudonymize": "phone"})
        for name, resource in stack.resources.items():
            if not NOT_UNDER_THE_KEY.search(resource["Type"]) and name != "UnprocessedEvents":
                assert KEY in texts(resource), name
            # It may be the key that is out of use.
            if re.search("SNS|Alarm", resource["Type"]):
                assert KEY not in texts(resource), name

    def test_without_a_key_what_is_kept_is_under_one_of_aws(self) -> None:
        """AWS keeps the key of the deployment before, where none is named."""
        stack = render(TEMPLATE, {})
        for queue in stack.of_type("AWS::SQS::Queue").values():
            assert queue["SqsManagedSseEnabled"] is True
        for machine in stack.of_type("AWS::StepFunctions::StateMachine").values():
            assert machine["EncryptionConfiguration"] == {"Type": "AWS_OWNED_KEY"}

    @pytest.mark.parametrize(
        "name", ["ReportsBucket", "ReportsBucketPolicy", "ReportsKey", "SigningKey", "PseudonymKey"]
    )
    def test_what_must_not_be_lost_survives_the_stack_but_not_a_failed_creation(
        self, name: str
    ) -> None:
        """Source: CloudFormation's `DeletionPolicy`, which alone knows RetainExceptOnCreate."""
        resource = (RESOURCES | read_template(ROOT / "kms-key.yaml")["Resources"])[name]
        assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
        assert resource["UpdateReplacePolicy"] == "Retain"

    def test_the_key_of_pseudonyms_is_never_made_anew(self) -> None:
        """CloudFormation makes another one when what is under GenerateSecretString changes."""
        key = RESOURCES["PseudonymKey"]["Properties"]
        assert key["GenerateSecretString"] == {"PasswordLength": 64, "ExcludePunctuation": True}

    def test_what_expires_goes_with_its_former_versions(self) -> None:
        """S3's guide, "Expiring objects": where versions are kept, it becomes a former one."""
        stack = render(TEMPLATE, {})
        rules = stack.of_type("AWS::S3::Bucket")["ReportsBucket"]["LifecycleConfiguration"]["Rules"]
        expiring = [rule for rule in rules if "ExpirationInDays" in rule]
        assert len(expiring) == 3
        assert all("NoncurrentVersionExpiration" in rule for rule in expiring)

    def test_the_tables_items_expire_as_the_code_says(self) -> None:
        expiry = RESOURCES["CoordinationTable"]["Properties"]["TimeToLiveSpecification"]
        assert expiry == {"AttributeName": EXPIRY, "Enabled": True}


@pytest.mark.parametrize(
    "condition", ["CreateBucket", "HasSecret", "HasSigningKey", "HasKeyPrefix"]
)
def test_what_depends_on_a_condition_is_the_same_everywhere(condition: str) -> None:
    decided = re.findall(rf"!If \[{condition}, [^]]+\]", SOURCE)
    assert len(decided) > 1
    assert len(set(decided)) == 1
