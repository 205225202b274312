#!/usr/bin/env python3
"""The first program of docs/sdk/README.md compiles without a warning, and needs nothing of its own.

    test_quick_start.py CC README INCLUDE NOOP_INCLUDE      prints TAP
"""

import re
import subprocess
import sys
from pathlib import Path

compiler, readme, include, noop = sys.argv[1:]
program = re.search(r"^```c\n(.*?)^```", Path(readme).read_text(encoding="utf-8"), re.M | re.S).group(1)
strict = [compiler, "-std=c17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-x", "c", "-", "-o", "/dev/null"]

# The headers that do nothing are linked with no library: what is left undeclared would be missing.
CASES = {
    "the quick start compiles": [f"-I{include}", "-c"],
    "the quick start links with what it declares": [f"-I{noop}"],
}
print(f"1..{len(CASES)}")
failed = 0
for number, (what, arguments) in enumerate(CASES.items(), 1):
    result = subprocess.run([*strict, *arguments], input=program, text=True, capture_output=True, check=False)
    failed += result.returncode != 0
    print(f"{'not ok' if result.returncode else 'ok'} {number} - {what}")
    print("".join(f"# {line}\n" for line in result.stderr.splitlines()), end="")
sys.exit(failed > 0)
