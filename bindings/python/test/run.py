"""Runs all tests and says, last, "N passed, N failed[, N skipped]"."""
import pathlib
import sys
import unittest


def main():
    here = str(pathlib.Path(__file__).resolve().parent)
    tests = unittest.defaultTestLoader.discover(here, pattern=(sys.argv[1:] or ["test_*.py"])[0])
    result = unittest.TextTestRunner(verbosity=2).run(tests)
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    skipped = len(result.skipped)
    line = f"{result.testsRun - bad - skipped} passed, {bad} failed"
    print(line + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if bad or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
