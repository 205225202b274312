/* By OpenTelemetry's specification of compatibility with Prometheus: units become words at the end
 * of the name, characters that Prometheus did not know before version 3 become underscores. */
#include "metrics/prometheus_names.h"

#include "base/num.h"
#include "base/str.h"

static const struct {
    const char *unit, *word;
} units[] = {
    {"d", "days"},          {"h", "hours"},         {"min", "minutes"},    {"s", "seconds"},
    {"ms", "milliseconds"}, {"us", "microseconds"}, {"ns", "nanoseconds"}, {"By", "bytes"},
    {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},  {"GiBy", "gibibytes"}, {"TiBy", "tebibytes"},
    {"KBy", "kilobytes"},   {"MBy", "megabytes"},   {"GBy", "gigabytes"},  {"TBy", "terabytes"},
    {"m", "meters"},        {"V", "volts"},         {"A", "amperes"},      {"J", "joules"},
    {"W", "watts"},         {"g", "grams"},         {"Cel", "celsius"},    {"Hz", "hertz"},
    {"%", "percent"},
};

/* After "/": per … */
static const struct {
    const char *unit, *word;
} per_units[] = {
    {"s", "second"}, {"m", "minute"}, {"h", "hour"}, {"d", "day"},
    {"w", "week"},   {"mo", "month"}, {"y", "year"},
};

bool prometheus_has_suffixes(enum tt_prometheus_names names)
{
    return names == TT_NAMES_UNDERSCORE_SUFFIXES || names == TT_NAMES_UTF8_SUFFIXES;
}

bool prometheus_has_utf8(enum tt_prometheus_names names)
{
    return names == TT_NAMES_UTF8_SUFFIXES || names == TT_NAMES_UTF8;
}

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool prometheus_is_plain_name(struct str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_letter(name.p[i]) && name.p[i] != ':' && (i == 0 || !is_digit(name.p[i])))
            return false;
    }
    return name.n > 0;
}

/* Other characters become underscores, several of them one. */
static void put_sanitised(struct buf *out, struct str text, bool colon)
{
    if (text.n && is_digit(text.p[0]))
        buf_putc(out, '_');
    bool gap = false;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool known = is_letter(c) || is_digit(c) || (colon && c == ':');
        if (known && c != '_')
            buf_putc(out, c);
        else if (!gap)
            buf_putc(out, '_');
        gap = !known || c == '_';
    }
}

/* --- units ----------------------------------------------------------------------------------- */

/* "{request}" is a remark and no unit. */
static struct str without_remark(struct str unit)
{
    unit.n = str_index(unit, '{');
    return str_trim(unit);
}

static void put_unit_word(struct buf *out, struct str unit)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (str_eq(unit, str_c(units[i].unit))) {
            buf_puts(out, units[i].word);
            return;
        }
    }
    put_sanitised(out, unit, false);
}

static void put_per_word(struct buf *out, struct str unit)
{
    for (size_t i = 0; i < ARRAY_LEN(per_units); i++) {
        if (str_eq(unit, str_c(per_units[i].unit))) {
            buf_puts(out, per_units[i].word);
            return;
        }
    }
    put_sanitised(out, unit, false);
}

void prometheus_unit(struct buf *out, const struct stream *s)
{
    struct str per = str_c(s->unit), unit = without_remark(str_cut(&per, '/'));
    per = without_remark(per);
    if (str_eq(unit, STR("1"))) {
        if (s->gauge && !per.n)
            buf_puts(out, "ratio");
        unit.n = 0;
    }
    if (unit.n)
        put_unit_word(out, unit);
    if (per.n) {
        buf_puts(out, unit.n ? "_per_" : "per_");
        put_per_word(out, per);
    }
}

/* --- names ----------------------------------------------------------------------------------- */

/* Without the word and an underscore before it, when the name ends so. */
static struct str cut_suffix(struct str name, struct str word)
{
    if (word.n && str_ends(name, word) && name.n > word.n && name.p[name.n - word.n - 1] == '_')
        name.n -= word.n + 1;
    return name;
}

static void put_unit(struct buf *out, const struct stream *s)
{
    struct buf unit = BUF_MAX(256);
    prometheus_unit(&unit, s);
    struct str name = cut_suffix(buf_str(out), buf_str(&unit));
    if (unit.n && name.n == out->n) {
        buf_putc(out, '_');
        buf_put_str(out, buf_str(&unit));
    }
    buf_done(&unit);
}

char *prometheus_family(const struct stream *s, enum tt_prometheus_names names)
{
    struct buf out = BUF_MAX(4096);
    struct str name = str_c(s->name);
    if (prometheus_has_utf8(names))
        buf_put_str(&out, name);
    else
        put_sanitised(&out, name, true);
    if (prometheus_has_suffixes(names)) {
        if (s->monotonic)
            out.n = cut_suffix(buf_str(&out), STR("total")).n;
        put_unit(&out, s);
    }
    size_t n;
    char *text = buf_take(&out, &n);
    buf_done(&out);
    return text;
}

