"""Chaos: real kill -9 over complete runs, and what was lost or done twice, counted outside the journal."""
