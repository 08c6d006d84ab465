"""The costs of the exporter, measured on this machine: `make benchmark`.

This module holds what the workers need, because they must import nothing that takes memory.
"""

from typing import Literal

Cipher = Literal["AES-256", "ZipCrypto"]

PASSWORD = "correct-horse"
KEY = "k" * 64
"""Of the tokens."""
LANDING_BUCKET = "reports"
CHUNK_BYTES = 128 * 1024
