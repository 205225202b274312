"""Reads the YAML of the catalog: a strict subset, every value with the line it stands on.

Read are block maps and lists, flow lists [a, b] and maps {a: b} on one line, plain and quoted text,
`>` folded text, and comments. Everything else of YAML (anchors, tags, several documents, tabs,
flow values over several lines) is an error, as is a key that is given twice. Scalars stay text:
whoever asks for a number converts it.
"""

import re


class CatalogError(Exception):
    """What is wrong, and where: "file:line: text"."""

    def __init__(self, path, line, text):
        super().__init__(f"{path}:{line}: {text}")


class Text(str):
    """A scalar; `line` is where it stands."""

    def __new__(cls, value, line):
        self = super().__new__(cls, value)
        self.line = line
        return self


class Map(dict):
    """`line` is where it begins."""

    def __init__(self, line):
        super().__init__()
        self.line = line


class List(list):
    def __init__(self, line):
        super().__init__()
        self.line = line


KEY = re.compile(r"""([A-Za-z_$][\w.$-]*|"[^"]*"|'[^']*')\s*:(?:\s+|$)""")
REFUSED = {"&": "an anchor", "*": "an alias", "!": "a tag", "|": "literal text", "%": "a directive",
           "@": "a reserved sign", "`": "a reserved sign", "?": "a complex key"}


class Line:
    def __init__(self, number, text):
        self.number = number
        self.indent = len(text) - len(text.lstrip(" "))
        self.text = text.strip()


class Reader:
    def __init__(self, path, source):
        self.path = path
        self.raw = source.split("\n")
        self.lines = []
        self.at = 0
        for number, text in enumerate(self.raw, 1):
            if "\t" in text:
                self.fail(number, "a tab; only blanks may indent")
            kept = self.without_comment(text)
            if kept.strip():
                self.lines.append(Line(number, kept))

    def fail(self, line, text):
        raise CatalogError(self.path, line, text)

    @staticmethod
    def without_comment(text):
        quote = None
        for i, sign in enumerate(text):
            if quote:
                quote = None if sign == quote else quote
            elif sign in "\"'" and (i == 0 or text[i - 1] in " [{,:"):
                quote = sign
            elif sign == "#" and (i == 0 or text[i - 1] == " "):
                return text[:i]
        return text

    def document(self):
        if not self.lines:
            self.fail(1, "nothing in it")
        if self.lines[0].text.startswith("---"):
            self.fail(self.lines[0].number, "'---': a file is one document without a head")
        value = self.block(self.lines[0].indent)
        if self.at < len(self.lines):
            self.fail(self.lines[self.at].number, "indented less than what it follows")
        return value

    def block(self, indent):
        """The map or list whose lines stand at `indent`."""
        line = self.lines[self.at]
        if line.text == "-" or line.text.startswith("- "):
            return self.block_list(indent)
        if KEY.match(line.text):
            return self.block_map(indent)
        self.fail(line.number, f"{line.text!r}: expected 'key: value' or '- item'")

    def block_list(self, indent):
        out = List(self.lines[self.at].number)
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.indent < indent or not (line.text == "-" or line.text.startswith("- ")):
                break
            if line.indent > indent:
                self.fail(line.number, f"indented by {line.indent}, its list by {indent}")
            rest = line.text[1:].strip()
            if not rest:
                self.at += 1
                out.append(self.nested(line, indent))
            elif KEY.match(rest):
                # "- key: value" begins a map that goes on below, where the key stands.
                line.indent += len(line.text) - len(rest)
                line.text = rest
                out.append(self.block_map(line.indent))
            else:
                self.at += 1
                out.append(self.scalar(rest, line))
        return out

    def block_map(self, indent):
        out = Map(self.lines[self.at].number)
        while self.at < len(self.lines):
            line = self.lines[self.at]
            if line.indent < indent:
                break
            if line.indent > indent:
                self.fail(line.number, f"indented by {line.indent}, its map by {indent}")
            found = KEY.match(line.text)
            if not found:
                break
            key = found.group(1).strip("\"'")
            if key in out:
                self.fail(line.number, f"{key}: given twice")
            rest = line.text[found.end():].strip()
            self.at += 1
            if rest == ">":
                out[Text(key, line.number)] = self.folded(line, indent)
            elif rest:
                out[Text(key, line.number)] = self.scalar(rest, line)
            else:
                out[Text(key, line.number)] = self.nested(line, indent)
        return out

    def nested(self, line, indent):
        """What stands below a key or dash; lists may stand at the key's own indent."""
        if self.at < len(self.lines):
            below = self.lines[self.at]
            item = below.text == "-" or below.text.startswith("- ")
            if below.indent > indent or (below.indent == indent and item and line.text[0] != "-"):
                return self.block(below.indent)
        self.fail(line.number, f"{line.text!r}: no value")

    def folded(self, line, indent):
        words = []
        while self.at < len(self.lines) and self.lines[self.at].indent > indent:
            words.append(self.raw[self.lines[self.at].number - 1].strip())
            self.at += 1
        if not words:
            self.fail(line.number, "'>' with no text below")
        return Text(" ".join(words), line.number)

    # --- values on one line ---

    def scalar(self, text, line):
        value, rest = self.value(text, line.number, "")
        if rest.strip():
            self.fail(line.number, f"{rest.strip()!r} after a value; quote text that has signs in it")
        return value

    def value(self, text, number, ends):
        """A value and what follows; plain text ends at one of `ends`."""
        text = text.lstrip()
        if text[:1] in ("[", "{"):
            return self.flow(text, number)
        if text[:1] in ("'", '"'):
            end = text.find(text[0], 1)
            if end < 0:
                self.fail(number, f"{text}: the quote has no end")
            if "\\" in text[:end] and text[0] == '"':
                self.fail(number, f"{text[:end + 1]}: escapes are not read")
            return Text(text[1:end], number), text[end + 1:]
        if text[:1] in REFUSED:
            self.fail(number, f"{text!r}: {REFUSED[text[0]]}, which is not read; quote it as text")
        n = next((i for i, sign in enumerate(text) if sign in ends), len(text))
        plain = text[:n].rstrip()
        if not plain:
            self.fail(number, "a value is missing")
        if re.search(r":(\s|$)", plain):
            self.fail(number, f"{plain!r}: ': ' within text; quote it")
        return Text(plain, number), text[n:]

    def flow(self, text, number):
        is_map = text[0] == "{"
        close = "}" if is_map else "]"
        out = Map(number) if is_map else List(number)
        text = text[1:].lstrip()
        while not text.startswith(close):
            if not text:
                self.fail(number, f"no {close!r} at the end of the line")
            key = None
            if is_map:
                found = KEY.match(text)
                if not found:
                    self.fail(number, f"{text!r}: expected 'key: value'")
                key = Text(found.group(1).strip("\"'"), number)
                if key in out:
                    self.fail(number, f"{key}: given twice")
                text = text[found.end():]
            value, text = self.value(text, number, "," + close)
            if is_map:
                out[key] = value
            else:
                out.append(value)
            text = text.lstrip()
            if text.startswith(","):
                text = text[1:].lstrip()
            elif text and not text.startswith(close):
                self.fail(number, f"{text!r}: expected ',' or {close!r}")
        return out, text[1:]


def read(path, source):
    """The document as Map, List and Text; CatalogError otherwise."""
    return Reader(path, source).document()
