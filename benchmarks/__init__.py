"""What the exporter costs, measured on this machine: `make benchmark`.

What workers need too is here, because they import nothing that costs memory.
"""

from typing import Literal

Cipher = Literal["AES-256", "ZipCrypto"]

PASSWORD = "correct-horse"
LANDING_BUCKET = "reports"
CHUNK_BYTES = 128 * 1024
