#!/usr/bin/env python3
"""Runs the tests of this folder, written with unittest, and prints TAP."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "catalog")]


class Tap(unittest.TestResult):
    def point(self, test, ok, text=""):
        print(f"{'ok' if ok else 'not ok'} {self.testsRun} - {test.id()}")
        for line in text.splitlines():
            print(f"# {line}")

    def addSuccess(self, test):
        self.point(test, True)

    def addError(self, test, err):
        super().addError(test, err)
        self.point(test, False, self.errors[-1][1])

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.point(test, False, self.failures[-1][1])

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err:
            print(f"# {subtest.id()}: {err[1]}")


suite = unittest.defaultTestLoader.discover(str(HERE))
print(f"1..{suite.countTestCases()}")
result = Tap()
suite.run(result)
sys.exit(0 if result.wasSuccessful() else 1)
