"""The commands of the README, as a newcomer runs them."""

import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from local.cloud import LocalCloud
from local.paths import ROOT
from local.pingone_simulator import PingOneSimulator
from local.stack import ENVIRONMENT_ID
from local.waiting import wait_until

_CREDENTIALS = ("PINGONE_ENVIRONMENT_ID", "PINGONE_CLIENT_ID", "PINGONE_CLIENT_SECRET")


def _run(module: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PINGONE_")}
    return subprocess.run(
        [sys.executable, "-m", module],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_demo_shows_what_changed_and_leaves_nothing_running() -> None:
    mark = f"demo-{uuid4()}"

    # At its natural pace: the one run in which nothing is shortened.
    done = _run("local.demo", MARK=mark)

    assert done.returncode == 0, done.stdout + done.stderr
    for shown in (
        "FetchReport",
        "devices.csv",
        "userId",
        "PingOne Report Export Completed",
        "PingOne Report Compared",
        "no better than weak any more",
        "Who has MFA",
        "posture.html",
    ):
        assert shown in done.stdout
    wait_until(lambda: not _processes(mark))


def _processes(mark: str) -> list[str]:
    """What runs with this in its environment; others may run demos of their own."""
    listed = subprocess.run(
        ["ps", "axeww", "-o", "args"], capture_output=True, text=True, check=True
    )
    return [line for line in listed.stdout.splitlines() if mark in line]


@pytest.mark.skipif((ROOT / ".env").exists(), reason="a .env would give what must be missing")
def test_export_says_which_credentials_are_missing() -> None:
    done = _run("local.export")

    assert done.returncode == 2
    assert all(name in done.stdout for name in _CREDENTIALS)


def test_export_brings_the_report_into_out(
    cloud: LocalCloud, pingone: PingOneSimulator, tmp_path: Path
) -> None:
    values = (ENVIRONMENT_ID, pingone.client_id, pingone.client_secret)

    done = _run(
        "local.export",
        **dict(zip(_CREDENTIALS, values, strict=True)),
        PINGONE_API_URL=pingone.api_url,
        PINGONE_TOKEN_URL=pingone.token_url(ENVIRONMENT_ID),
        PINGONE_LINK_HOSTS=pingone.link_host,
        OUT=str(tmp_path),
        # The simulator's links lead to the tests' own cloud.
        REQUESTS_CA_BUNDLE=str(cloud.ca_bundle),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert {path.name for path in tmp_path.rglob("*.*") if path.is_file()} == {
        "devices.csv",
        "devices.json",
        "manifest.json",
    }
    assert pingone.client_secret not in done.stdout + done.stderr
