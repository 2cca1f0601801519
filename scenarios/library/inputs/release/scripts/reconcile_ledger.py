#!/usr/bin/env python3
"""Reconcile the general ledger with the sub-ledgers and print every difference above one cent."""

import csv
import sys
from decimal import Decimal


def totals(path):
    sums = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            sums[row["account"]] = sums.get(row["account"], Decimal(0)) + Decimal(row["amount"])
    return sums


general, detail = totals(sys.argv[1]), totals(sys.argv[2])
for account in sorted(general.keys() | detail.keys()):
    gap = general.get(account, Decimal(0)) - detail.get(account, Decimal(0))
    if abs(gap) > Decimal("0.01"):
        print(account, gap)
