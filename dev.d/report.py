#!/usr/bin/env python3
"""Counts what the suites of ./dev test left behind and prints the closing table.

usage: report.py RESULTS SUITE...

Each suite has RESULTS/SUITE.exit ("code seconds") and one of:
  SUITE.ctest.json + SUITE.junit.xml + SUITE.gtest/*.json   GoogleTest executables run by CTest
  SUITE.vitest.json                                         Vitest
  SUITE.log                                                 lines `N passed, N failed, N skipped`, also with a
                                                            name before: `SUITE: …`, `SUITE (part): …` (a row each)
A suite that exits with an error although no test failed, or that leaves no counts, adds one failure.
"""

import json
import os
import re
import sys
import xml.etree.ElementTree as xml

TOTALS = re.compile(r"^(?:(\w+)(?: \(([^)]+)\))?: )?(\d+) passed, (\d+) failed, (\d+) skipped$")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def googletest(results, suite):
    """Every executable that CTest lists must have reported; one that did not, or died, is a failure."""
    passed = failed = skipped = 0
    notes = []
    verdicts = {}
    junit = os.path.join(results, suite + ".junit.xml")
    if os.path.exists(junit):
        verdicts = {case.get("name"): case.get("status") for case in xml.parse(junit).getroot().iter("testcase")}
    for test in load(os.path.join(results, suite + ".ctest.json"))["tests"]:
        name = test["name"]
        program = os.path.basename(test.get("command", [name])[0])
        before = failed
        try:
            report = load(os.path.join(results, suite + ".gtest", program + ".json"))
        except (OSError, ValueError):
            report = None
            failed += 1
            notes.append(f"{name}: ended without a report")
        for group in report["testsuites"] if report else []:
            for case in group["testsuite"]:
                if case.get("failures"):
                    failed += 1
                    notes.append(f"{group['name']}.{case['name']}: failed")
                elif case.get("result") == "SKIPPED" or case.get("status") == "NOTRUN":
                    skipped += 1
                else:
                    passed += 1
        if verdicts.get(name) != "run" and failed == before:
            failed += 1
            notes.append(f"{name}: no test failed, but the program did ({verdicts.get(name, 'did not run')})")
    return passed, failed, skipped, notes


def vitest(path):
    report = load(path)
    notes = [case["fullName"] + ": failed" for file in report["testResults"] for case in file["assertionResults"]
             if case["status"] == "failed"]
    failed = report["numFailedTests"]
    for file in report["testResults"]:
        if file["status"] == "failed" and not any(c["status"] == "failed" for c in file["assertionResults"]):
            failed += 1
            notes.append(os.path.basename(file["name"]) + ": could not run")
    return report["numPassedTests"], failed, report["numPendingTests"] + report["numTodoTests"], notes


def log_totals(path, suite):
    """Parts if there are any, else the last totals; notes are the runner's `  failed: …` lines."""
    parts, total, notes = {}, None, []
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            line = ESCAPES.sub("", line).rstrip()
            if match := TOTALS.match(line):
                numbers = tuple(int(count) for count in match.groups()[2:])
                if match[2]:
                    parts[match[2]] = numbers
                elif match[1] in (None, suite):
                    total = numbers
            elif line.startswith("  failed: "):
                notes.append(line[len("  failed: "):])
    if total is None:
        return None
    return (*total, notes, parts)


def counts(results, suite):
    path = lambda ending: os.path.join(results, suite + ending)
    if os.path.exists(path(".ctest.json")):
        return googletest(results, suite)
    if os.path.exists(path(".vitest.json")):
        return vitest(path(".vitest.json"))
    if os.path.exists(path(".log")):
        return log_totals(path(".log"), suite)
    return None


def main(results, suites):
    total = [0, 0, 0]
    rows, notes = [], []
    for suite in suites:
        with open(os.path.join(results, suite + ".exit"), encoding="utf-8") as file:
            code, seconds = file.read().split()
        counted = counts(results, suite) or (0, 0, 0, ["left no counts: it did not run"])
        passed, failed, skipped, said = counted[:4]
        parts = counted[4] if len(counted) > 4 else {}
        if not passed and not failed and not skipped:
            failed = 1
            said = said or ["has no tests"]
        elif code != "0" and failed == 0:
            failed = 1
            said.append(f"no test failed, but the runner ended with {code}")
        rows.append((suite, passed, failed, skipped, seconds))
        rows += [("  " + part, *numbers, "") for part, numbers in parts.items()]
        notes += [f"{suite}: {note}" for note in said]
        total = [a + b for a, b in zip(total, (passed, failed, skipped))]
    print(f"\n{'suite':<20}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    for suite, passed, failed, skipped, seconds in rows:
        print(f"{suite:<20}{passed:>8}{failed:>8}{skipped:>9}{seconds:>9}")
    for note in notes:
        print("  " + note)
    print("{} passed, {} failed, {} skipped".format(*total))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
