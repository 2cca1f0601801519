#!/usr/bin/env python3
"""Fetch the day's foreign exchange reference rates and load them into the treasury table."""

import json
import urllib.request

with urllib.request.urlopen("https://rates.example.org/daily.json", timeout=30) as answer:
    rates = json.load(answer)
for currency, rate in sorted(rates.items()):
    print(f"INSERT INTO fx_rate (currency, rate) VALUES ('{currency}', {rate});")
