#!/usr/bin/env python3
"""Makes zip_codes.bin: which of the 100,000 possible ZIP codes there are, one bit each.

    pip install zipcodes==3.0.0 && python3 src/detect/checks/zip_codes.py src/detect/checks/zip_codes.bin

Code `n` is bit `n % 8` of byte `n / 8`. The data is that of the package `zipcodes` 3.0.0 (MIT), which holds the codes of the United
States Postal Service, decommissioned ones included: they stay in records.
"""
import sys

import zipcodes

table = bytearray(100_000 // 8)
for entry in zipcodes.list_all():
    code = int(entry["zip_code"])
    table[code // 8] |= 1 << code % 8
with open(sys.argv[1], "wb") as out:
    out.write(table)
