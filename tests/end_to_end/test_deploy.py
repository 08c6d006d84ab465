"""What docs/deploy.md says, as a platform engineer does it: without a question, from a release."""

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from local.cloud import LocalCloud
from local.deployment import localized, read_template
from local.package import SBOM, SUMS, package, release_name
from local.paths import ROOT, SAM_BUILD, WORK, program_of
from local.pingone_simulator import PingOneSimulator
from local.stack import ENVIRONMENT_ID, deployed, simulator_parameters
from local.waiting import wait_until
from tests.end_to_end.conftest import resource
from tests.support.clients import user_of

_DROPPED = {
    "Authentication": "secret",
    "ReportName": "users",
    "PollingLimitSeconds": "600",
    "QualityGate": "disabled",
    "ToleratedFailurePercent": "5",
    "QueryLimitMegabytes": "500",
    "MaxSecurityEvents": "10",
    "Dashboard": "false",
    "Tracing": "Active",
}
"""What 1.0.0 and main knew, and the template does not, with values of their own."""


def _run(folder: Path, environment: Mapping[str, str], *command: str | Path) -> str:
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _command(beginning: str) -> list[str]:
    """A command of the page, as it is written there."""
    page = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8").replace("\\\n", " ")
    written = re.search(rf"^{re.escape(beginning)}.*$", page, re.MULTILINE)
    assert written
    return shlex.split(written[0])


def _check_sums(folder: Path) -> None:
    for line in (folder / SUMS).read_text().splitlines():
        told, name = line.split("  ")
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == told, name


def _parameters(cloud: LocalCloud, stack: str) -> dict[str, str]:
    (found,) = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {each["ParameterKey"]: each["ParameterValue"] for each in found["Parameters"]}


