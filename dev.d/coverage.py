#!/usr/bin/env python3
"""coverage.py SUMMARY ROOT: line coverage per folder from `llvm-cov export -summary-only`, tests left out."""

import collections
import json
import os
import re
import sys

summary, root = sys.argv[1:3]
folders = collections.defaultdict(lambda: [0, 0])
with open(summary, encoding="utf-8") as file:
    files = json.load(file)["data"][0]["files"]
for entry in files:
    # Compilers write paths relative to the root (-ffile-prefix-map).
    path = os.path.relpath(entry["filename"], root) if entry["filename"].startswith(root) else entry["filename"].lstrip("/")
    if not path.startswith(("src/", "skills/")) or re.search(r"_(sandbox|db)?test\.|/tests/|/testkit/", path):
        continue
    folder = os.path.dirname(path).split("/include")[0]
    lines = entry["summary"]["lines"]
    folders[folder][0] += lines["covered"]
    folders[folder][1] += lines["count"]
print(f"{'folder':<44}{'lines':>8}{'covered':>9}")
for folder, (covered, count) in sorted(folders.items()):
    print(f"{folder:<44}{count:>8}{100 * covered / max(count, 1):>8.1f}%")
covered, count = (sum(column) for column in zip(*folders.values())) if folders else (0, 0)
print(f"{'total':<44}{count:>8}{100 * covered / max(count, 1):>8.1f}%")
