"""What somebody with a tenant can do about an export that failed, in their terms."""

from collections.abc import Sequence

from local.observations import Note
from local.tenant import REGIONS, Tenant

_UNREACHABLE = ("PingOneUnavailable", "DownloadInterrupted", "UntrustedCertificate")


def advice(error: str, notes: Sequence[Note], tenant: Tenant) -> str:
    """What to do about this error; `notes` are what was met at PingOne until then."""
    calls = [note for note in notes if note["kind"] == "call"] or [{"call": "", "status": None}]
    last = calls[-1]
    if error in _UNREACHABLE and last["status"] is None and last.get("error"):
        return _unreachable(str(last["host"]), str(last["error"]))
    if last["call"] == "token" and last["status"] == 404:
        return _unknown_environment(tenant)
    if error == "Unauthorized" and last["call"] == "token":
        return (
            "Check PINGONE_CLIENT_ID and PINGONE_CLIENT_SECRET. The worker application must be "
            "enabled, in this environment, with the token endpoint authentication method Client "
            "Secret Basic."
        )
    named = tenant.parameters
    match error:
        case "Unauthorized":
            return "PingOne does not take its own token: check PINGONE_API_URL and PINGONE_REGION."
        case "AccessDenied":
            return (
                f"Give the worker application {tenant.client_id} the role Identity Data Read Only "
                "(newer: Identity Data Read-Only Admin) for this environment: in PingOne's "
                "console, Applications, the application, Roles. If it has that, try Identity Data "
                "Admin, and say in the issue which role was enough."
            )
        case "ReportRejected" if last["status"] == 404:
            return "PingOne does not know this environment: check PINGONE_ENVIRONMENT_ID."
        case "ReportRejected":
            names = [name for name in ("ReportFields", "ReportFilter") if named.get(name)]
            wrong = " or ".join(f"PINGONE_REPORT_{name[6:].upper()}" for name in names)
            return f"Correct {wrong}: PingOne says above what is wrong." if wrong else _REPORT
        case "LinkNotAllowed":
            hosts = sorted(
                {str(link["host"]) for note in notes for link in note.get("links", {}).values()}
            )
            return (
                f"PingOne's links lead to {', '.join(hosts) or 'another host'}. If that is "
                "PingOne's, set PINGONE_LINK_HOSTS to it, and tell it in the issue."
            )
        case "QualityGateFailed":
            return (
                f"The report is far from the one before. Look at it below {tenant.out}, and remove "
                f"{tenant.out / 'history.json'} if it is right."
            )
        case "RateLimited" | "DeadlineExceeded" | "PingOneUnavailable":
            return "PingOne is busy, or something is broken there: try again later."
    return _REPORT


_REPORT = (
    "Please report this with the fact sheet, which says what PingOne did, and holds nobody's data."
)


def _unreachable(host: str, reason: str) -> str:
    if "SSL" in reason or "Certificate" in reason:
        return (
            f"The certificate of {host} is not trusted. If a proxy here decrypts TLS, set "
            "REQUESTS_CA_BUNDLE to the file or folder with its authority."
        )
    if "Proxy" in reason:
        return f"The proxy does not lead to {host}: check HTTPS_PROXY."
    return (
        f"{host} cannot be reached from here ({reason}). Check the network, and HTTPS_PROXY if "
        "this machine needs a proxy."
    )


def _unknown_environment(tenant: Tenant) -> str:
    if tenant.parameters.get("TokenUrl"):
        return "Nothing answers there: check PINGONE_TOKEN_URL."
    return (
        f"PingOne knows no environment {tenant.environment_id} in the region {tenant.region}. If "
        f"the id is right, set PINGONE_REGION to its region: {', '.join(REGIONS)}."
    )
