"""What catalog/model.py takes for a catalog, and what it refuses."""

import unittest

from model import Catalog
from reader import CatalogError

SET = """\
# A set for tests.
set: one
number: 3
title: One
scope: one
metrics:
  - {name: a.calls, type: counter, description: Calls, labels: [kind]}
  - name: a.duration
    type: histogram
    unit: s
    description: Time
    labels: [kind, status]
    buckets: [1, 2, 4]
operations:
  - name: work
    brief: Some work.
    span: {name: "work {kind}", kind: internal}
    fields:
      - {name: kind, type: string, brief: what}
      - {name: size, type: int, at: end, brief: how much}
    records:
      - {metric: "one:a.calls"}
      - {metric: "one:a.duration", value: $seconds}
""".replace("name: size", "name: amount")


def catalog(text=SET, *others):
    files = [("one.yml", text)] + [(f"other{i}.yml", t) for i, t in enumerate(others)]
    return Catalog(files)


class Good(unittest.TestCase):
    def test_labels_come_from_the_fields_of_their_name(self):
        (operation,) = catalog().operations
        calls, duration = operation.records
        self.assertEqual([key for key, _ in calls.labels], ["kind"])
        self.assertEqual([(k, s[0]) for k, s in duration.labels], [("kind", "field"), ("status", "status")])

    def test_two_sets_may_share_a_name_of_one_type(self):
        other = SET.replace("set: one", "set: two").replace("number: 3", "number: 4").replace('"one:', '"two:')
        other = other.replace("name: work\n", "name: labour\n")
        self.assertEqual(len(catalog(SET, other).metrics), 4)

    def test_the_head_comment_is_the_brief(self):
        self.assertEqual(catalog().sets["one"].brief, "A set for tests.")


