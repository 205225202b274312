"""docs/reference/metrics.md: every metric, operation, call and price of a catalog."""

from emit_c import C_TYPES, number
from model import TYPES

HEAD = """\
# The catalog's metrics, operations and calls

This page is generated from `catalog/*.yml`: `catalog/generate.py --docs catalog
>docs/reference/metrics.md`. How to use it from C is told in [the guide](../sdk/catalog.md).

Each set is a meter of its own, and may be chosen (`tt_catalog_options.sets`). *Ids* have no end of
values: they are labels only with `keep_ids`, and attributes of spans always. The Prometheus name is
the one of a scrape and of OTLP into Telltale, by OpenTelemetry's rules.

"""

WORDS = {"s": "seconds", "ms": "milliseconds", "By": "bytes"}


def prometheus_name(metric):
    """By the rules that libtelltale and Telltale follow for the units that the catalog uses."""
    name = metric.name.replace(".", "_").replace("-", "_").replace("/", "_")
    counter = TYPES[metric.type] == "counter"
    if counter:
        name = name.removesuffix("_total")
    unit = metric.unit or ""
    unit = "" if unit.startswith("{") else WORDS.get(unit, unit)
    if unit and not name.endswith("_" + unit):
        name += "_" + unit
    return name + ("_total" if counter else "")


def cell(text):
    return text.replace("|", "\\|")


def names(values):
    return ", ".join(f"`{v}`" for v in values)


def metric_rows(one):
    out = ["| metric | type | labels | ids | unit | as Prometheus metric | what |\n|---|---|---|---|---|---|---|\n"]
    for m in one.metrics:
        unit = f"`{m.unit}`" if m.unit else ""
        what = cell(m.description.rstrip(".")) + (". " + cell(m.note.rstrip(".")) if m.note else "")
        out.append(f"| `{m.name}` | {m.type.replace('_', ' ')} | {names(m.labels)} | {names([*m.ids, *m.texts])} | {unit} | "
                   f"`{prometheus_name(m)}` | {what} |\n")
    return "".join(out)


def bucket_rows(one):
    histograms = [m for m in one.metrics if m.bounds]
    if not histograms:
        return ""
    rows = "".join(f"| `{m.name}` | {' '.join(number(b) for b in m.bounds)} |\n" for m in histograms)
    return "\n| histogram | buckets up to |\n|---|---|\n" + rows


def set_text(one):
    version = f" {one.version}" if one.version else ""
    return (f"### {one.title}: `TT_SET_{one.name.upper()}`\n\n{one.brief} Meter `{one.scope}`{version}.\n\n"
            f"{metric_rows(one)}{bucket_rows(one)}\n")


def recorded(one):
    seen = []
    for record in one.records:
        label = f"`{record.metric.name}` ({record.metric.set.name})"
        if label not in seen:
            seen.append(label)
    return ", ".join(seen) or "nothing"


def operation_text(o):
    out = [f"### `tt_{o.name}`\n\n{o.brief}\n\n"]
    if o.span_name:
        out.append(f"Span `{o.span_name}`, kind {o.kind}.\n\n")
    if o.fields:
        out.append("| field | type | told to | attribute of the span | what |\n|---|---|---|---|---|\n")
    for f in o.fields.values():
        attribute = f"`{f.attribute}`" if f.attribute and o.span_name else ""
        with_field = f" with `{f.default_with}`" if f.default_with else ""
        default = f"; default `{f.default}`{with_field}" if f.default else ""
        out.append(f"| `{f.name}` | {f.type} | {f.at} | {attribute} | {cell(f.brief)}{default} |\n")
    for key, value in o.attributes.items():
        out.append(f"| | | | `{key}` | always `{value}` |\n")
    out.append(f"\nRecords {recorded(o)}.\n\n")
    return "".join(out)


def call_row(c):
    arguments = ", ".join(f"{C_TYPES[f.type]}{f.name}" for f in c.fields.values())
    return f"| `tt_{c.name}(catalog{', ' if arguments else ''}{arguments})` | {cell(c.brief)} | {recorded(c)} |\n"


def price_row(p):
    tier = f" above {p.above} input tokens" if p.above else ""
    rates = " | ".join(number(r) for r in (p.input, p.output, p.cached_input, p.cache_write, p.reasoning))
    return f"| {p.provider} | `{p.model}`{tier} | {p.since} | {rates} | <{p.url}> |\n"


def page(catalog):
    out = [HEAD, "## Metrics\n\n"]
    out += [set_text(s) for s in catalog.sets.values()]
    out.append("## Operations\n\nStructs between `_begin` and `_end`. Each also has `error_type`, and those "
               "with a span `error_message` and `detached`.\n\n")
    out += [operation_text(o) for o in catalog.operations]
    out.append("## Calls\n\n| call | when | records |\n|---|---|---|\n")
    out += [call_row(c) for c in catalog.calls]
    out.append("\n## Prices\n\nUS dollars per million tokens, list prices as of the date from which they "
               "hold.\n\n| provider | model | from | input | output | cached input | cache write | reasoning "
               "| source |\n|---|---|---|---|---|---|---|---|---|\n")
    out += [price_row(p) for p in catalog.prices]
    return "".join(out)
