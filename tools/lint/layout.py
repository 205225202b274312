"""clang-format agrees with every C file; no tabs or trailing blanks elsewhere."""

import re
import subprocess

from tree import ROOT

TEXT = (".py", ".md", ".build", ".js", ".css", ".html", ".yml", ".sh")


def check(tree):
    done = subprocess.run(
        ["clang-format", "--dry-run", "--Werror", *tree.c()],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    wrong = sorted(set(re.findall(r"^(\S+?):\d+:\d+: (?:error|warning)", done.stderr, re.M)))
    yield from (f"{path}: run `make format`" for path in wrong)
    if done.returncode != 0 and not wrong:
        yield done.stderr
    for path in tree.files:
        if path.endswith(TEXT) or path.startswith("tools/"):
            for number, line in enumerate(tree.text(path).split("\n"), 1):
                if line != line.rstrip():
                    yield f"{path}:{number}: blanks at the end of the line"