class Bad(unittest.TestCase):
    # what is changed in SET, its line, and what is told
    CASES = [
        ("title: One", "titel: One", 4, "unknown key 'titel'"),
        ("title: One\n", "", 2, "no 'title'"),
        ("number: 3", "number: 32", 3, "expected 0 to 31"),
        ("number: 3", "number: three", 3, "expected 0 to 31"),
        ("type: counter", "type: conter", 7, "'conter'; expected one of"),
        ("name: a.duration", "name: a.calls", 8, "stands in line 7"),
        ("name: a.duration", "name: 1a", 8, "no name of an instrument"),
        ("[1, 2, 4]", "[1, 4, 2]", 13, "2 does not lie above"),
        ("[1, 2, 4]", "[1, 2, 2]", 13, "2 does not lie above"),
        ("[1, 2, 4]", "[1, two]", 13, "'two' is no number"),
        ("[1, 2, 4]", "[1, inf]", 13, "not finite"),
        ("    buckets: [1, 2, 4]\n", "", 8, "each histogram has them"),
        ("labels: [kind]", "labels: [kind, kind]", 7, "stands in it twice"),
        ("labels: [kind]", "labels: [kind], ids: [kind]", 7, "stands in labels, too"),
        ("labels: [kind]", "labels: [kind], texts: [kind]", 7, "stands in labels, too"),
        ("labels: [kind]", "labels: kind", 7, "expected a list"),
        ("labels: [kind]", "buckets: [1]", 7, "buckets are of histograms"),
        ("name: work\n", "name: Work\n", 15, "'Work'"),
        ("kind: internal", "kind: inner", 17, "'inner'; expected one of"),
        ("work {kind}", "work {amount}", 17, "no string that begin knows"),
        ("type: string", "type: text", 19, "'text'; expected one of"),
        ("name: amount", "name: kind", 20, "two fields 'kind'"),
        ("name: amount", "name: class", 20, "no name for a field"),
        ("name: amount", "name: error_type", 20, "no name for a field"),
        ("at: end", "at: last", 20, "expected begin or end"),
        ("at: end", "at: end, default: few", 20, "of strings alone"),
        ("brief: what}", "brief: what, default: a, default_with: b}", 19, "no field 'b'"),
        ("brief: what}", "brief: what, default_with: amount}", 19, "without a default"),
        ('"one:a.calls"', '"one:b"', 22, "no 'b' in a set 'one'"),
        ('"one:a.calls"', '"two:a.calls"', 22, "no 'a.calls' in a set 'two'"),
        ('"one:a.calls"', '"one:a.calls", labels: {x: kind}', 22, "no label 'x'"),
        ('"one:a.calls"', '"one:a.calls", labels: {kind: other}', 22, "no field 'other'"),
        ('"one:a.calls"', '"one:a.calls", when: other', 22, "no field 'other'"),
        ('"one:a.calls"', '"one:a.calls", value: other', 22, "no field 'other'"),
        ('"one:a.calls"', '"one:a.calls", unless: two', 22, "no set 'two'"),
        ('"one:a.calls"', '"one:a.calls", at: both', 22, "at: both is for"),
        (", value: $seconds", "", 23, "takes a value"),
        ('      - {metric: "one:a.calls"}\n', "", 7, "recorded by no operation"),
    ]

    def refused(self, line, text, path, *files):
        with self.assertRaises(CatalogError) as caught:
            catalog(*files)
        told = str(caught.exception)
        self.assertTrue(told.startswith(f"{path}:{line}: "), told)
        self.assertIn(text, told)

    def test_what_is_refused_is_told_with_file_and_line(self):
        for old, new, line, text in self.CASES:
            with self.subTest(new=new):
                self.assertIn(old, SET)
                self.refused(line, text, "one.yml", SET.replace(old, new, 1))

    def test_one_name_has_one_type_in_all_sets(self):
        other = SET.replace("set: one", "set: two").replace("number: 3", "number: 4")
        other = other.replace("type: counter", "type: gauge")
        self.refused(7, "a.calls is a gauge here and a counter in one.yml:7", "other0.yml", SET, other)

    def test_sets_differ_in_name_and_number(self):
        self.refused(2, "set 'one' is in one.yml, too", "other0.yml", SET, SET)
        self.refused(3, "number: 3 is that of one.yml, too", "other0.yml", SET, SET.replace("set: one", "set: two"))

    def test_functions_differ_in_name(self):
        other = SET.replace("set: one", "set: two").replace("number: 3", "number: 4").replace('"one:', '"two:')
        self.refused(15, "work is in one.yml:15, too", "other0.yml", SET, other)


class Prices(unittest.TestCase):
    PRICE = 'prices:\n  - {provider: p, model: "m*", from: 2025-01-31, input: 1, output: 2, source: here}\n'

    def test_what_is_left_out_is_as_input_and_output(self):
        (price,) = catalog(SET, self.PRICE).prices
        self.assertEqual((price.cached_input, price.cache_write, price.reasoning), (1, 1, 2))

    def test_bad_prices_are_refused(self):
        cases = [
            ("from: 2025-01-31", "from: 31.1.2025", "expected a date"),
            ("from: 2025-01-31", "from: 2025-02-30", "expected a date"),
            ("input: 1", "input: -1", "is below 0"),
            ("input: 1", "input: free", "is no number"),
            ('"m*"', '"m*n"', "* stands at the end alone"),
            ("source: here", "sauce: here", "unknown key 'sauce'"),
            (", source: here", "", "no 'source'"),
        ]
        for old, new, text in cases:
            with self.subTest(new=new), self.assertRaises(CatalogError) as caught:
                catalog(SET, self.PRICE.replace(old, new))
            self.assertTrue(str(caught.exception).startswith("other0.yml:2: "))
            self.assertIn(text, str(caught.exception))

    def test_a_price_stands_once(self):
        double = self.PRICE + self.PRICE.split("\n")[1] + "\n"
        with self.assertRaises(CatalogError) as caught:
            catalog(SET, double)
        self.assertIn("other0.yml:3: m*: the same model, date and tier stand in line 2", str(caught.exception))
