"""Runs the kit's tests and says how many passed, in the words of ./dev test."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
suite = unittest.defaultTestLoader.discover(str(pathlib.Path(__file__).parent))
result = unittest.TextTestRunner(stream=sys.stderr).run(suite)
bad = result.failures + result.errors + [(test, "") for test in result.unexpectedSuccesses]
for test, _ in bad:
    print(f"  failed: {test}")
print(f"kits (python): {result.testsRun - len(bad) - len(result.skipped)} passed, {len(bad)} failed, {len(result.skipped)} skipped")
sys.exit(1 if bad else 0)
