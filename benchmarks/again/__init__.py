"""Decisions taken again: a run over real requests, and whether its records foretell another run."""
