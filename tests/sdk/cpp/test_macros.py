#!/usr/bin/env python3
"""The macros of the public headers in C++: macros.cc uses all of them, compiles without a warning in each
standard by each compiler that is there, with the headers that do nothing, too, and runs.

    test_macros.py CXX SOURCE BUILD INCLUDE... -- FLAG...     prints TAP; without flags nothing is run

BUILD is where sdk/ has the catalog's header, those that do nothing, and the shared libraries.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

cxx, source, build, *rest = sys.argv[1:]
headers = rest[: rest.index("--")]
libraries = rest[rest.index("--") + 1 :]
text = Path(source).read_text(encoding="utf-8")
sdk = Path(build) / "sdk"
include = Path(headers[0]).parent.parent
results = []


def report(ok, what, output=""):
    results.append(ok)
    print(f"{'ok' if ok else 'not ok'} {len(results)} - {what}")
    print("".join(f"# {line}\n" for line in output.splitlines()), end="")


def run(what, *command):
    done = subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    report(done.returncode == 0, what, done.stdout)


defined = {name for header in headers for name in re.findall(r"^#define ((?:TT|tt)_\w+)\(", Path(header).read_text(encoding="utf-8"), re.M)}
defined -= {"TT_OPERATION"}  # by way of TT_LLM_CALL
missing = sorted(name for name in defined if not re.search(rf"\b{name}\(", text))
report(not missing, "all macros are used", f"not used: {missing}" if missing else "")

warnings = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]
for compiler in dict.fromkeys([cxx, *filter(None, [shutil.which("clang++")])]):
    for standard in ("11", "17", "20"):
        what = f"{Path(compiler).name}, C++{standard}"
        compile_as = [compiler, f"-std=c++{standard}", *warnings, "-c", "-o", "/dev/null", source]
        run(what, *compile_as, f"-I{include}", f"-I{sdk}/catalog")
        run(f"{what}, headers that do nothing", *compile_as, f"-I{sdk}/noop")
if libraries:
    with tempfile.TemporaryDirectory() as folder:
        program = f"{folder}/macros"
        run("it links", cxx, "-std=c++17", f"-I{include}", f"-I{sdk}/catalog", source, f"-L{sdk}", f"-Wl,-rpath,{sdk}", *libraries, "-o", program)
        run("it does what the macros say", program)
print(f"1..{len(results)}")
sys.exit(not all(results))
