"""The real template, built by `sam build` and deployed by `sam deploy` to the local cloud."""

import json
import platform
import re
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from local.cloud import LocalCloud
from local.paths import ENVIRONMENTS, ROOT, SAM_BUILD, WORK, program_of, python_of

# Runs a function as Lambda does, with AWS's runtime client. That reports an error under its class's
# name; the emulator's Python worker reports every error under one name.
_BOOTSTRAP = """#!/bin/sh
export PYTHONPATH="$PWD:{packages}" AWS_ENDPOINT_URL="{endpoint}"
# Each call to AWS names the process that makes it.
export AWS_SDK_UA_APP_ID=$$
# Each process has a disk of its own.
export TMPDIR="{temporary}/$$"
mkdir -p "$TMPDIR"
exec "{python}" -P "{runner}" {wait_scale} "$_HANDLER"
"""

_UNKNOWN_KEYS = ("kms:SigningAlgorithm", "events:source", "dynamodb:LeadingKeys")


class DeploymentFailed(Exception):
    """Raised when `sam deploy` fails; the message is its output."""


def deploy(
    cloud: LocalCloud,
    parameters: dict[str, str],
    stack: str,
    endpoint_url: str,
    build: Path = SAM_BUILD,
) -> dict[str, str]:
    """Deploy what was built with these parameters; returns the stack's outputs.

    The functions call AWS at `endpoint_url`. A stack that is there is updated, and keeps the
    parameters that are not given.
    """
    # --resolve-s3 would create another stack just for this bucket.
    s3 = cloud.client("s3")
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=f"{stack}-artifacts")
    template = localized(
        build, WORK / f"{cloud.log.stem}-{stack}-{build.name}", cloud.wait_scale, endpoint_url
    )
    command: list[str | Path] = [
        program_of("sam", "sam"),
        "deploy",
        *("--template-file", template),
        *("--stack-name", stack, "--capabilities", "CAPABILITY_IAM"),
        *("--s3-bucket", f"{stack}-artifacts"),
        *("--no-progressbar", "--no-confirm-changeset", "--no-fail-on-empty-changeset"),
    ]
    if parameters:
        command += ["--parameter-overrides", f"file://{_parameter_file(parameters, template)}"]
    done = subprocess.run(  # noqa: S603 -- our own environment's program
        command,
        env=cloud.environment | {"SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "0.2"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DeploymentFailed(f"{done.stdout}\n{done.stderr}\nThe cloud's log is {cloud.log}.")
    stacks = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stacks[0]["Outputs"]}


def _parameter_file(parameters: dict[str, str], template: Path) -> Path:
    """A file beside the template, from which sam takes each value as it is.

    On a command line, sam would cut a value at some of its quotes and backslashes.
    """
    file = template.with_name("parameters.yaml")  # JSON is YAML, too
    # sam unquotes what is in a file, and then what it has of all files.
    quoted = {name: _quoted(_quoted(value)) for name, value in parameters.items()}
    file.write_text(json.dumps(quoted, ensure_ascii=False), encoding="utf-8")
    return file


def _quoted(value: str) -> str:
    escaped = re.sub(r"([ \"'])", r"\\\1", value)
    return f'"{escaped}"'


def localized(build: Path, copy: Path, wait_scale: float, endpoint_url: str) -> Path:
    """A copy of the built template whose functions run under this machine's Python."""
    shutil.rmtree(copy, ignore_errors=True)
    copy.mkdir(parents=True)
    template = read_template(build / "template.yaml")
    shared_layers = template["Globals"]["Function"]["Layers"]
    # The emulator's buses have no policy, and it does not know saved queries.
    template["Resources"] = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] not in ("AWS::Events::EventBusPolicy", "AWS::Athena::NamedQuery")
    }
    for name, resource in template["Resources"].items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Serverless::Function":
                shutil.copytree(build / name, copy / name)
                layers = [layer["Ref"] for layer in (*shared_layers, *properties.get("Layers", []))]
                bootstrap = copy / name / "bootstrap"
                bootstrap.write_text(
                    _BOOTSTRAP.format(
                        packages=":".join(map(str, _packages_of(layers, build))),
                        python=python_of("runtime"),
                        runner=Path(__file__).with_name("run_function.py"),
                        wait_scale=wait_scale,
                        endpoint=endpoint_url,
                        temporary=copy / "tmp",
                    )
                )
                bootstrap.chmod(0o755)
                properties["CodeUri"] = name
            case "AWS::Serverless::LayerVersion":
                # The functions use the layer where it was built: nothing unpacks an uploaded layer.
                (copy / name).mkdir()
                (copy / name / "see-bootstrap").touch()
                properties["ContentUri"] = name
            case "AWS::Scheduler::Schedule":
                # The emulator does not replace this attribute.
                target = properties["Target"]
                target["Input"] = target["Input"].replace(
                    "<aws.scheduler.scheduled-time>", "2026-03-01T02:00:00Z"
                )
            case "AWS::StepFunctions::StateMachine":
                # CloudFormation takes YAML and JSON, the emulator only JSON.
                source = build / properties["DefinitionS3Location"]
                definition = yaml.safe_load(source.read_text())
                for state in definition["States"].values():
                    _speak_as_the_emulator(state)
                (copy / f"{name}.json").write_text(json.dumps(definition))
                properties["DefinitionS3Location"] = f"{name}.json"
            case "AWS::IAM::Role" | "AWS::KMS::Key":
                _forget_unknown_conditions(properties)
            case "AWS::CloudWatch::Alarm" if "Metrics" in properties:
                # The emulator has no metric math: the alarm watches the metric behind it.
                (source,) = (
                    q["MetricStat"] for q in properties.pop("Metrics") if "MetricStat" in q
                )
                properties |= source["Metric"]
                properties |= {"Period": source["Period"], "Statistic": source["Stat"]}
    template["Globals"]["Function"]["Runtime"] = "provided.al2023"
    (copy / "template.yaml").write_text(json.dumps(template, default=str))
    return copy / "template.yaml"


