"""The commands of the README, as a newcomer runs them."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

from local.cloud import LocalCloud
from local.fact_sheet import scenario_of
from local.paths import ROOT, WORK
from local.pingone_simulator import PingOneSimulator, Scenario
from local.stack import ENVIRONMENT_ID
from local.waiting import wait_until

_DEMO = WORK / "demo"
_CREDENTIALS = ("PINGONE_ENVIRONMENT_ID", "PINGONE_CLIENT_ID", "PINGONE_CLIENT_SECRET")


def _without_tenant() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PINGONE_")}


def _run(module: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=_without_tenant() | variables,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_shows_whom_it_happened_to_and_leaves_nothing_running() -> None:
    mark = f"demo-{uuid4()}"

    # At its natural pace: the one run in which nothing is shortened.
    done = _run("local.demo", MARK=mark, COLUMNS="80")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 users lost their last strong factor: no better than weak any more." in done.stdout
    assert "ada.brandt: phishing-resistant before, weak now" in done.stdout
    lines = done.stdout.splitlines()
    assert sum(max(1, math.ceil(len(line) / 80)) for line in lines) <= 60
    told = [event["detail"] for event in json.loads((_DEMO / "events-security.json").read_text())]
    lost = [event for event in told if event["code"] == "NO_BETTER_THAN_WEAK"]
    assert all(device["deviceId"] in done.stdout for event in lost for device in event["devices"])
    assert f"The page of the morning: {(_DEMO / 'page.html').as_uri()}" in lines
    for file in _DEMO.iterdir():
        assert f"  {file.name} " in done.stdout
    wait_until(lambda: not _processes(mark))


def _processes(mark: str) -> list[str]:
    """What runs with this in its environment; others may run demos of their own."""
    listed = subprocess.run(
        ["ps", "axeww", "-o", "args"], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if mark in line]


def _tenant(cloud: LocalCloud, pingone: PingOneSimulator, out: Path, **more: str) -> dict[str, str]:
    """The variables of who has the simulator as a tenant."""
    values = (ENVIRONMENT_ID, pingone.client_id, pingone.client_secret)
    return {
        **dict(zip(_CREDENTIALS, values, strict=True)),
        "PINGONE_API_URL": pingone.api_url,
        "PINGONE_TOKEN_URL": pingone.token_url(ENVIRONMENT_ID),
        "PINGONE_LINK_HOSTS": pingone.link_host,
        "OUT": str(out),
        # The simulator's links lead to the tests' own cloud.
        "REQUESTS_CA_BUNDLE": str(cloud.ca_bundle),
        **more,
    }


def test_an_export_is_told_whole_and_compared_with_the_one_before(
    cloud: LocalCloud, pingone: PingOneSimulator, tmp_path: Path
) -> None:
    night = Scenario(rows=400, encryption="aes128", csv_line_end="\n", json_shape="object")
    filter_ = '(username ne "Zoë \\ O\'Brien")'
    # No call of its own to this machine asks the proxy.
    variables = _tenant(
        cloud,
        pingone,
        tmp_path,
        PINGONE_REPORT_FILTER=filter_,
        PINGONE_ROLE="Identity Data Read Only",
        HTTPS_PROXY="http://127.0.0.1:1",
    )
    told = ""
    for day in (0, 1):
        pingone.set_scenario(ENVIRONMENT_ID, replace(night, day=day))
        done = _run("local.export", **variables)
        assert done.returncode == 0, done.stdout + done.stderr
        told += done.stdout + done.stderr

    assert "It is the first export" in told
    assert "device blocked: 6" in told
    assert "PingOne answered" not in told
    manifests = [json.loads(path.read_text()) for path in tmp_path.rglob("manifest.json")]
    assert [manifest["filter"] for manifest in manifests] == [filter_] * 2
    assert {path.suffix for path in tmp_path.rglob("*.*") if path.is_file()} == {
        *(".csv", ".json", ".html", ".parquet")
    }
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert (facts["role"], facts["ended"]) == ("Identity Data Read Only", "completed")
    assert scenario_of(facts) == replace(
        night, rows=1000, generation_seconds=0.6, exploration_seconds=180
    )
    assert [call["call"] for call in facts["calls"] if call["call"] != "token"] == [
        *("reach", "create", "read", "read", "download")
    ]
    secrets = [secret.value for secret in pingone.issued_secrets]
    assert not [secret for secret in secrets if secret in told or secret in json.dumps(facts)]


def test_a_refused_secret_is_told_in_seconds(
    cloud: LocalCloud, pingone: PingOneSimulator, tmp_path: Path
) -> None:
    """What is missing is asked for on a terminal, which does not show the secret."""
    wrong = f"canary-{uuid4()}"
    on_a_terminal = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)"
    with subprocess.Popen(
        [sys.executable, "-c", on_a_terminal, sys.executable, "-m", "local.export"],
        cwd=ROOT,
        env=_without_tenant() | _tenant(cloud, pingone, tmp_path, PINGONE_CLIENT_SECRET=""),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as asked:
        assert asked.stdin
        assert asked.stdout
        shown = b""
        for prompt, typed in (("its client secret): ", wrong), ("sheet: ", "Identity Data Admin")):
            while not shown.endswith(prompt.encode()) and (more := asked.stdout.read(1)):
                shown += more
            asked.stdin.write(f"{typed}\n".encode())
            asked.stdin.flush()
        shown += asked.stdout.read()
    assert asked.returncode == 1, shown
    assert b"PINGONE_CLIENT_SECRET (its client secret): " in shown
    assert b"Check PINGONE_CLIENT_ID and PINGONE_CLIENT_SECRET." in b" ".join(shown.split())
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert wrong not in shown.decode() + json.dumps(facts)
    assert facts["role"] == "Identity Data Admin"
    assert facts["calls"][0]["code"] == "invalid_client"
