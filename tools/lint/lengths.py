"""Prints the ten longest functions and keeps functions and files from growing without end.

A function is what stands between a `{` and a `}` in the first column, which clang-format ensures.
"""

import re

FUNCTION_MAX = 80
FILE_MAX = 900
SHOWN = 10

# Longer ones, and why each is.
LONG = {}


def functions(tree, path):
    """Yields (lines, name, first line)."""
    lines = tree.code(path).split("\n")
    begin = None
    for number, line in enumerate(lines):
        if line == "{":
            begin = number
        elif line == "}" and begin is not None:
            head = begin - 1
            while head > 0 and not re.match(r"[A-Za-z_]", lines[head]):
                head -= 1
            name = re.search(r"(\w+)\s*\(", lines[head])
            yield number - head + 1, name.group(1) if name else "?", head + 1
            begin = None


def check(tree):
    ours = [f for f in tree.sources() if f.startswith(("lib/", "sdk/", "server/"))]
    found = [(n, name, path, at) for path in ours for n, name, at in functions(tree, path)]
    found.sort(reverse=True)
    print("# the longest functions:")
    for n, name, path, at in found[:SHOWN]:
        print(f"#   {n:4} lines  {name}  {path}:{at}")
    if found:
        print(f"#   {found[len(found) // 2][0]:4} lines is the median of {len(found)}")
    for n, name, path, at in found:
        if n > LONG.get((path, name), (FUNCTION_MAX, ""))[0]:
            yield f"{path}:{at}: {name} has {n} lines, more than {FUNCTION_MAX}"
    for path in tree.c():
        n = tree.text(path).count("\n")
        if n > FILE_MAX and not path.startswith("tests/"):
            yield f"{path}: {n} lines, more than {FILE_MAX}: is it one subject?"
