"""A link of PingOne leads to PingOne's report buckets, or to a host that the deployment names."""

import socket

import pytest

from pingone_reports.errors import LinkNotAllowed
from pingone_reports.pingone.link_hosts import LinkHosts
from tests.support.asking import told
from tests.support.documents import polling_answer

SECRET = "/devices.csv.zip?X-Amz-Signature=secret"
PINGONE = "p1-reports-prod-eu-central-1.s3.eu-central-1.amazonaws.com"


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What each host's name stands for; an unknown name has no address."""
    known = {PINGONE: ["52.219.170.1", "2a05:d070:e000::1"]}

    def resolve(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        host.encode("idna")  # as the real one does: it raises UnicodeError for a long name
        if host not in known:
            raise socket.gaierror(f"{host} is not known")
        return [(None, None, None, "", (address, port)) for address in known[host]]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize(
    "link",
    [
        polling_answer()["csvPresignedUrl"],
        polling_answer()["jsonPresignedUrl"],
        f"https://{PINGONE.upper()}{SECRET}",
        f"https://{PINGONE}:443{SECRET}",
        f"https://p1-reports-prod-us-east-1.s3.amazonaws.com{SECRET}",
        f"https://p1-reports-prod-eu-west-1.s3.dualstack.eu-west-1.amazonaws.com{SECRET}",
        f"https://p1-reports-prod-us-west-2.s3-us-west-2.amazonaws.com{SECRET}",
        f"https://p1-reports-prod-eu-{'a' * 80}-1.s3.amazonaws.com{SECRET}",
    ],
    ids=lambda link: link[:50],
)
def test_every_name_of_pingones_buckets_is_followed_even_if_nobody_knows_its_address(
    link: str,
) -> None:
    LinkHosts().check(link)


@pytest.mark.parametrize(
    "link",
    [
        "https://p1-reports-evil.s3.eu-central-1.amazonaws.com",
        "https://p1-reports-prod-eu-central-1-evil.s3.eu-central-1.amazonaws.com",
        "https://p1-reports-prod-eu-central-1.s3.eu-west-1.amazonaws.com",
        "https://p1-reports-prod-eu-central-1.s3.eu-central-1.amazonaws.com.example.com",
        "https://evil.p1-reports-prod-eu-central-1.s3.eu-central-1.amazonaws.com",
        "https://evil.s3.eu-central-1.amazonaws.com",
        "https://s3.eu-central-1.amazonaws.com",
        f"https://{PINGONE}:8443",
        f"https://{PINGONE}.",
        "https://169.254.169.254",
        "https://127.0.0.1",
        "https://[::1]",
        f"https://example.com\\@{PINGONE}",
        f"http://{PINGONE}",
        f"https://user:canary@{PINGONE}",
        f"//{PINGONE}",
        "",
        "https://[secret",
        "https://\u00e9.example",
        "https://\ud800.example",
        f"https://{PINGONE}:secret",
    ],
)
def test_every_other_link_is_refused_and_not_shown(link: str) -> None:
    with pytest.raises(LinkNotAllowed, match="LinkHosts") as fault:
        LinkHosts(["files.example.com"]).check(link + SECRET)
    assert str(fault.value).encode()
    assert "secret" not in told(fault.value)
    assert "canary" not in told(fault.value)


def test_the_host_of_a_link_that_is_refused_is_named() -> None:
    with pytest.raises(LinkNotAllowed, match=r"'evil\.example':8443"):
        LinkHosts().check(f"https://evil.example:8443{SECRET}")


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "Files.example.com", "files.example.com:443"])
def test_a_host_that_the_deployment_names_is_followed_wherever_it_is(host: str) -> None:
    hosts = LinkHosts(["127.0.0.1:4566", "files.example.com"])
    hosts.check(f"https://{host}{SECRET}")
    with pytest.raises(LinkNotAllowed):
        hosts.check(f"https://{host.partition(':')[0]}:8443{SECRET}")


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "127.0.0.1", "169.254.169.254", "192.168.1.1", "::1", "fe80::1%eth0"]
)
def test_pingones_host_with_a_private_address_is_refused(
    address: str, addresses: dict[str, list[str]]
) -> None:
    addresses[PINGONE].append(address)
    with pytest.raises(LinkNotAllowed, match="private address"):
        LinkHosts().check(f"https://{PINGONE}{SECRET}")
    LinkHosts([PINGONE]).check(f"https://{PINGONE}{SECRET}")
