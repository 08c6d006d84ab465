"""Pseudonyms: which fields of an export become tokens, and the key that makes them.

A token is a MAC: the same value has the same token in CSV and JSON, in every field and in every
export of an environment, and nobody without the key can try values.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pingone_reports.errors import InvalidPseudonymKey
from pingone_reports.model.export import Export
from pingone_reports.model.filters import HASH, without_values
from pingone_reports.model.report_file import Format
from pingone_reports.model.request import ExportRequest
from pingone_reports.transfer.personal_data import VERSION, PersonalFields
from pingone_reports.transfer.token_stream import CsvTokens, JsonTokens, TokenStream

# A key of Secrets Manager's making is as long as BLAKE2b's longest.
_KEY = re.compile(r"[!-~]{32,64}")


class Pseudonyms:
    """What becomes tokens, and the key. Raises InvalidPseudonymKey.

    The values of `fields` become tokens even if they hold no person.
    """

    def __init__(self, fields: Sequence[str], key: str) -> None:
        if not _KEY.fullmatch(key):
            raise InvalidPseudonymKey(
                "The secret with the key of the pseudonyms must hold 32 to 64 ASCII characters "
                "without a space: give it back the key that it had."
            )
        self._fields, self._key = fields, key.encode()

    def of(self, request: ExportRequest) -> "ExportPseudonyms":
        """Those of an export. No token tells that a person is in two environments."""
        environment = request.environment_id.encode()
        domain = hashlib.blake2b(environment, key=self._key, person=b"environment")
        return ExportPseudonyms(PersonalFields(self._fields, request.fields), domain.digest())


@dataclass(frozen=True)
class ExportPseudonyms:
    """What becomes tokens in one export, and the key of its environment."""

    _fields: PersonalFields
    _key: bytes = field(repr=False)

    def to_document(self) -> dict[str, Any]:
        """What the manifest says of it. The key's id tells keys apart, and nothing of the key."""
        key_id = hashlib.blake2b(key=self._key, digest_size=8, person=b"key id").hexdigest()
        return {"fields": self._fields.names(), "keyId": f"{VERSION}-{key_id}"}

    def without_filter(self, export: Export) -> Export:
        """The export as it is published: its filter's hash is keyed, as values can be tried."""
        hashed = without_values(export.request.filter)
        hidden = HASH.sub(lambda found: self._mac(found[0]), hashed)
        return replace(export, request=replace(export.request, filter=hidden))

    def _mac(self, text: str) -> str:
        return hashlib.blake2b(text.encode(), key=self._key, digest_size=16).hexdigest()

    def in_file(self, file_format: Format) -> TokenStream:
        """What puts the tokens into one file."""
        stream = CsvTokens if file_format is Format.CSV else JsonTokens
        return stream(self._fields, self._key)
