"""The local cloud starts beside others, and ends with its user, however that one ends."""

import shutil
import socket
import subprocess
import sys
from pathlib import Path

import certifi
import pytest

from local.cloud import LocalCloud
from local.paths import ROOT
from local.waiting import wait_until

# It runs a function that does not end, and keeps data, as Athena does.
_USER = """
import io, sys, zipfile
from local.cloud import LocalCloud

code = io.BytesIO()
with zipfile.ZipFile(code, "w") as zipped:
    zipped.writestr("bootstrap", "#!/bin/sh\\nsleep 600\\n")
with LocalCloud(log_name="test-cloud") as cloud:
    cloud.data.mkdir(exist_ok=True)
    role = cloud.client("iam").create_role(RoleName="function", AssumeRolePolicyDocument="{}")
    cloud.client("lambda").create_function(
        FunctionName="endless",
        Runtime="provided.al2023",
        Handler="none",
        Timeout=900,
        Role=role["Role"]["Arn"],
        Code={"ZipFile": code.getvalue()},
    )
    cloud.client("lambda").invoke(FunctionName="endless", InvocationType="Event")
    print(cloud.process_group, cloud.data, flush=True)
    sys.stdin.read()
"""


def _commands(process_group: str) -> list[str]:
    """What runs in a process group; a zombie does not."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=", "-o", "stat=", "-o", "args="],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    processes = [line.split(None, 2) for line in listed.splitlines()]
    return [args for group, state, args in processes if group == process_group and state[0] != "Z"]


@pytest.mark.parametrize("end", ["SIGKILL", "in order"])
def test_a_cloud_its_functions_and_its_data_end_with_its_user(end: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _USER],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as user:
        assert user.stdout
        group, data = user.stdout.readline().split()
        wait_until(lambda: "sleep 600" in _commands(group))
        assert Path(data).exists()
        if end == "SIGKILL":
            user.kill()
        else:
            user.communicate()
    wait_until(lambda: not _commands(group) and not Path(data).exists())


def test_a_cloud_whose_port_was_taken_meanwhile_takes_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also behind a proxy, with the authorities in a folder: none is asked for this machine."""
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "example.com")
    shutil.copy(certifi.where(), tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
    with socket.socket() as somebody:
        somebody.bind(("127.0.0.1", 0))
        somebody.listen()
        cloud = LocalCloud(log_name="test-cloud-port")
        cloud.port = somebody.getsockname()[1]
        with cloud:
            assert cloud.port != somebody.getsockname()[1]
            assert cloud.client("s3").list_buckets()["Buckets"] == []
            assert cloud.environment["NO_PROXY"] == "example.com,127.0.0.1,localhost"