/* --- labels ---------------------------------------------------------------------------------- */

static void put_escaped(struct buf *out, struct str text)
{
    size_t done = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c != '"' && c != '\\' && c != '\n')
            continue;
        buf_put(out, text.p + done, i - done);
        buf_putc(out, '\\');
        buf_putc(out, c == '\n' ? 'n' : c);
        done = i + 1;
    }
    if (done < text.n)
        buf_put(out, text.p + done, text.n - done);
}

void prometheus_quote(struct buf *out, struct str text)
{
    buf_putc(out, '"');
    put_escaped(out, text);
    buf_putc(out, '"');
}

static void put_value(struct buf *out, const struct attr_view *v, bool nested);

/* As JSON. */
static void put_items(struct buf *out, const struct attr_view *v)
{
    bool map = v->type == TT_TYPE_MAP;
    const char *p = v->value, *end = p + v->value_n;
    struct attr_view item;
    buf_putc(out, map ? '{' : '[');
    for (bool first = true; attr_next(&p, end, &item); first = false) {
        if (!first)
            buf_putc(out, ',');
        if (map) {
            prometheus_quote(out, str_of(item.key, item.key_n));
            buf_putc(out, ':');
        }
        put_value(out, &item, true);
    }
    buf_putc(out, map ? '}' : ']');
}

static void put_value(struct buf *out, const struct attr_view *v, bool nested)
{
    struct str text = str_of(v->value, v->value_n);
    switch (v->type) {
    case TT_TYPE_STRING:
    case TT_TYPE_BYTES:
        if (nested)
            prometheus_quote(out, text);
        else
            buf_put_str(out, text);
        break;
    case TT_TYPE_BOOL: buf_puts(out, *v->value ? "true" : "false"); break;
    case TT_TYPE_INT: buf_put_i64(out, attr_view_int(v)); break;
    case TT_TYPE_DOUBLE: buf_put_double(out, attr_view_double(v)); break;
    case TT_TYPE_ARRAY:
    case TT_TYPE_MAP: put_items(out, v); break;
    default: break;
    }
}

static void put_key(struct buf *out, struct str key, const char *prefix, bool utf8)
{
    buf_puts(out, prefix);
    if (!utf8)
        put_sanitised(out, key, false);
    else
        buf_put_str(out, key);
}

/* The place of each label's name in a scratch buffer, to find those that became the same. */
struct label {
    size_t at, n;
    struct attr_view attr;
    bool joined; /* written with an earlier one */
};

static size_t read_labels(struct label *labels, struct buf *keys, const struct attr_set *attrs,
                          const char *prefix, bool utf8)
{
    size_t n = 0;
    const char *p = attrs->packed, *end = p + attrs->bytes;
    for (; n < ATTRS_MAX && attr_next(&p, end, &labels[n].attr); n++) {
        labels[n].at = keys->n;
        put_key(keys, str_of(labels[n].attr.key, labels[n].attr.key_n), prefix, utf8);
        labels[n].n = keys->n - labels[n].at;
        labels[n].joined = false;
    }
    return n;
}

static void put_label(struct buf *out, struct label *labels, size_t i, size_t n, const char *keys)
{
    struct str key = str_of(keys + labels[i].at, labels[i].n);
    if (prometheus_is_plain_name(key))
        buf_put_str(out, key);
    else
        prometheus_quote(out, key);
    struct buf value = BUF_MAX(ATTR_SET_BYTES_MAX);
    put_value(&value, &labels[i].attr, false);
    for (size_t k = i + 1; k < n; k++) {
        if (!str_eq(key, str_of(keys + labels[k].at, labels[k].n)))
            continue;
        labels[k].joined = true;
        buf_putc(&value, ';');
        put_value(&value, &labels[k].attr, false);
    }
    buf_putc(out, '=');
    prometheus_quote(out, buf_str(&value));
    out->failed |= buf_failed(&value);
    buf_done(&value);
}

void prometheus_labels(struct buf *out, const struct attr_set *attrs, const char *prefix,
                       enum tt_prometheus_names names)
{
    struct label labels[ATTRS_MAX];
    struct buf keys = BUF_MAX(2 * ATTR_SET_BYTES_MAX);
    size_t n = read_labels(labels, &keys, attrs, prefix, prometheus_has_utf8(names));
    for (size_t i = 0; i < n && !buf_failed(&keys); i++) {
        if (labels[i].joined)
            continue;
        if (i > 0)
            buf_putc(out, ',');
        put_label(out, labels, i, n, keys.p);
    }
    out->failed |= buf_failed(&keys);
    buf_done(&keys);
}
