"""What `make export` is given is asked for and checked, in a line each."""

import io
import os
from pathlib import Path

import pytest

from local.tenant import Malformed, read_tenant

GOOD = {
    "PINGONE_ENVIRONMENT_ID": "ABFBA8F6-49eb-49f5-a5d9-80ad5c98f9f6",
    "PINGONE_CLIENT_ID": "app",
    "PINGONE_CLIENT_SECRET": "canary-secret",
}


@pytest.fixture(autouse=True)
def nobody_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())


def test_urls_are_those_of_the_region(tmp_path: Path) -> None:
    tenant = read_tenant({**GOOD, "PINGONE_REGION": "com.au"}, tmp_path / ".env")
    assert tenant.api_url == "https://api.pingone.com.au/v1"
    assert tenant.token_url == (
        "https://auth.pingone.com.au/abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6/as/token"
    )
    assert "canary" not in repr(tenant)


def test_the_environment_comes_before_a_file(tmp_path: Path) -> None:
    env = tmp_path / ".env"
    env.write_text(
        "\n".join(f"{name}={value}" for name, value in GOOD.items())
        + "\nPINGONE_REPORT_FILTER='(username eq \"Zoë \\\\ $x\")'\nPINGONE_REGION=eu\n",
        encoding="utf-8",
    )
    tenant = read_tenant({"PINGONE_REGION": "ca", "PINGONE_REPORT_FORMATS": " "}, env)
    assert tenant.client_secret == "canary-secret"
    assert tenant.region == "ca"
    assert tenant.parameters["ReportFilter"] == '(username eq "Zoë \\ $x")'
    assert "ReportFormats" not in tenant.parameters


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PINGONE_ENVIRONMENT_ID", "my-environment", "must be a UUID"),
        ("PINGONE_REGION", "europe", "must be com, ca, eu, com.au, sg or asia"),
        ("PINGONE_API_URL", "api.pingone.eu/v1", "https URL"),
        ("PINGONE_LINK_HOSTS", "https://x", "hosts"),
        ("PINGONE_REPORT_FIELDS", "userId;deviceId", "field"),
        ("PINGONE_REPORT_FILTER", "a\x1b[31m", "control characters"),
        ("PINGONE_REPORT_FORMATS", "xml", "csv, json"),
        ("PINGONE_CLIENT_ID", "my app", "without spaces"),
        ("PINGONE_CLIENT_SECRET", "canary geheim", "without spaces"),
        ("PINGONE_CLIENT_SECRET", "canary-ë", "ASCII"),
        ("PINGONE_CLIENT_SECRET", os.fsdecode(b"canary\xff"), "not UTF-8"),
    ],
)
def test_a_malformed_variable_is_one_line(tmp_path: Path, name: str, value: str, told: str) -> None:
    with pytest.raises(Malformed, match=name) as refused:
        read_tenant({**GOOD, name: value}, tmp_path / ".env")
    line = str(refused.value)
    assert told in line
    assert line.isprintable()
    assert "canary" not in line


def test_a_file_that_is_not_utf_8_is_one_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"PINGONE_CLIENT_SECRET=canary\xff\n")
    with pytest.raises(Malformed, match=r"\.env cannot be read as UTF-8") as refused:
        read_tenant({}, tmp_path / ".env")
    assert "canary" not in str(refused.value)
