"""Each header compiles alone, and has a guard named after its path."""

import concurrent.futures
import re
import subprocess

from tree import C_FLAGS, ROOT


def compile_alone(path):
    done = subprocess.run(
        ["gcc", *C_FLAGS, "-Itests", "-I.", "-fsyntax-only", "-x", "c", "-"],
        cwd=ROOT,
        # Included from a file: a header compiled as a main file may not be one pragma longer.
        input=f'#include "{path}"\nextern int nothing_else;\n',
        capture_output=True,
        text=True,
    )
    return path, done.stderr if done.returncode != 0 else ""


def guard_of(path):
    words = re.sub(r"^(lib|server|sdk/src|sdk/include/telltale)/", "", path)
    return "TELLTALE_" + re.sub(r"[^A-Za-z0-9]", "_", words).upper()


def check(tree):
    for path in tree.headers():
        if f"#ifndef {guard_of(path)}\n#define {guard_of(path)}\n" not in tree.text(path):
            yield f"{path}: the guard must be {guard_of(path)}"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        for path, errors in pool.map(compile_alone, tree.headers()):
            if errors:
                yield errors
