/* Prometheus's text formats.
 *
 * Streams are written in the order of their family's name, those of one family under one head. A
 * stream of another type than the first of its family is left out and told as a conflict. */
#include "telltale/prometheus_text.h"

#include <stdlib.h>

#include "base/num.h"
#include "core/problem.h"
#include "core/resource.h"
#include "metrics/prometheus_names.h"
#include "metrics/prometheus_writer.h"

enum { EXEMPLAR_LABELS_MAX = 60 };

static const size_t RENDER_MAX = (size_t)1 << 30;

/* --- what stands in a line ---------------------------------------------------------------------
 */

void text_put_quoted_name(struct text_writer *w, const char *suffix)
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

static void put_hex(struct buf *out, const char *name, const uint8_t *bytes, size_t n)
{
    buf_puts(out, name);
    for (size_t i = 0; i < n; i++)
        buf_printf(out, "%02x", bytes[i]);
    buf_putc(out, '"');
}

/* OpenMetrics allows 128 characters of names and values, of which the ids take 63. */
static void put_dropped(struct text_writer *w, const struct exemplar *e)
{
    struct buf labels = BUF_MAX(ATTR_SET_BYTES_MAX);
    prometheus_labels(&labels, e->dropped, "", w->options.names);
    if (labels.n && labels.n <= EXEMPLAR_LABELS_MAX) {
        if (e->traced)
            buf_putc(w->out, ',');
        buf_put_str(w->out, buf_str(&labels));
    }
    buf_done(&labels);
}

void text_put_exemplar(const struct exemplar *e, void *arg)
{
    struct text_writer *w = arg;
    buf_puts(w->out, " # {");
    if (e->traced) {
        put_hex(w->out, "trace_id=\"", e->trace_id, sizeof e->trace_id);
        put_hex(w->out, ",span_id=\"", e->span_id, sizeof e->span_id);
    }
    if (e->dropped)
        put_dropped(w, e);
    buf_puts(w->out, "} ");
    if (e->is_double)
        buf_put_double(w->out, e->number);
    else
        buf_put_i64(w->out, e->integer);
    buf_putc(w->out, ' ');
    text_put_time(w->out, e->unix_ns);
}

/* --- what is kept ---------------------------------------------------------------------------- */

bool text_keep_slowly(struct text_writer *w, struct series *s)
{
    struct buf text = BUF_MAX(4 * ATTR_SET_BYTES_MAX);
    prometheus_labels(&text, s->attrs, "", w->options.names);
    size_t n = 0;
    char *made = buf_take(&text, &n);
    buf_done(&text);
    if (!made)
        return false;
    free(s->text);
    s->text = made;
    s->text_n = (uint32_t)n;
    s->text_form = text_form(w);
    return true;
}

static bool keep_family(struct text_writer *w, struct stream *s)
{
    if (s->family_form == text_form(w))
        return true;
    char *made = prometheus_family(s, w->options.names);
    if (!made)
        return false;
    free(s->family);
    s->family = made;
    s->family_form = text_form(w);
    return true;
}

static void scope_labels(struct buf *out, const struct scope *m, enum tt_prometheus_names names)
{
    if (*m->name) {
        buf_puts(out, "otel_scope_name=");
        prometheus_quote(out, str_c(m->name));
    }
    if (*m->version) {
        buf_puts(out, out->n ? ",otel_scope_version=" : "otel_scope_version=");
        prometheus_quote(out, str_c(m->version));
    }
    if (*m->schema_url) {
        buf_puts(out, out->n ? ",otel_scope_schema_url=" : "otel_scope_schema_url=");
        prometheus_quote(out, str_c(m->schema_url));
    }
    if (m->attrs->n) {
        if (out->n)
            buf_putc(out, ',');
        prometheus_labels(out, m->attrs, "otel_scope_", names);
    }
}

