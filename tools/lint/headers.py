"""Each header compiles alone, and has a guard named after its path.

The SDK's public headers do so in C11 and in C++ without extensions, and with all warnings.
"""

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


def compile_as_users_do(path):
    warnings = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
    languages = [("gcc", "c11", "c"), ("g++", "c++11", "c++"), ("clang++", "c++20", "c++")]
    for compiler, standard, language in languages:
        done = subprocess.run(
            [compiler, f"-std={standard}", "-pedantic-errors", *warnings, "-Isdk/include", "-fsyntax-only"]
            + ["-x", language, "-"],
            cwd=ROOT,
            input=f'#include "{path.removeprefix("sdk/include/")}"\nextern int nothing_else;\n',
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            return path, done.stderr
    return path, ""


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
        public = [path for path in tree.headers() if path.startswith("sdk/include/")]
        for _, errors in pool.map(compile_as_users_do, public):
            if errors:
                yield errors
