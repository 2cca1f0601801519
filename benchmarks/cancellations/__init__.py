"""Cancelled runs: what whole runs leave behind when they are cancelled at random moments."""
