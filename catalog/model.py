"""The catalog as objects, checked: what is unknown, doubled or out of place is an error with file and
line. See docs/design/catalog.md for what the keys mean."""

import datetime
import re
from pathlib import Path

from reader import CatalogError, List, Map, Text, read

# type -> (constructor of the SDK, what Prometheus calls it)
TYPES = {
    "counter": "counter",
    "double_counter": "counter",
    "updowncounter": "gauge",
    "gauge": "gauge",
    "double_gauge": "gauge",
    "histogram": "histogram",
    "observable_gauge": "gauge",  # the last value set, asked for when collected
    "percent": "gauge",  # of good ones among all, computed when collected
    "ratio": "gauge",  # the same from 0 to 1
    "per_second": "gauge",  # events over the last minute
}
COMPUTED = {"percent", "ratio", "per_second"}
FIELD_TYPES = {"string", "int", "double", "bool"}
KINDS = {"internal", "server", "client", "producer", "consumer"}
SOURCES = {"$seconds", "$milliseconds", "$failed", "$seconds_per_chunk", "$seconds_per_token"}
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\-/]{0,254}$")
WORD = re.compile(r"[a-z][a-z0-9_]*$")
# Of every operation, and words of C++, whose programs use the headers, too.
RESERVED = {"size", "op", "error_type", "error_message"}
CPP = set("asm auto bool break case catch char class const continue default delete do double else enum "
          "explicit export extern false float for friend goto if inline int long mutable namespace new "
          "operator private protected public register return short signed sizeof static struct switch "
          "template this throw true try typedef typeid typename union unsigned using virtual void "
          "volatile while catalog".split())


SETS_MAX = 32  # of sdk/catalog/runtime.h


class Item:
    """One definition with its file, for messages."""

    def __init__(self, path, source):
        self.path = path
        self.source = source
        self.line = source.line

    def fail(self, text, line=None):
        raise CatalogError(self.path, line or self.line, text)

    def check_keys(self, source, known, required):
        if not isinstance(source, Map):
            self.fail(f"{source!r}: expected keys with values", getattr(source, "line", None))
        for key in source:
            if key not in known:
                self.fail(f"unknown key {key!r}; known are {', '.join(sorted(known))}", key.line)
        for key in required:
            if key not in source:
                self.fail(f"no {key!r}", source.line)

    def text(self, source, key, default=None):
        value = source.get(key, default)
        if value is not None and not isinstance(value, str):
            self.fail(f"{key}: expected text", value.line)
        return value

    def items(self, source, key):
        value = source.get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, Text) for v in value):
            self.fail(f"{key}: expected a list, like [a, b]", value.line)
        return value

    def words(self, source, key):
        value = self.items(source, key)
        if len(set(value)) < len(value):
            self.fail(f"{key}: a name stands in it twice", value.line)
        return value

    def number(self, text, key):
        try:
            value = float(text)
        except (TypeError, ValueError):
            self.fail(f"{key}: {text!r} is no number", getattr(text, "line", None))
        if value != value or value in (float("inf"), float("-inf")):
            self.fail(f"{key}: {text!r} is not finite", text.line)
        return value

    def flag(self, source, key):
        value = self.text(source, key, "no")
        if value not in ("yes", "no"):
            self.fail(f"{key}: {value!r}; expected yes or no", value.line)
        return value == "yes"


class Metric(Item):
    KEYS = {"name", "type", "unit", "description", "labels", "ids", "texts", "buckets", "note"}

    def __init__(self, path, source, owner):
        super().__init__(path, source)
        self.check_keys(source, self.KEYS, ("name", "type", "description"))
        self.set = owner
        self.name = self.text(source, "name")
        self.type = self.text(source, "type")
        self.unit = self.text(source, "unit")
        self.description = self.text(source, "description")
        self.note = self.text(source, "note")
        self.labels = self.words(source, "labels")
        self.ids = self.words(source, "ids")
        # As ids, but too long for exemplars: not given at all unless ids are kept.
        self.texts = self.words(source, "texts")
        if not NAME.match(self.name):
            self.fail(f"name: {self.name!r} is no name of an instrument", self.name.line)
        if self.type not in TYPES:
            self.fail(f"type: {self.type!r}; expected one of {', '.join(TYPES)}", self.type.line)
        for label in [*self.ids, *self.texts]:
            if label in self.labels:
                self.fail(f"ids: {label} stands in labels, too", label.line)
        self.bounds = self.read_bounds(source)
        self.symbol = f"M_{self.set.name}_{re.sub(r'[^A-Za-z0-9]', '_', self.name)}".upper()

    def read_bounds(self, source):
        if (self.type == "histogram") != ("buckets" in source):
            self.fail(f"{self.name}: buckets are of histograms, and each histogram has them")
        bounds = [self.number(b, "buckets") for b in self.items(source, "buckets")]
        for before, after, text in zip(bounds, bounds[1:], source.get("buckets", [])[1:]):
            if after <= before:
                self.fail(f"buckets: {text} does not lie above the bound before it", text.line)
        if len(bounds) > 500:
            self.fail("buckets: more than 500", source["buckets"].line)
        return bounds


