"""Tokens, made by the standard library alone: of each value, without a chunk or a buffer."""

import base64
import hashlib
import unicodedata

from pingone_reports.model.report_file import Format
from pingone_reports.model.request import ExportRequest

KEY = "k" * 64
"""A key of pseudonyms, as long as those of Secrets Manager."""
ENVIRONMENT = "abfba8f6-49eb-49f5-a5d9-80ad5c98f9f6"


def request_for(*fields: str, environment: str = ENVIRONMENT, filter_: str = "") -> ExportRequest:
    """A request for these fields; for all, without."""
    return ExportRequest(
        environment_id=environment,
        report_name="devices",
        fields=fields,
        filter=filter_,
        formats=tuple(Format),
        correlation_id="mine",
    )


def _is_number(whole: str, fraction: str) -> bool:
    return fraction.isdigit() and whole.isdigit() and str(int(whole)) == whole


def token(value: str, field: str = "", key: str = KEY, environment: str = ENVIRONMENT) -> str:
    """What stands in the place of a field's value."""
    value = unicodedata.normalize("NFC", value.strip() or " ")
    whole, point, fraction = value.removeprefix("-").partition(".")
    phone = field in ("phone", "mobilePhone", "phoneNumber")
    if phone and any(map(str.isdecimal, value)) and not any(map(str.isalpha, value)):
        signs = unicodedata.normalize("NFKC", value)
        kept = (sign for sign in signs if sign == "+" or sign.isdecimal())
        value = "".join(sign if sign == "+" else str(int(sign)) for sign in kept)
    elif point and (whole + fraction).isascii() and _is_number(whole, fraction):
        value = value.rstrip("0").removesuffix(".")
    elif field in ("username", "email"):
        value = unicodedata.normalize("NFC", value.lower())
    domain = hashlib.blake2b(environment.encode(), key=key.encode(), person=b"environment")
    mac = hashlib.blake2b(value.encode(errors="surrogatepass"), key=domain.digest(), digest_size=16)
    return base64.b32encode(mac.digest()).decode().rstrip("=").lower()
