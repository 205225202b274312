/* All that a provider has, in one of Prometheus's formats.
 *
 * Streams are written in the order of their family's name, those of one family under one head. A
 * stream of another type than the first of its family is left out and told as a conflict, as is one
 * whose name is that of another family's samples (families.c), and a series that has the labels of
 * another (doubles.c). */
#include <stdlib.h>
#include <string.h>

#include "core/version.h"
#include "text/families.h"

static const size_t RENDER_MAX = (size_t)1 << 30;

/* --- what is kept ---------------------------------------------------------------------------- */

/* What the buffer holds, as a text for free(), in place of `*inout`; no longer than it is, for it
 * is kept by the thousand. */
static bool keep(struct buf *made, char **inout, uint32_t *out_n)
{
    char *text = buf_failed(made) ? NULL : malloc(made->n + 1);
    if (text) {
        if (made->n)
            memcpy(text, made->p, made->n);
        text[made->n] = '\0';
        free(*inout);
        *inout = text;
        *out_n = (uint32_t)made->n;
    }
    buf_done(made);
    return text != NULL;
}

bool writer_keep_labels(const struct writer *w, struct series *s)
{
    struct buf text = BUF_MAX(4 * ATTR_SET_BYTES_MAX);
    prometheus_labels(&text, s->attrs,
                      s->stream->kind < SERIES_HISTOGRAM ? LABELS_OF_SERIES : LABELS_OF_HISTOGRAM,
                      w->form);
    if (!keep(&text, &s->text, &s->text_n))
        return false;
    s->text_form = 0;
    return true;
}

static bool keep_family(const struct writer *w, struct stream *s)
{
    if (s->family_form == w->form_id)
        return true;
    char *made = prometheus_family(s, w->form);
    if (!made)
        return false;
    free(s->family);
    s->family = made;
    s->family_form = w->form_id;
    return true;
}

static void scope_labels(struct buf *out, const struct writer *w, const struct scope *m)
{
    if (*m->name)
        prometheus_pair(out, w->form, STR("otel_scope_name"), str_c(m->name));
    if (*m->version)
        prometheus_pair(out, w->form, STR("otel_scope_version"), str_c(m->version));
    if (*m->schema_url)
        prometheus_pair(out, w->form, STR("otel_scope_schema_url"), str_c(m->schema_url));
    prometheus_labels(out, m->attrs, LABELS_OF_SCOPE, w->form);
}

static bool keep_scope(const struct writer *w, tt_meter *m)
{
    if (m->text_form == w->form_id)
        return true;
    struct buf text = BUF_MAX(4 * ATTR_SET_BYTES_MAX);
    scope_labels(&text, w, &m->scope);
    if (!keep(&text, &m->text, &m->text_n))
        return false;
    m->text_form = w->form_id;
    return true;
}

bool writer_keep_names(const struct writer *w, struct stream *s)
{
    return keep_family(w, s) && keep_scope(w, s->instrument->meter);
}

/* --- streams --------------------------------------------------------------------------------- */

const char *prometheus_type(const struct stream *s)
{
    if (s->kind == SERIES_HISTOGRAM || s->kind == SERIES_EXPONENTIAL)
        return "histogram";
    return s->monotonic ? "counter" : "gauge";
}

void prometheus_unit_told(struct buf *out, const struct writer *w)
{
    if (!prometheus_has_suffixes(w->form.names))
        return;
    prometheus_unit(out, w->stream);
    struct str family = w->family, unit = buf_str(out);
    if (family.n <= unit.n || !str_ends(family, unit) || family.p[family.n - unit.n - 1] != '_')
        out->n = 0;
}

/* Numbers are read together: beginning to read takes a lock. */
static void put_numbers(struct writer *w, struct series **batch, size_t n)
{
    struct {
        int64_t integer;
        double number;
    } read[SERIES_BATCH];
    struct point *p = w->point;
    w->inside->read_begin();
    for (size_t i = 0; i < n; i++) {
        w->inside->read(p, batch[i]);
        read[i].integer = p->integer;
        read[i].number = p->number;
    }
    w->inside->read_end();
    for (size_t i = 0; i < n; i++) {
        p->series = batch[i];
        p->integer = read[i].integer;
        p->number = read[i].number;
        w->format->number(w, p);
    }
}

static void put_histograms(struct writer *w, struct series **batch, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        w->inside->read_begin();
        w->inside->read(w->point, batch[i]);
        w->inside->read_end();
        w->format->histogram(w, w->point);
    }
}

