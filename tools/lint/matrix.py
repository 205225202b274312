"""docs/otel-compliance.md has each row of OpenTelemetry's matrix, and names tests that exist.

A cell of the last column is a list, parted by semicolons: a file, or a file and what it has to have.
`test_span: a, b (a remark)` are tests of that file; `view.h: attribute_keys` are words of a header.
What has no file before a colon goes on with the one before, and may be a remark.
"""

import re

DOCUMENT = "docs/otel-compliance.md"
FEATURES = "tests/sdk/docs/features.txt"

_COLUMNS = re.compile(r"(?<!\\)\|")
_REMARK = re.compile(r"\([^()]*\)")
_TEST = re.compile(r"test_\w+")
_SCRIPT = re.compile(r"(e2e|support)/[\w.]+")
_HEADER = re.compile(r"[\w/]+\.[ch]")
_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)+")


def features(text):
    section = None
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and not line.startswith("#"):
            yield section, line


def rows(text):
    """Line number, section, feature, mark and evidence of each row."""
    section = None
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("## "):
            section = line[3:].strip()
        elif line.startswith("| ") and not line.startswith("| feature "):
            cells = [c.strip() for c in _COLUMNS.split(line)[1:-1]]
            if len(cells) == 3:
                yield number, section, *cells
            else:
                yield number, section, line, "?", ""


class Evidence:
    """Finds what a cell names, in the files of the tree."""

    def __init__(self, tree):
        self.tree = tree

    def _texts(self, ending, *tops):
        found = [f for f in self.tree.files if f.startswith(tops) and ("/" + f).endswith("/" + ending)]
        return "\n".join(self.tree.text(f) for f in found) if found else None

    def _of_test(self, name, text, words):
        for word in words:
            if not re.search(rf"\btest_{word}\(", text):
                yield f"{name} has no test {word}"

    def _file(self, item):
        """The text behind an item's first word, or None if that is not a file's."""
        name = item.split(":")[0].split(",")[0].split()[0] if item.split() else ""
        if _TEST.fullmatch(name):
            return name, self._texts(name + ".c", "tests/"), True
        if _SCRIPT.fullmatch(name):
            return name, self._texts(name, "tests/"), False
        if _HEADER.fullmatch(name):
            return name, self._texts(name, "sdk/"), False
        return None

    def problems(self, cell):
        seen, name, text, of_tests = 0, "", None, False
        for item in (i.strip() for i in _REMARK.sub("", cell).split(";")):
            found = self._file(item)
            if found:
                name, text, of_tests = found
                seen += 1
                if text is None:
                    yield f"there is no {name}"
                    continue
                item = item[len(name) :]
            words = [w for w in re.findall(r"\w+", item) if _NAME.fullmatch(w)]
            if of_tests and text is not None:
                yield from self._of_test(name, text, words)
            elif text is not None:
                yield from (f"{name} has no {w}" for w in words if not re.search(rf"\b{w}\b", text))
        if not seen:
            yield "no test or header is named"


def check(tree):
    text = tree.text(DOCUMENT)
    wanted, there, plus = list(features(tree.text(FEATURES))), [], 0
    evidence = Evidence(tree)
    for number, section, feature, mark, cell in rows(text):
        there.append((section, feature))
        plus += mark == "+"
        if mark == "+":
            yield from (f"{DOCUMENT}:{number}: {feature}: {p}" for p in evidence.problems(cell))
        elif mark or not cell:
            yield f"{DOCUMENT}:{number}: {feature}: expected +, or nothing and a reason"
    for missing in (f for f in wanted if f not in there):
        yield f"{DOCUMENT}: no row for {missing[1]} of {missing[0]}"
    for other in (f for f in there if f not in wanted):
        yield f"{DOCUMENT}: {other[1]} of {other[0]} is not in {FEATURES}"
    if len(there) == len(wanted) and there != wanted and sorted(there) == sorted(wanted):
        yield f"{DOCUMENT}: the rows are in another order than those of {FEATURES}"
    count = f"{plus} of {len(wanted)} rows"
    if count not in " ".join(text.split()):
        yield f"{DOCUMENT}: should say that it is {count}"