static bool keep_scope(struct text_writer *w, tt_meter *m)
{
    if (m->text_form == text_form(w))
        return true;
    struct buf text = BUF_MAX(4 * ATTR_SET_BYTES_MAX);
    scope_labels(&text, &m->scope, w->options.names);
    size_t n;
    char *made = buf_take(&text, &n);
    buf_done(&text);
    if (!made)
        return false;
    free(m->text);
    m->text = made;
    m->text_form = text_form(w);
    return true;
}

/* --- families -------------------------------------------------------------------------------- */

static const char *type_of(const struct stream *s)
{
    if (s->kind == SERIES_HISTOGRAM || s->kind == SERIES_EXPONENTIAL)
        return "histogram";
    return s->monotonic ? "counter" : "gauge";
}

static void put_meta(struct text_writer *w, const char *keyword, const char *suffix)
{
    buf_puts(w->out, keyword);
    if (w->utf8 && !prometheus_is_plain_name(w->family)) {
        text_put_quoted_name(w, suffix);
    } else {
        buf_put_str(w->out, w->family);
        buf_puts(w->out, suffix);
    }
    buf_putc(w->out, ' ');
}

/* HELP escapes line ends and backslashes; OpenMetrics quotes, too. */
static void put_help_text(struct text_writer *w, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '\n' || (w->openmetrics && *text == '"'))
            buf_putc(w->out, '\\');
        buf_putc(w->out, *text == '\n' ? 'n' : *text);
    }
}

static void put_head(struct text_writer *w)
{
    const struct stream *s = w->stream;
    const char *suffix = s->monotonic && !w->openmetrics ? w->total : "";
    if (*s->description) {
        put_meta(w, "# HELP ", suffix);
        put_help_text(w, s->description);
        buf_putc(w->out, '\n');
    }
    put_meta(w, "# TYPE ", suffix);
    buf_puts(w->out, type_of(s));
    buf_putc(w->out, '\n');
    struct buf unit = BUF_MAX(256);
    if (w->openmetrics && prometheus_has_suffixes(w->options.names))
        prometheus_unit(&unit, s);
    if (unit.n && str_ends(w->family, buf_str(&unit))) {
        put_meta(w, "# UNIT ", "");
        buf_put_str(w->out, buf_str(&unit));
        buf_putc(w->out, '\n');
    }
    buf_done(&unit);
}

/* `head`: whether the family begins here. False when the stream had nothing to write. */
static bool put_stream(struct text_writer *w, struct stream *s, bool head)
{
    w->stream = s;
    w->family = str_c(s->family);
    w->total = prometheus_has_suffixes(w->options.names) || w->openmetrics ? "_total" : "";
    w->scope = w->options.without_scope ? (struct str){0} : str_c(s->instrument->meter->text);
    struct series *batch[TEXT_BATCH];
    size_t from = 0, n;
    bool any = false;
    while ((n = stream_series(s, &from, batch, TEXT_BATCH))) {
        if (!any && head)
            put_head(w);
        any = true;
        text_put_batch(w, batch, n);
    }
    return any;
}

static int by_family(const void *a, const void *b)
{
    return strcmp((*(struct stream *const *)a)->family, (*(struct stream *const *)b)->family);
}

/* Streams sorted by family; NULL when out of memory. */
static struct stream **sorted_streams(struct text_writer *w, size_t *out_n)
{
    size_t n = 0, cap = 0;
    struct stream **list = NULL, *s = NULL;
    while ((s = provider_next_stream(w->provider, s))) {
        if (!keep_family(w, s) || !keep_scope(w, s->instrument->meter))
            goto fail;
        if (n == cap) {
            cap = cap ? 2 * cap : 64;
            struct stream **more = realloc(list, cap * sizeof(struct stream *));
            if (!more)
                goto fail;
            list = more;
        }
        list[n++] = s;
    }
    if (n)
        qsort(list, n, sizeof(struct stream *), by_family);
    *out_n = n;
    return list ? list : calloc(1, sizeof(struct stream *));
fail:
    free(list);
    return NULL;
}

