"""No marks of unfinished work, and no merge left-overs."""

import re

from tree import line_of

MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b|^(<<<<<<<|>>>>>>>)( |$)", re.M)
NOT_OURS = ("LICENSE", "package-lock.json", "tools/lint/words.py")
TEXT = (".c", ".h", ".py", ".js", ".html", ".css", ".md", ".build", ".yml", ".sh", "Makefile")


def check(tree):
    for path in tree.files:
        if path.endswith(NOT_OURS) or not (path.endswith(TEXT) or path.startswith("tools/")):
            continue
        text = tree.text(path)
        for match in MARKS.finditer(text):
            yield f"{path}:{line_of(text, match.start())}: {match.group(0).strip()}"
