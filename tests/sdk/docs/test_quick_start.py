#!/usr/bin/env python3
"""The first program of docs/sdk/README.md and the examples compile without a warning as strict C11, the
program as C++17, too, and it needs nothing of its own.

    test_quick_start.py CC CXX README INCLUDE NOOP_INCLUDE CATALOG_INCLUDE EXAMPLE.c...     prints TAP
"""

import re
import subprocess
import sys
from pathlib import Path

compiler, cxx, readme, include, noop, catalog, *examples = sys.argv[1:]
program = re.search(r"^```c\n(.*?)^```", Path(readme).read_text(encoding="utf-8"), re.M | re.S).group(1)
warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", "/dev/null"]
c = [compiler, "-std=c11", *warnings]
cpp = [cxx, "-std=c++17", *warnings]

# The headers that do nothing are linked with no library: what is left undeclared would be missing.
CASES = {
    "the quick start compiles": [*c, f"-I{include}", "-c", "-x", "c", "-"],
    "the quick start compiles as C++": [*cpp, f"-I{include}", "-c", "-x", "c++", "-"],
    "the quick start links with what it declares": [*c, f"-I{noop}", "-x", "c", "-"],
}
for path in examples:
    CASES[f"the example {Path(path).name} compiles"] = [*c, f"-I{include}", f"-I{catalog}", "-c", path]
print(f"1..{len(CASES)}")
failed = 0
for number, (what, command) in enumerate(CASES.items(), 1):
    result = subprocess.run(command, input=program, text=True, capture_output=True, check=False)
    failed += result.returncode != 0
    print(f"{'not ok' if result.returncode else 'ok'} {number} - {what}")
    print("".join(f"# {line}\n" for line in result.stderr.splitlines()), end="")
sys.exit(failed > 0)
