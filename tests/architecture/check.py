#!/usr/bin/env python3
"""The architecture, enforced: runs every rule of rules.py over the tree, and with --self-test shows that each rule
fails on a planted violation.

usage: check.py [--self-test] [RULE]

Needs nothing but Python 3. The last line is `N passed, N failed, N skipped`.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import rules  # noqa: E402
import self_test  # noqa: E402
from tree import Tree  # noqa: E402


def main(arguments):
    names = [name for name in arguments if not name.startswith("--")]
    passed = failed = 0
    tree = Tree.of_folder(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    for name, rule in rules.RULES.items():
        if names and name not in names:
            continue
        violations = rule(tree)
        print(f"{'ok    ' if not violations else 'FAILED'} {name}: {rule.__doc__.strip().splitlines()[0]}")
        for violation in violations:
            print(f"         {violation}")
        passed, failed = passed + (not violations), failed + bool(violations)
    if "--self-test" in arguments:
        for name, error in self_test.run(names):
            print(f"{'ok    ' if not error else 'FAILED'} self-test {name}{': ' + error if error else ''}")
            passed, failed = passed + (not error), failed + bool(error)
    for path, lines in rules.long_files(tree):
        print(f"note: {path} has {lines} lines; the aim is {rules.AIM_LINES}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
