"""Scenarios: UAT replayed in virtual time."""
