"""The project's files, as git knows them, and C text without comments and strings."""

import functools
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# The warnings and search paths that hold for every folder (meson.build has the full list).
C_FLAGS = [
    "-std=c17",
    "-D_POSIX_C_SOURCE=200809L",
    "-D_DEFAULT_SOURCE",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Werror",
    "-Ilib",
    "-Iserver",
    "-Isdk/include",
    "-Isdk/src",
    "-Isdk",
    "-Isdk/exporters",
]

_COMMENT_OR_STRING = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""", re.S | re.X
)


def _blank(match):
    text = match.group(0)
    if text[0] in "\"'":
        return text[0] + " " * (len(text) - 2) + text[0]
    return re.sub(r"[^\n]", " ", text)


class Tree:
    """Paths are relative to the root, as text."""

    def __init__(self):
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        self.files = sorted(f for f in listed if (ROOT / f).is_file())

    def c(self):
        return [f for f in self.files if f.endswith((".c", ".h"))]

    def sources(self):
        return [f for f in self.files if f.endswith(".c")]

    def headers(self):
        return [f for f in self.files if f.endswith(".h")]

    @functools.lru_cache(maxsize=None)
    def text(self, path):
        return (ROOT / path).read_text(encoding="utf-8", errors="replace")

    @functools.lru_cache(maxsize=None)
    def code(self, path):
        """The text with comments and the insides of strings blanked; lines stay where they are."""
        return _COMMENT_OR_STRING.sub(_blank, self.text(path))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
