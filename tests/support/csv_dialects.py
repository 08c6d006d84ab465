"""How the csv module writes what it reads back as it was."""

import csv

# Before 3.13, it quotes a return by itself only where it ends lines.
DIALECTS = [("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]
"""Line ends, and what is quoted."""