def _forget_unknown_conditions(value: Any) -> None:
    """The emulator does not know these condition keys, and would deny what has one."""
    for item in value.values() if isinstance(value, dict) else value:
        condition = str(item.get("Condition")) if isinstance(item, dict) else ""
        if any(key in condition for key in _UNKNOWN_KEYS):
            del item["Condition"]
        if isinstance(item, dict | list):
            _forget_unknown_conditions(item)


def _speak_as_the_emulator(state: dict[str, Any]) -> None:
    """Of a map, it reads JSONPath alone; it calls the throttle of a function Lambda.Unknown."""
    if state["Type"] == "Map":
        del state["Output"]
        reader = state["ItemReader"]
        reader["Parameters"] = _in_jsonpath(reader.pop("Arguments"))
        state |= {
            "QueryLanguage": "JSONPath",
            "ItemSelector": _in_jsonpath(state["ItemSelector"]),
            "MaxConcurrency": "${MaxConcurrency}",
            "ResultPath": None,
        }
        for child in state["ItemProcessor"]["States"].values():
            child["QueryLanguage"] = "JSONata"
    for retrier in state.get("Retry", []):
        errors = set(retrier["ErrorEquals"]) - {"Lambda.Unknown"}
        if "Lambda.TooManyRequestsException" in errors:
            errors.add("Lambda.Unknown")
        retrier["ErrorEquals"] = sorted(errors)


def _in_jsonpath(fields: dict[str, str]) -> dict[str, str]:
    """Fields that JSONata takes from input or context."""
    paths: dict[str, str] = {}
    for name, value in fields.items():
        found = re.fullmatch(r"\{% \$states\.(context|input)\.([\w.]+) %\}", value)
        root = found and {"context": "$$", "input": "$"}[found[1]]
        paths |= {f"{name}.$": f"{root}.{found[2]}"} if found else {name: value}
    return paths


def _packages_of(layers: Sequence[str], build: Path) -> list[Path]:
    """Where a function on this machine imports its layers' packages from.

    The layers hold native libraries only for Linux. Other systems use the checkout, and the same
    packages from the development environment.
    """
    if platform.system() == "Linux":
        return [build / layer / "python" for layer in layers]
    return [
        Path(__file__).parent / "macos",
        ROOT / "layers" / "pingone_reports",
        ENVIRONMENTS / "dev" / "lib" / "python3.13" / "site-packages",
    ]


def read_template(path: Path) -> dict[str, Any]:
    """A CloudFormation template in YAML, with its short intrinsic functions in the long form."""
    return dict(yaml.load(path.read_text(), Loader=_CloudFormationLoader))  # noqa: S506 -- a SafeLoader


class _CloudFormationLoader(yaml.SafeLoader):
    """YAML with CloudFormation's short intrinsic functions."""


def _intrinsic(loader: _CloudFormationLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case _:
            value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_CloudFormationLoader.add_multi_constructor("!", _intrinsic)
