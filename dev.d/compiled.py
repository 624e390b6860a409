#!/usr/bin/env python3
"""compiled.py COMPILE_COMMANDS: of the NUL-separated paths on standard input, those that are compiled."""

import json
import os
import sys

with open(sys.argv[1], encoding="utf-8") as file:
    compiled = {os.path.realpath(os.path.join(entry["directory"], entry["file"])) for entry in json.load(file)}
for path in sys.stdin.read().split("\0"):
    if path and os.path.realpath(path) in compiled:
        sys.stdout.write(path + "\0")
