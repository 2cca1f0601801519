#!/usr/bin/env python3
"""Verify last night's database backup: restore it into a scratch schema and compare row counts.

Usage: verify_backup.py DUMP
"""

import subprocess
import sys


def main(dump: str) -> int:
    subprocess.run(["createdb", "scratch"], check=True)
    subprocess.run(["pg_restore", "--dbname=scratch", "--jobs=4", dump], check=True)
    return subprocess.run(["psql", "scratch", "--file=compare_counts.sql"], check=True).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