class Field(Item):
    KEYS = {"name", "type", "at", "attribute", "for", "default", "default_with", "brief", "always", "list"}

    def __init__(self, path, source, argument=False):
        super().__init__(path, source)
        known = {"name", "type", "attribute", "for", "brief"} if argument else self.KEYS
        self.check_keys(source, known, ("name", "type", "brief"))
        self.name = self.text(source, "name")
        self.type = self.text(source, "type")
        self.attribute = self.text(source, "attribute")
        self.label = self.text(source, "for") or self.attribute
        self.default = self.text(source, "default")
        self.default_with = self.text(source, "default_with")
        self.brief = self.text(source, "brief")
        self.at = self.text(source, "at", "begin")
        self.always = self.flag(source, "always")
        self.list = self.flag(source, "list")
        if not WORD.match(self.name) or self.name in CPP or (self.name in RESERVED and not argument):
            self.fail(f"name: {self.name!r} is no name for a field", self.name.line)
        if self.type not in FIELD_TYPES:
            self.fail(f"type: {self.type!r}; expected one of {', '.join(sorted(FIELD_TYPES))}", self.type.line)
        if self.at not in ("begin", "end"):
            self.fail(f"at: {self.at!r}; expected begin or end", self.at.line)
        if (self.default or self.list) and self.type != "string":
            self.fail("default, list: of strings alone")
        if self.default_with and not self.default:
            self.fail("default_with: without a default")


class Record(Item):
    """A metric that an operation or call feeds; its parts are resolved against the fields."""

    KEYS = {"metric", "at", "when", "unless", "value", "labels"}

    def __init__(self, path, source):
        super().__init__(path, source)
        self.check_keys(source, self.KEYS, ("metric",))
        self.ref = self.text(source, "metric")
        self.at = self.text(source, "at", "end")
        self.when = self.text(source, "when")
        self.unless = self.text(source, "unless")
        self.value = self.text(source, "value")
        self.given = source.get("labels", {})
        if self.at not in ("begin", "end", "both"):
            self.fail(f"at: {self.at!r}; expected begin, end or both", self.at.line)

    def resolve(self, catalog, owner):
        set_name, _, name = self.ref.partition(":")
        self.metric = catalog.metrics.get((set_name, name))
        if not self.metric:
            self.fail(f"metric: no {name!r} in a set {set_name!r}", self.ref.line)
        if self.unless and self.unless not in catalog.sets:
            self.fail(f"unless: no set {self.unless!r}", self.unless.line)
        if self.at == "both" and (self.value or self.metric.type not in ("updowncounter", "observable_gauge")):
            self.fail("at: both is for updowncounters and observable gauges, without a value")
        for label in self.given:
            if label not in self.metric.labels and label not in self.metric.ids:
                self.fail(f"labels: {self.metric.name} has no label {label!r}", label.line)
        self.labels = [(key, self.label_source(owner, key)) for key in [*self.metric.labels, *self.metric.ids]]
        self.labels = [(key, source) for key, source in self.labels if source]
        self.texts = [(key, self.label_source(owner, key)) for key in self.metric.texts]
        for key, source in self.texts:
            if not source or source[0] != "field" or source[1].type != "string":
                self.fail(f"texts: {key} is no text of {owner.name}", key.line)
        self.conditions = [self.condition(owner, part) for part in (self.when or "").split("&") if part]
        self.amount = self.amount_source(owner)

    def label_source(self, owner, key):
        if key in self.given:
            return self.given_source(owner, self.given[key])
        for field in owner.fields.values():
            if field.label == key or (field.name == key and not self.metric.name.count(":")):
                return ("field", field)
        if key == "status":
            return ("status",)
        if key in ("error_type", "error.type") and owner.is_operation:
            return ("error",)
        return None  # what an operation does not know of is left out

    def given_source(self, owner, text):
        if text.startswith("="):
            return ("constant", str(text[1:]))
        found = re.match(r"\$text\((\w+)\)$", text)
        if found:
            return ("text", self.field(owner, found.group(1), text.line))
        if text.endswith("|$status"):
            return ("field_or_status", self.field(owner, text[: -len("|$status")], text.line))
        return ("field", self.field(owner, text, text.line))

    def field(self, owner, name, line):
        if name not in owner.fields:
            self.fail(f"{owner.name} has no field {name!r}", line)
        return owner.fields[name]

    def condition(self, owner, part):
        if part in ("ok", "failed"):
            if not owner.is_operation:
                self.fail(f"when: {part} is of operations", self.when.line)
            return (part,)
        for sign in (">", "="):
            name, found, value = part.partition(sign)
            if found:
                return (sign, self.field(owner, name, self.when.line), value)
        if part.startswith("!"):
            return ("not", self.field(owner, part[1:], self.when.line))
        return ("given", self.field(owner, part, self.when.line))

    def amount_source(self, owner):
        text = self.value
        if text is None:
            if self.metric.type in ("gauge", "double_gauge", "histogram", "percent", "ratio"):
                self.fail(f"{self.metric.name}: a {self.metric.type} takes a value")
            return ("constant", "1")
        if text in SOURCES:
            return (text,)
        if re.match(r"-?\d+$", text):
            return ("constant", str(text))
        found = re.match(r"\$percent\((\w+)/(\w+)\)$", text)
        if found:
            return ("percent", *(self.field(owner, name, text.line) for name in found.groups()))
        return ("field", self.field(owner, text, text.line))


