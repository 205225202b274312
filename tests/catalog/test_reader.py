"""The YAML that catalog/reader.py reads, and what it refuses."""

import unittest

from reader import CatalogError, read


class Reading(unittest.TestCase):
    def test_blocks_nest_by_indentation(self):
        source = "a: 1\nb:\n  c: [x, y]\n  d:\n  - one\n  - two\ne:\n  - f: g\n    h: i\n  - f: j\n"
        self.assertEqual(
            read("t", source),
            {"a": "1", "b": {"c": ["x", "y"], "d": ["one", "two"]}, "e": [{"f": "g", "h": "i"}, {"f": "j"}]},
        )

    def test_flow_values_nest(self):
        self.assertEqual(read("t", "a: {b: [1, {c: d}], e: {}, f: []}\n"), {"a": {"b": ["1", {"c": "d"}], "e": {}, "f": []}})

    def test_quotes_keep_what_has_a_meaning_elsewhere(self):
        self.assertEqual(read("t", "a: \"b: # c\"\nd: '{e}'\n"), {"a": "b: # c", "d": "{e}"})

    def test_quotes_of_the_other_kind_stay(self):
        self.assertEqual(read("t", "a: \"it's\"\nb: don't # it is\n"), {"a": "it's", "b": "don't"})

    def test_comments_are_left_out(self):
        self.assertEqual(read("t", "# head\na: b # tail\n\n  # indented\nc: d#e\n"), {"a": "b", "c": "d#e"})

    def test_folded_text_is_joined(self):
        self.assertEqual(read("t", "a: >\n  one: two\n  three # four\nb: c\n"), {"a": "one: two three # four", "b": "c"})

    def test_scalars_stay_text(self):
        self.assertEqual(read("t", "a: no\nb: 2025-01-31\nc: 1e3\n"), {"a": "no", "b": "2025-01-31", "c": "1e3"})

    def test_values_know_their_line(self):
        tree = read("t", "\na:\n  - b: c\n")
        self.assertEqual((tree.line, tree["a"][0].line, tree["a"][0]["b"].line), (2, 3, 3))


class Refusing(unittest.TestCase):
    CASES = {
        "": (1, "nothing in it"),
        "a: 1\na: 2\n": (2, "a: given twice"),
        "a: {b: 1, b: 2}\n": (1, "b: given twice"),
        "a:\n\tb: c\n": (2, "a tab"),
        "a: *b\n": (1, "an alias"),
        "a: &b c\n": (1, "an anchor"),
        "a: !!int 1\n": (1, "a tag"),
        "a: |\n  b\n": (1, "literal text"),
        "--- \na: b\n": (1, "'---'"),
        "a: [b, c\n": (1, "no ']'"),
        "a: {b: c\n": (1, "no '}'"),
        "a: {b: c]\n": (1, "no '}'"),
        "a: {b}\n": (1, "expected 'key: value'"),
        "a: [b c]d\n": (1, "'d' after a value"),
        "a: \"b\n": (1, "the quote has no end"),
        "a: \"b\\n\"\n": (1, "escapes are not read"),
        "a: b: c\n": (1, "': ' within text"),
        "a:\nb: c\n": (1, "no value"),
        "a:\n": (1, "no value"),
        "a: 1\n  b: 2\n": (2, "indented by 2"),
        "a:\n    b: 1\n  c: 2\n": (3, "indented"),
        "- a\n  - b\n": (2, "indented by 2"),
        "plain\n": (1, "expected 'key: value' or '- item'"),
        "a: [,]\n": (1, "a value is missing"),
        "a: >\nb: c\n": (1, "no text below"),
    }

    def test_what_is_refused_is_told_with_its_line(self):
        for source, (line, text) in self.CASES.items():
            with self.subTest(source=source), self.assertRaises(CatalogError) as caught:
                read("t.yml", source)
            self.assertTrue(str(caught.exception).startswith(f"t.yml:{line}: "), (source, str(caught.exception)))
            self.assertIn(text, str(caught.exception))

    def test_any_bytes_are_read_or_refused(self):
        """Cuts and scrambles of a good file raise nothing but CatalogError, and end."""
        source = "set: a\nl:\n  - {x: [1, 2], y: \"z\"}\n  - b: >\n      t\n    c: 'd'\n# e\n"
        seed = 7
        for at in range(len(source)):
            seed = (seed * 6364136223846793005 + 1442695040888963407) % 2**64
            sign = " \n:-{}[],#'\"ab"[seed >> 32 & 0xFFFF and (seed >> 40) % 14]
            for text in (source[:at], source[:at] + sign + source[at:], source[:at] + sign + source[at + 1:]):
                try:
                    read("t", text)
                except CatalogError:
                    pass
