"""The program exports no symbol of its own, and a library's names are its module's.

Every global function or object of libFOLDER.a stands in a header (the compiler checks functions by
-Wmissing-prototypes; here the objects are checked, too), and no name is defined twice.
"""

import re
import subprocess

from tree import ROOT

PROGRAM = ROOT / "build/release/server/telltale"
# What the linker puts there for every program.
LINKER = {"_IO_stdin_used", "_start", "__bss_start", "_edata", "_end", "__data_start"}


def symbols(path, *flags):
    done = subprocess.run(["nm", *flags, path], capture_output=True, text=True, check=True)
    return [line.split() for line in done.stdout.splitlines() if line and not line.endswith(":")]


def check_program():
    if not PROGRAM.exists():
        yield f"{PROGRAM.relative_to(ROOT)} was not built"
        return
    # Symbols with a version (stderr@GLIBC_2.2.5) are copies of the C library's.
    for fields in symbols(PROGRAM, "-D", "--defined-only"):
        if "@" not in fields[-1] and fields[-1] not in LINKER:
            yield f"telltale exports {fields[-1]}"


def check_libraries(tree):
    declared = "\n".join(tree.code(path) for path in tree.headers())
    words = set(re.findall(r"\w+", declared))
    where = {}
    for library in sorted((ROOT / "build/release").glob("*/*/lib*.a")):
        for fields in symbols(library, "-g", "--defined-only"):
            name = fields[-1]
            if name in where:
                yield f"{library.name}: {name} is defined in {where[name]}, too"
            where[name] = library.name
            if name not in words and not name.startswith("_binary_"):
                yield f"{library.name}: {name} is global but stands in no header: make it static"


def check(tree):
    done = subprocess.run([ROOT / "tools/build", "release"], capture_output=True, text=True)
    if done.returncode != 0:
        yield done.stdout + done.stderr
        return
    yield from check_program()
    yield from check_libraries(tree)