class Operation(Item):
    KEYS = {"name", "brief", "span", "attributes", "fields", "fallback", "records", "price", "error_from"}
    is_operation = True

    def __init__(self, path, source, catalog, owner):
        super().__init__(path, source)
        self.check_keys(source, self.KEYS, ("name", "brief", "fields", "records"))
        self.set = owner
        self.name = self.text(source, "name")
        self.brief = self.text(source, "brief")
        if not WORD.match(self.name):
            self.fail(f"name: {self.name!r}", self.name.line)
        self.fields = read_fields(self, source["fields"], argument=False)
        self.price = self.flag(source, "price")
        self.attributes = dict(source.get("attributes", {}))
        self.fallback = source.get("fallback", {})
        self.read_span(source.get("span"))
        self.error_from = None
        if "error_from" in source:
            given = source["error_from"]
            self.check_keys(given, {"field", "at_least"}, ("field", "at_least"))
            self.error_from = (self.own(given["field"]), int(self.number(given["at_least"], "at_least")))
        for name, other in self.fallback.items():
            self.own(name), self.own(other)
        for field in self.fields.values():
            if field.default_with:
                self.own(field.default_with)
        self.records = [Record(path, r) for r in source["records"]]
        for record in self.records:
            record.resolve(catalog, self)

    def own(self, name):
        if name not in self.fields:
            self.fail(f"{self.name} has no field {name!r}", name.line)
        return self.fields[name]

    def read_span(self, source):
        self.span_name = self.kind = None
        if source is None:
            return
        self.check_keys(source, {"name", "kind"}, ("name", "kind"))
        self.span_name, self.kind = self.text(source, "name"), self.text(source, "kind")
        if self.kind not in KINDS:
            self.fail(f"kind: {self.kind!r}; expected one of {', '.join(sorted(KINDS))}", self.kind.line)
        for name in re.findall(r"\{(\w+)\}", self.span_name):
            if name not in self.fields or self.fields[name].at != "begin" or self.fields[name].type != "string":
                self.fail(f"span: {name!r} is no string that begin knows", self.span_name.line)


class Call(Item):
    is_operation = False

    def __init__(self, path, source, catalog):
        super().__init__(path, source)
        self.check_keys(source, {"name", "brief", "arguments", "records"}, ("name", "brief", "records"))
        self.name = self.text(source, "name")
        self.brief = self.text(source, "brief")
        if not WORD.match(self.name):
            self.fail(f"name: {self.name!r}", self.name.line)
        self.fields = read_fields(self, source.get("arguments", []), argument=True)
        self.records = [Record(path, r) for r in source["records"]]
        for record in self.records:
            if record.at != "end":
                record.fail("at: of operations alone")
            record.resolve(catalog, self)


class Price(Item):
    KEYS = {"provider", "model", "from", "above", "input", "output", "cached_input", "cache_write",
            "reasoning", "source"}

    def __init__(self, path, source):
        super().__init__(path, source)
        self.check_keys(source, self.KEYS, ("provider", "model", "from", "input", "output", "source"))
        self.provider = self.text(source, "provider")
        self.model = self.text(source, "model")
        if "*" in self.model[:-1]:
            self.fail(f"model: {self.model!r}: * stands at the end alone", self.model.line)
        try:
            self.since = datetime.date.fromisoformat(source["from"])
        except ValueError:
            self.fail(f"from: {source['from']!r}; expected a date like 2025-01-31", source["from"].line)
        self.above = int(self.number(source.get("above", "0"), "above"))
        rates = {key: self.number(source[key], key) for key in
                 ("input", "output", "cached_input", "cache_write", "reasoning") if key in source}
        for key, rate in rates.items():
            if rate < 0:
                self.fail(f"{key}: {source[key]} is below 0", source[key].line)
        self.input, self.output = rates["input"], rates["output"]
        self.cached_input = rates.get("cached_input", self.input)
        self.cache_write = rates.get("cache_write", self.input)
        self.reasoning = rates.get("reasoning", self.output)
        self.url = self.text(source, "source")
        self.key = (self.provider, self.model, self.since, self.above)