/* `head`: whether the family begins here. False when the stream had nothing to write. */
static bool put_stream(struct writer *w, struct stream *s, bool head)
{
    tt_meter *m = s->instrument->meter;
    struct str family = str_c(s->family), total = prometheus_total(s, w->form);
    w->stream = s;
    w->total = total.n ? total.p : "";
    w->family = str_sub(family, 0, family.n - total.n);
    w->scope = w->options.without_scope ? (struct str){0} : str_of(m->text, m->text_n);
    struct series *batch[SERIES_BATCH];
    size_t from = 0, n;
    bool any = false;
    while ((n = w->inside->series(s, &from, batch, SERIES_BATCH))) {
        if (!any && head)
            w->format->head(w);
        any = true;
        n = without_doubles(w, batch, n);
        w->points += n;
        if (s->kind < SERIES_HISTOGRAM)
            put_numbers(w, batch, n);
        else
            put_histograms(w, batch, n);
    }
    return any;
}

static bool is_resources(const struct writer *w, const struct candidate *c)
{
    struct str family = str_c(c->stream->family);
    return w->target && (str_eq(family, STR("target_info")) ||
                         (w->openmetrics && str_eq(c->family, STR("target"))));
}

/* One after the other of a family, which the first of them that has a value gives its type. */
static void put_family(struct writer *w)
{
    const struct stream *first = NULL;
    for (size_t i = 0; i < w->family_n; i++) {
        const struct candidate *c = &w->candidates[i];
        struct stream *s = c->stream;
        if (c->left_out)
            continue;
        if (is_resources(w, c))
            w->inside->problem(TT_PROBLEM_CONFLICT, "the name of the resource's metric; left out",
                               s->family);
        else if (first && strcmp(prometheus_type(first), prometheus_type(s)) != 0)
            w->inside->problem(TT_PROBLEM_CONFLICT, "two types of one name; left out", s->family);
        else if (put_stream(w, s, !first) && !first)
            first = s;
    }
    if (first)
        w->format->tail(w);
}

static int put_streams(struct writer *w)
{
    size_t n;
    struct candidate *all = families_list(w, &n);
    if (!all)
        return TT_ERR_NOMEM;
    for (size_t from = 0, to; from < n; from = to) {
        for (to = from + 1; to < n && str_eq(all[to].family, all[from].family);)
            to++;
        w->candidates = all + from;
        w->family_n = to - from;
        put_family(w);
    }
    free(all);
    return TT_OK;
}

/* --- the whole ------------------------------------------------------------------------------- */

static void writer_init(struct writer *w, const tt_prometheus_options *options)
{
    (void)tt_options_read(&w->options, sizeof w->options, options); // NULL leaves the defaults
    const tt_prometheus_options *o = &w->options;
    w->openmetrics = o->format == TT_PROMETHEUS_OPENMETRICS;
    w->form = (struct prometheus_form){
        .names = o->names,
        .escaping = o->escaping,
        .proto = o->format == TT_PROMETHEUS_PROTOBUF,
        .without_scope = o->without_scope,
        .total = w->openmetrics && !prometheus_has_suffixes(o->names),
    };
    w->form_id = prometheus_form_id(w->form);
    w->format = w->form.proto ? &prometheus_proto : &prometheus_text;
    w->quoted = prometheus_has_utf8(o->names) && !o->escaping;
}

static int render(tt_meter_provider *p, const tt_prometheus_options *options, struct buf *out)
{
    struct writer w = {
        .inside = tt_inside_of(TT_VERSION), .provider = p, .out = out, .part = BUF_MAX(out->max)};
    if (!w.inside)
        return TT_ERR_INVALID;
    writer_init(&w, options);
    w.point = malloc(sizeof *w.point);
    if (!w.point)
        return TT_ERR_NOMEM;
    int64_t began = w.inside->collect_begin(p);
    int rc = constants_prepare(&w);
    w.target = !w.options.without_target && p->resource->set->n;
    if (w.target)
        w.format->target(&w, p->resource->set);
    if (rc == TT_OK)
        rc = put_streams(&w);
    w.inside->collect_end(p);
    w.format->end(&w);
    out->failed |= buf_failed(&w.part);
    int status = rc == TT_OK && buf_failed(out) ? TT_ERR_SPACE : rc;
    w.inside->collected(p, began, (tt_collection){.points = w.points, .status = status});
    buf_done(&w.part);
    free(w.point);
    return rc;
}

const char *tt_prometheus_content_type(enum tt_prometheus_format format)
{
    switch (format) {
    case TT_PROMETHEUS_OPENMETRICS:
        return "application/openmetrics-text; version=1.0.0; charset=utf-8";
    case TT_PROMETHEUS_PROTOBUF:
        return "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; "
               "encoding=delimited";
    default: return "text/plain; version=0.0.4; charset=utf-8";
    }
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
