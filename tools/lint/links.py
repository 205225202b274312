"""Links between the project's pages lead somewhere, each page of docs/ is linked from another, and
sources that pages name exist."""

import os
import re

from tree import ROOT, line_of

_FENCED = re.compile(r"^ *```.*?^ *```", re.S | re.M)
_INLINE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.M)
_SOURCE = re.compile(r"`([\w/.-]+\.(?:c|h|py|js|json|md))`")


def _blank(match):
    return re.sub(r"[^\n]", " ", match.group(0))


def _anchor(heading):
    """As GitHub makes it: lower case, no punctuation, hyphens for blanks."""
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading)
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def _anchors(tree, path):
    prose = _FENCED.sub(_blank, tree.text(path))
    return {_anchor(heading) for heading in _HEADING.findall(prose)}


def _links(tree, page):
    """For each link to a file: where it stands, its text, the file, the heading."""
    prose = _INLINE.sub(_blank, _FENCED.sub(_blank, tree.text(page)))
    for match in _LINK.finditer(prose):
        link = match.group(1)
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = os.path.normpath(os.path.join(os.path.dirname(page), path)) if path else page
        yield f"{page}:{line_of(prose, match.start())}", link, target, anchor


def _dead_links(tree, page):
    for where, link, target, anchor in _links(tree, page):
        if not (ROOT / target).exists():
            yield f"{where}: {link}: no such file"
        elif anchor and target.endswith(".md") and anchor not in _anchors(tree, target):
            yield f"{where}: {link}: no such heading in {target}"


def _unknown_sources(tree, page, names):
    """Only pages on design: others name files of their readers, too."""
    prose = _FENCED.sub(_blank, tree.text(page))
    for match in _SOURCE.finditer(prose):
        path = match.group(1)
        beside = os.path.normpath(os.path.join(os.path.dirname(page), path))
        if "/" + path not in names and beside not in tree.files:
            yield f"{page}:{line_of(prose, match.start())}: {path}: no such source"


def _orphans(tree, pages):
    linked = {target for page in pages for _, _, target, _ in _links(tree, page) if target != page}
    for page in pages:
        if page.startswith("docs/") and page not in linked:
            yield f"{page}: no page links to it"


def check(tree):
    names = set()  # each path from each of its folders on: /c.h /b/c.h /a/b/c.h
    for path in tree.files:
        parts = path.split("/")
        names.update("/" + "/".join(parts[i:]) for i in range(len(parts)))
    pages = [path for path in tree.files if path.endswith(".md")]
    for page in pages:
        yield from _dead_links(tree, page)
        if page.startswith("docs/design/"):
            yield from _unknown_sources(tree, page, names)
    yield from _orphans(tree, pages)