static int put_streams(struct text_writer *w)
{
    size_t n;
    struct stream **list = sorted_streams(w, &n);
    if (!list)
        return TT_ERR_NOMEM;
    const struct stream *first = NULL; /* of the family that is being written */
    for (size_t i = 0; i < n; i++) {
        struct stream *s = list[i];
        if (first && strcmp(first->family, s->family) != 0)
            first = NULL;
        if (first && strcmp(type_of(first), type_of(s)) != 0)
            problem(TT_PROBLEM_CONFLICT, "two types of one name; left out", s->family);
        else if (put_stream(w, s, !first) && !first)
            first = s;
    }
    free(list);
    return TT_OK;
}

/* --- the whole ------------------------------------------------------------------------------- */

static void put_target(struct text_writer *w)
{
    const struct attr_set *attrs = w->provider->resource->set;
    if (w->options.without_target || !attrs->n)
        return;
    buf_puts(w->out, w->openmetrics ? "# HELP target Target metadata\n# TYPE target info\n"
                                    : "# HELP target_info Target metadata\n"
                                      "# TYPE target_info gauge\n");
    buf_puts(w->out, "target_info{");
    prometheus_labels(w->out, attrs, "", w->options.names);
    buf_puts(w->out, "} 1\n");
}

static int render(tt_meter_provider *p, const tt_prometheus_options *options, struct buf *out)
{
    struct text_writer w = {.provider = p, .out = out};
    if (options)
        memcpy(&w.options, options, MIN(options->size, sizeof w.options));
    w.openmetrics = w.options.format == TT_PROMETHEUS_OPENMETRICS;
    w.utf8 = prometheus_has_utf8(w.options.names);
    w.point = malloc(sizeof *w.point);
    if (!w.point)
        return TT_ERR_NOMEM;
    provider_collect_begin(p);
    put_target(&w);
    int rc = put_streams(&w);
    provider_collect_end(p);
    if (w.openmetrics)
        buf_puts(out, "# EOF\n");
    free(w.point);
    return rc;
}

const char *tt_prometheus_content_type(enum tt_prometheus_format format)
{
    return format == TT_PROMETHEUS_OPENMETRICS
               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
               : "text/plain; version=0.0.4; charset=utf-8";
}

int tt_prometheus_render_new(tt_meter_provider *p, const tt_prometheus_options *options, size_t max,
                             char **out_text, size_t *out_n)
{
    if (!p || !out_text || !out_n)
        return TT_ERR_INVALID;
    struct buf out = BUF_MAX(MIN(max, RENDER_MAX));
    int rc = render(p, options, &out);
    if (rc == TT_OK && buf_failed(&out))
        rc = TT_ERR_LIMIT;
    char *text = rc == TT_OK ? buf_take(&out, out_n) : NULL;
    buf_done(&out);
    if (rc == TT_OK && !text)
        return TT_ERR_NOMEM;
    if (rc == TT_OK)
        *out_text = text;
    return rc;
}

int tt_prometheus_render(tt_meter_provider *p, const tt_prometheus_options *options, char *out,
                         size_t cap, size_t *out_n)
{
    if (!p || !out_n || (!out && cap))
        return TT_ERR_INVALID;
    struct buf into = {.p = out, .cap = cap, .max = cap};
    int rc = cap ? render(p, options, &into) : TT_OK;
    if (rc != TT_OK)
        return rc;
    if (cap && !buf_failed(&into)) {
        *out_n = into.n;
        return TT_OK;
    }
    char *text = NULL;
    // A line is given more room than it may need, so a text that fills the buffer ends here, too.
    rc = tt_prometheus_render_new(p, options, RENDER_MAX, &text, out_n);
    if (rc == TT_OK && *out_n > cap)
        rc = TT_ERR_SPACE;
    if (rc == TT_OK && *out_n)
        memcpy(out, text, *out_n);
    free(text);
    return rc;
}