class Set(Item):
    KEYS = {"set", "number", "title", "scope", "tracer", "version", "metrics", "operations", "calls"}

    def __init__(self, path, source, brief):
        super().__init__(path, source)
        self.check_keys(source, self.KEYS, ("set", "number", "title", "scope", "metrics"))
        self.name = self.text(source, "set")
        self.title = self.text(source, "title")
        self.scope = self.text(source, "scope")
        self.tracer = self.text(source, "tracer", self.scope)
        self.version = self.text(source, "version")
        if not re.match(r"\d+$", self.text(source, "number")) or int(source["number"]) >= SETS_MAX:
            self.fail(f"number: {source['number']!r}; expected 0 to {SETS_MAX - 1}", source["number"].line)
        self.number = int(source["number"])
        self.brief = brief
        if not WORD.match(self.name):
            self.fail(f"set: {self.name!r}", self.name.line)
        self.metrics = [Metric(path, m, self) for m in source["metrics"]]


def read_fields(owner, source, argument):
    fields = {}
    if not isinstance(source, list):
        owner.fail("expected a list of fields")
    for one in source:
        field = Field(owner.path, one, argument)
        if field.name in fields:
            field.fail(f"{owner.name} has two fields {field.name!r}")
        fields[field.name] = field
    return fields


def head_of(text):
    """The comment at the head of a file, as one paragraph."""
    words = []
    for line in text.split("\n"):
        if not line.startswith("#"):
            break
        words.append(line[1:].strip())
    return " ".join(words)


class Catalog:
    """All files of a folder. `sets`, `metrics` (by set and name), `operations`, `calls`, `prices`."""

    def __init__(self, files):
        """`files`: (path, text), in order."""
        self.sets, self.metrics, self.prices = {}, {}, []
        self.operations, self.calls = [], []
        read_sets = []
        for path, text in files:
            source = read(path, text)
            if not isinstance(source, Map):
                raise CatalogError(path, 1, "expected keys with values")
            if "prices" in source:
                self.add_prices(path, source)
            else:
                one = Set(path, source, head_of(text))
                self.add_set(one)
                read_sets.append(one)
        for one in read_sets:
            operations, calls = one.source.get("operations", []), one.source.get("calls", [])
            self.operations += [Operation(one.path, o, self, one) for o in operations]
            self.calls += [Call(one.path, c, self) for c in calls]
        self.check_names()

    def add_set(self, one):
        if one.name in self.sets:
            one.fail(f"set {one.name!r} is in {self.sets[one.name].path}, too")
        for other in self.sets.values():
            if other.number == one.number:
                one.fail(f"number: {one.number} is that of {other.path}, too", one.source["number"].line)
        self.sets[one.name] = one
        for metric in one.metrics:
            if (one.name, metric.name) in self.metrics:
                first = self.metrics[one.name, metric.name]
                metric.fail(f"{metric.name} stands in line {first.line}, too")
            for (_, name), other in self.metrics.items():
                if name == metric.name and TYPES[other.type] != TYPES[metric.type]:
                    metric.fail(f"{name} is a {metric.type} here and a {other.type} in {other.path}:{other.line}")
            self.metrics[one.name, metric.name] = metric

    def add_prices(self, path, source):
        Item(path, source).check_keys(source, {"prices"}, ("prices",))
        for one in source["prices"]:
            price = Price(path, one)
            for other in self.prices:
                if other.key == price.key:
                    price.fail(f"{price.model}: the same model, date and tier stand in line {other.line}")
            self.prices.append(price)

    def check_names(self):
        seen = {}
        for one in [*self.operations, *self.calls]:
            if one.name in seen:
                one.fail(f"{one.name} is in {seen[one.name].path}:{seen[one.name].line}, too")
            seen[one.name] = one
        used = {record.metric for one in seen.values() for record in one.records}
        for metric in self.metrics.values():
            if metric not in used and metric.set.name != "telltale":
                metric.fail(f"{metric.name} is recorded by no operation and no call")


def load(folder):
    files = sorted(Path(folder).glob("*.yml"))
    return Catalog([(str(f.name), f.read_text(encoding="utf-8")) for f in files])
