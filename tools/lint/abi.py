#!/usr/bin/env python3
"""What programs were compiled against stays: the SDK's libraries lose no name, no constant changes,
and no public structure changes its layout, unless it begins with its size and only grows.

sdk/abi.txt keeps what there was. `tools/lint/abi.py` writes it anew: look at its difference before a
release, and change the soname of the libraries (sdk/meson.build) when a line has gone or changed.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from tree import ROOT  # noqa: E402

KEPT = ROOT / "sdk/abi.txt"
INCLUDE = ROOT / "sdk/include"


def exported():
    for library in sorted((ROOT / "build/release/sdk").glob("libtelltale*.so")):
        done = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True)
        for line in done.stdout.splitlines():
            yield f"{library.name} {line.split()[-1].split('@')[0]}", ""


def blank_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def members(body):
    """Names of the members of a structure that has no other in it; function pointers and arrays, too."""
    body = re.sub(r"\{[^{}]*\}", "", body)
    for declaration in body.split(";"):
        pointer = re.search(r"\(\*(\w+)\)\s*\(", declaration)
        declarators = [pointer.group(1)] if pointer else re.findall(r"(\w+)(?:\[[^\]]*\])*\s*(?:,|$)", declaration.strip())
        yield from (name for name in declarators if not name.isdigit())


def questions(text):
    """(what is asked, C expression) of a header: sizes, offsets, constants."""
    for body, name in re.findall(r"typedef struct \w+ \{((?:[^{}]|\{[^{}]*\})*)\} (tt_\w+);", text):
        yield f"sizeof {name}", f"sizeof({name})"
        for member in members(body):
            yield f"offset {name}.{member}", f"offsetof({name}, {member})"
    for body in re.findall(r"enum(?: tt_\w+)? \{([^{}]*)\}", text):
        for constant in re.findall(r"\b(TT_\w+)\s*(?:=[^,]*)?(?:,|$)", body.strip()):
            yield f"constant {constant}", f"(long long){constant}"


def layout():
    headers = sorted(INCLUDE.rglob("*.h"))
    asked = [q for path in headers for q in questions(blank_comments(path.read_text()))]
    lines = [f'#include "{path.relative_to(INCLUDE)}"' for path in headers]
    lines += ["#include <stddef.h>", "#include <stdio.h>", "int main(void) {"]
    lines += [f'printf("%lld\\n", (long long){expression});' for _, expression in asked]
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "ask"
        subprocess.run(
            ["gcc", "-std=c11", f"-I{INCLUDE}", "-x", "c", "-", "-o", program],
            input="\n".join([*lines, "}"]),
            text=True,
            check=True,
        )
        answers = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split()
    yield from zip((what for what, _ in asked), answers)


def now():
    return dict([*exported(), *layout()])


def kept():
    lines = (line.rpartition(" = ") if " = " in line else (line, "", "") for line in KEPT.read_text().splitlines())
    return {what: value for what, _, value in lines}


def may_grow(what, old, new, current):
    structure = what.removeprefix("sizeof ")
    return what != structure and f"offset {structure}.size" in current and int(new) > int(old)


def check(_tree):
    current = now()
    for what, value in kept().items():
        if what not in current:
            yield f"{what} is gone: programs that use it no longer start"
        elif current[what] != value and not may_grow(what, value, current[what], current):
            yield f"{what} was {value} and is {current[what]}: programs must be compiled again"
    new = len(current.keys() - kept().keys())
    if new:
        print(f"# {new} names, members and constants are new since sdk/abi.txt was written")


if __name__ == "__main__":
    KEPT.write_text("".join(f"{k} = {v}\n" if v else f"{k}\n" for k, v in sorted(now().items())))
