"""Malformed inputs by the thousand, for each parser: only our own errors, soon, and in little memory."""
