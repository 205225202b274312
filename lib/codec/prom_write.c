#include "codec/prom_write.h"

#include "base/num.h"

/* Help text; quotes are escaped in OpenMetrics only. */
static void put_help(struct buf *out, struct str help, enum prom_format format)
{
    for (size_t i = 0; i < help.n; i++) {
        char c = help.p[i];
        if (c == '\n') {
            buf_puts(out, "\\n");
            continue;
        }
        if (c == '\\' || (c == '"' && format == PROM_OPENMETRICS))
            buf_putc(out, '\\');
        buf_putc(out, c);
    }
}

/* A name outside of braces or a label's name in them; quoted when it must be. */
static void put_name(struct buf *out, struct str name, bool metric, enum prom_escaping escaping)
{
    bool plain = metric ? metric_name_is_plain(name) : label_name_is_plain(name);
    if (escaping == PROM_ALLOW_UTF8 && !plain)
        str_quote(out, name);
    else
        prom_escape_name(out, name, metric, escaping);
}

static void put_comment(struct buf *out, const char *keyword, struct str family,
                        enum prom_escaping escaping)
{
    buf_puts(out, keyword);
    put_name(out, family, true, escaping);
    buf_putc(out, ' ');
}

static const char *type_word(enum metric_type type, enum prom_format format)
{
    if (format == PROM_OPENMETRICS)
        return metric_type_name(type);
    switch (type) {
    case METRIC_COUNTER: return "counter";
    case METRIC_GAUGE:
    case METRIC_INFO:
    case METRIC_STATESET: return "gauge";
    case METRIC_HISTOGRAM:
    case METRIC_GAUGE_HISTOGRAM: return "histogram";
    case METRIC_SUMMARY: return "summary";
    case METRIC_UNKNOWN: break;
    }
    return "untyped";
}

void prom_write_metadata(struct buf *out, struct prom_content content,
                         const struct metric_metadata *m)
{
    if (m->help.n) {
        put_comment(out, "# HELP ", m->family, content.escaping);
        put_help(out, m->help, content.format);
        buf_putc(out, '\n');
    }
    put_comment(out, "# TYPE ", m->family, content.escaping);
    buf_puts(out, type_word(m->type, content.format));
    buf_putc(out, '\n');
    if (m->unit.n && content.format == PROM_OPENMETRICS) {
        put_comment(out, "# UNIT ", m->family, content.escaping);
        buf_put_str(out, m->unit);
        buf_putc(out, '\n');
    }
}

/* {name="value",…} without the metric's name; `quoted_name` stands in front when not empty: the
 * quoted metric name. Nothing when there is nothing to put. Those of an exemplar (`metric` false)
 * are all put, for none of them is the name of a metric. */
static void put_labels(struct buf *out, const struct labels *labels, bool metric,
                       struct str quoted_name, enum prom_escaping escaping)
{
    const char *separator = "{";
    if (quoted_name.n) {
        buf_puts(out, separator);
        str_quote(out, quoted_name);
        separator = ",";
    }
    for (size_t i = 0; i < labels->n; i++) {
        if (metric && str_eq(labels->v[i].name, LABEL_NAME))
            continue;
        buf_puts(out, separator);
        put_name(out, labels->v[i].name, false, escaping);
        buf_putc(out, '=');
        str_quote(out, labels->v[i].value);
        separator = ",";
    }
    if (separator[0] == ',')
        buf_putc(out, '}');
}

/* Seconds with up to three decimals, exact: 1500 -> 1.5. */
static void put_seconds(struct buf *out, int64_t ms)
{
    uint64_t magnitude = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (ms < 0)
        buf_putc(out, '-');
    buf_put_u64(out, magnitude / 1000);
    unsigned left = (unsigned)(magnitude % 1000);
    if (left)
        buf_printf(out, ".%0*u",
                   left % 100 == 0  ? 1
                   : left % 10 == 0 ? 2
                                    : 3,
                   left % 100 == 0  ? left / 100
                   : left % 10 == 0 ? left / 10
                                    : left);
}

/* OpenMetrics wants floats to look like floats where other libraries compare text (le="1.0"); a
 * sample's value needs no such care. */
static void put_exemplar(struct buf *out, struct prom_content content, const struct exemplar *e)
{
    buf_puts(out, " # ");
    if (e->labels.n)
        put_labels(out, &e->labels, false, (struct str){0}, content.escaping);
    else
        buf_puts(out, "{}");
    buf_putc(out, ' ');
    buf_put_double(out, e->value);
    if (e->t_unix_ms) {
        buf_putc(out, ' ');
        put_seconds(out, e->t_unix_ms);
    }
}

void prom_write_sample(struct buf *out, struct prom_content content, const struct labels *labels,
                       double value, const int64_t *t_unix_ms, const struct exemplar *exemplar)
{
    struct str name = labels_metric_name(labels), quoted = {0};
    if (content.escaping == PROM_ALLOW_UTF8 && !metric_name_is_plain(name))
        quoted = name;
    else
        prom_escape_name(out, name, true, content.escaping);
    put_labels(out, labels, true, quoted, content.escaping);
    buf_putc(out, ' ');
    buf_put_double(out, value);
    if (t_unix_ms) {
        buf_putc(out, ' ');
        if (content.format == PROM_OPENMETRICS)
            put_seconds(out, *t_unix_ms);
        else
            buf_put_i64(out, *t_unix_ms);
    }
    if (exemplar && content.format == PROM_OPENMETRICS)
        put_exemplar(out, content, exemplar);
    buf_putc(out, '\n');
}

void prom_write_end(struct buf *out, struct prom_content content)
{
    if (content.format == PROM_OPENMETRICS)
        buf_puts(out, "# EOF\n");
}
