/* Prometheus's text formats: what stands above the samples. */
#include "text/text.h"

#include "base/num.h"

/* --- names ----------------------------------------------------------------------------------- */

void text_put_quoted_name(struct writer *w, const char *suffix)
{
    struct buf name = BUF_MAX(8192);
    buf_put_str(&name, w->family);
    buf_puts(&name, suffix);
    prometheus_quote(w->out, buf_str(&name));
    w->out->failed |= buf_failed(&name);
    buf_done(&name);
}

void text_put_time(struct buf *out, int64_t unix_ns)
{
    int64_t ms = unix_ns / 1000000;
    buf_put_i64(out, ms / 1000);
    buf_printf(out, ".%03d", (int)(ms % 1000));
}

/* --- families -------------------------------------------------------------------------------- */

static void put_meta(struct writer *w, const char *keyword, const char *suffix)
{
    buf_puts(w->out, keyword);
    if (w->quoted && !prometheus_is_plain(w->family, true)) {
        text_put_quoted_name(w, suffix);
    } else {
        buf_put_str(w->out, w->family);
        buf_puts(w->out, suffix);
    }
    buf_putc(w->out, ' ');
}

/* HELP escapes line ends and backslashes; OpenMetrics quotes, too. */
static void put_help_text(struct writer *w, const char *given)
{
    struct buf text = BUF_MAX(1 << 20);
    prometheus_put_utf8(&text, str_c(given));
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '\\' || c == '\n' || (w->openmetrics && c == '"'))
            buf_putc(w->out, '\\');
        buf_putc(w->out, c == '\n' ? 'n' : c);
    }
    buf_done(&text);
}

static void put_head(struct writer *w)
{
    const struct stream *s = w->stream;
    const char *suffix = w->openmetrics ? "" : w->total;
    if (*s->description) {
        put_meta(w, "# HELP ", suffix);
        put_help_text(w, s->description);
        buf_putc(w->out, '\n');
    }
    put_meta(w, "# TYPE ", suffix);
    buf_puts(w->out, prometheus_type(s));
    buf_putc(w->out, '\n');
    struct buf unit = BUF_MAX(256);
    if (w->openmetrics)
        prometheus_unit_told(&unit, w);
    if (unit.n) {
        put_meta(w, "# UNIT ", "");
        buf_put_str(w->out, buf_str(&unit));
        buf_putc(w->out, '\n');
    }
    buf_done(&unit);
}

static void put_tail(struct writer *w)
{
    (void)w; // lines follow each other
}

static void put_target(struct writer *w, const struct attr_set *attrs)
{
    buf_puts(w->out, w->openmetrics ? "# HELP target Target metadata\n# TYPE target info\n"
                                    : "# HELP target_info Target metadata\n"
                                      "# TYPE target_info gauge\n");
    buf_puts(w->out, "target_info{");
    prometheus_labels(w->out, attrs, LABELS_OF_OTHERS, w->form);
    buf_puts(w->out, "} 1\n");
}

static void put_end(struct writer *w)
{
    if (w->openmetrics)
        buf_puts(w->out, "# EOF\n");
}

const struct prometheus_format prometheus_text = {
    .head = put_head,
    .tail = put_tail,
    .number = text_put_number,
    .histogram = text_put_histogram,
    .target = put_target,
    .end = put_end,
};