@pytest.mark.usefixtures("stack")
def test_a_deployment_asks_nothing_and_forgets_parameters_that_are_no_more(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    built = tmp_path / "built"
    shutil.copytree(WORK / f"{cloud.log.stem}-reports-build", built)
    shutil.copy(ROOT / "samconfig.toml", built)
    template = (built / "template.yaml").read_text()
    environment = cloud.environment | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"}
    build, deploy = " ".join(_command("sam build && sam deploy")).split(" && ")
    assert build == "sam build"
    sam, *words = deploy.replace("<EnvironmentId>", ENVIRONMENT_ID).split()

    former = json.loads(template)
    former["Parameters"] |= {
        name: {"Type": "String", "Default": value} for name, value in _DROPPED.items()
    }
    (built / "template.yaml").write_text(json.dumps(former))
    _run(built, environment, program_of("sam", sam), *words)
    had = _parameters(cloud, "pingone-reports")
    assert had.items() >= {"EnvironmentId": ENVIRONMENT_ID, "PingOneRegion": "eu"}.items()
    assert had.items() >= _DROPPED.items()

    (built / "template.yaml").write_text(template)
    named = [f"{name}={value}" for name, value in {**_DROPPED, "LogRetentionDays": "7"}.items()]
    _run(built, environment, program_of("sam", sam), "deploy", "--parameter-overrides", *named)
    expected = {name: value for name, value in had.items() if name not in _DROPPED}
    assert _parameters(cloud, "pingone-reports") == expected | {"LogRetentionDays": "7"}


def _as_built(content: Path) -> Path:
    """Unpack the zips of a release, as `sam build` leaves a build."""
    for inner in content.glob("*.zip"):
        with ZipFile(inner) as archive:
            archive.extractall(inner.with_suffix(""))
    template = (content / "template.yaml").read_text()
    template = re.sub(r"(Uri: \w+)\.zip$", r"\1", template, flags=re.MULTILINE)
    (content / "template.yaml").write_text(template)
    return content


class Deployer:
    """Whoever has the rights of deployer.yaml's role, and AWS's CLI."""

    def __init__(self, cloud: LocalCloud, stack: str) -> None:
        self.cloud = cloud
        self.bucket = f"{stack}-releases"
        cloud.client("s3").create_bucket(Bucket=self.bucket)
        # GitHub's token cannot be had here, so a user has the policy of the role.
        self.keys = user_of(cloud, stack, self._policy_for(stack))

    def _policy_for(self, stack: str) -> str:
        given = {
            "Repository": "example/deployments",
            "ExporterStack": stack,
            "ArtifactsBucket": self.bucket,
        }
        cloudformation, iam = self.cloud.client("cloudformation"), self.cloud.client("iam")
        name = f"deploys-{stack}"
        cloudformation.create_stack(
            StackName=name,
            TemplateBody=json.dumps(read_template(ROOT / "deployer.yaml"), default=str),
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
            Capabilities=["CAPABILITY_IAM"],
        )
        role = wait_until(lambda: self.made(name, "Deployer"))
        return json.dumps(iam.get_role_policy(RoleName=role, PolicyName="Deploy")["PolicyDocument"])

    def made(self, stack: str, name: str) -> str:
        """The id of a resource of a stack that is complete; '' until then."""
        cloudformation = self.cloud.client("cloudformation")
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        assert not re.search("FAILED|ROLLBACK", found["StackStatus"]), found
        if found["StackStatus"] != "CREATE_COMPLETE":
            return ""
        return resource(self.cloud, stack, name)

    def aws(self, folder: Path, *words: str) -> str:
        environment = self.cloud.environment | self.keys
        return _run(folder, environment, program_of("package", "aws"), *words)

    def package(self, folder: Path) -> dict[str, Any]:
        """Package as the page says; returns the template with what was uploaded."""
        _, *words = _command("aws cloudformation package")
        self.aws(folder, *(word.replace("<ArtifactsBucket>", self.bucket) for word in words))
        return read_template(folder / "packaged.yaml")

    def deploy(self, folder: Path, stack: str, parameters: Mapping[str, str]) -> dict[str, str]:
        """Deploy as the page says, but with these parameters; returns the stack's outputs."""
        _, *words = _command("aws cloudformation deploy")
        words = words[: words.index("--parameter-overrides") + 1]
        words[words.index("--stack-name") + 1] = stack
        words = [word.replace("<ArtifactsBucket>", self.bucket) for word in words]
        given = [f"{name}={value}" for name, value in parameters.items()]
        # The CLI would look every 30 seconds whether the stack is there.
        self.aws(folder, *words, *given, "--no-execute-changeset")
        cloudformation = self.cloud.client("cloudformation")
        (change_set,) = cloudformation.list_change_sets(StackName=stack)["Summaries"]
        self.aws(
            folder, "cloudformation", "execute-change-set",
            "--change-set-name", change_set["ChangeSetId"], "--stack-name", stack,
        )  # fmt: skip
        wait_until(lambda: self.made(stack, "ExportReport"), f"{stack} is deployed")
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return package(SAM_BUILD, tmp_path_factory.mktemp("dist"))


def test_a_release_tells_its_sums_and_the_licences_of_its_packages(release: Path) -> None:
    _check_sums(release.parent)
    packages = json.loads((release.parent / SBOM).read_text())["components"]
    assert {"duckdb", "requests", "isal"} <= {each["name"] for each in packages}
    for each in packages:
        assert each["version"]
        assert each["licenses"], each["name"]


def test_a_release_is_deployed_by_the_aws_cli_alone(
    release: Path, cloud: LocalCloud, pingone: PingOneSimulator, tmp_path: Path
) -> None:
    stack, deployer = "released", Deployer(cloud, "released")
    with ZipFile(release) as archive:
        archive.extractall(tmp_path)
    content = tmp_path / release_name()
    _check_sums(content)

    packaged = deployer.package(content)

    sums = (content / SUMS).read_text()
    s3, uploaded = cloud.client("s3"), []
    for each in packaged["Resources"].values():
        for name in {"CodeUri", "ContentUri"} & set(each.get("Properties", {})):
            bucket, key = each["Properties"][name].removeprefix("s3://").split("/")
            uploaded.append(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
    assert len(uploaded) == sums.count(".zip")
    for body in uploaded:
        assert hashlib.sha256(body).hexdigest() in sums

    def deploy(
        cloud: LocalCloud, parameters: Mapping[str, str], name: str, endpoint_url: str
    ) -> dict[str, str]:
        here = localized(
            _as_built(content), WORK / f"{cloud.log.stem}-{name}", cloud.wait_scale, endpoint_url
        )
        deployer.package(here.parent)
        return deployer.deploy(here.parent, name, parameters)

    parameters = simulator_parameters(pingone)
    deployed_stack = deployed(
        cloud, pingone.client_id, pingone.client_secret, parameters, stack, by=deploy
    )
    ended = deployed_stack.wait_for(deployed_stack.start_export({"formats": ["csv"]}))
    assert ended["status"] == "SUCCEEDED", ended
    denied = subprocess.run(
        [
            program_of("package", "aws"), "secretsmanager", "get-secret-value",
            "--secret-id", f"{stack}-worker-app",
        ],
        env=cloud.environment | deployer.keys, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "AccessDenied" in denied.stderr
