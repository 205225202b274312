/* Samples, straight from the cells: no metric is built in between. What a series' line begins with
 * is kept from one rendering to the next, so that a line is three copies and a number. */
#include <string.h>

#include "base/num.h"
#include "text/text.h"

static char *put(char *to, struct str s)
{
    if (s.n)
        memcpy(to, s.p, s.n);
    return to + s.n;
}

/* All of a sample but its value: name{scope,labels,le="…"} and a blank. */
static void put_sample(struct writer *w, const char *suffix, const struct series *s,
                       const char *more, struct str more_value)
{
    struct str tail = str_c(suffix), label = str_c(more), labels = str_of(s->text, s->text_n);
    if (w->quoted && !prometheus_is_plain(w->family, true)) {
        buf_putc(w->out, '{');
        text_put_quoted_name(w, suffix);
        if (w->scope.n + labels.n + label.n)
            buf_putc(w->out, ',');
    } else {
        buf_put_str(w->out, w->family);
        buf_put_str(w->out, tail);
        if (w->scope.n + labels.n + label.n)
            buf_putc(w->out, '{');
        else {
            buf_putc(w->out, ' ');
            return;
        }
    }
    char *at = buf_reserve(w->out, w->scope.n + labels.n + label.n + more_value.n + 8);
    char *start = at;
    if (!at)
        return;
    at = put(at, w->scope);
    if (w->scope.n && labels.n)
        *at++ = ',';
    at = put(at, labels);
    if (label.n) {
        if (w->scope.n + labels.n)
            *at++ = ',';
        at = put(at, label);
        *at++ = '=';
        *at++ = '"';
        at = put(at, more_value);
        *at++ = '"';
    }
    *at++ = '}';
    *at++ = ' ';
    buf_advance(w->out, (size_t)(at - start));
}

static void put_plain(struct writer *w, const char *suffix, const struct series *s)
{
    put_sample(w, suffix, s, NULL, (struct str){0});
}

static void put_bound(struct writer *w, double bound, char text[NUM_DOUBLE_MAX + 2], size_t *out_n)
{
    size_t n = num_format_short(text, bound);
    if (w->openmetrics && strcspn(text, ".eIN") == n) {
        text[n++] = '.';
        text[n++] = '0';
    }
    *out_n = n;
}

static void put_exemplar(const struct exemplar *e, void *arg)
{
    struct writer *w = arg;
    buf_puts(w->out, " # {");
    prometheus_exemplar_labels(w->out, e, w->form);
    buf_puts(w->out, "} ");
    if (e->is_double)
        buf_put_double(w->out, e->number);
    else
        buf_put_i64(w->out, e->integer);
    buf_putc(w->out, ' ');
    text_put_time(w->out, e->unix_ns);
}

/* The end of a sample, before it an exemplar where there is one. */
static inline void end_sample(struct writer *w, struct series *s, size_t bucket)
{
    if (UNLIKELY(w->openmetrics && atomic_get_relaxed(&s->reservoir)))
        w->inside->exemplar_of_bucket(s, bucket, put_exemplar, w);
    buf_putc(w->out, '\n');
}

static void put_bucket(struct writer *w, struct series *s, struct str bound, size_t bucket,
                       uint64_t count)
{
    put_sample(w, "_bucket", s, "le", bound);
    buf_put_u64(w->out, count);
    end_sample(w, s, bucket);
}

static COLD void put_created(struct writer *w, const struct series *s)
{
    if (!w->openmetrics)
        return;
    put_plain(w, "_created", s);
    text_put_time(w->out, s->start_unix_ns);
    buf_putc(w->out, '\n');
}

void text_put_histogram(struct writer *w, struct point *p)
{
    struct series *s = p->series;
    uint64_t count = 0;
    char text[NUM_DOUBLE_MAX + 2];
    for (size_t i = 0; i < point_bounds(p); i++) {
        size_t n;
        put_bound(w, s->stream->bounds[i], text, &n);
        count += p->buckets[i];
        put_bucket(w, s, str_of(text, n), i, count);
    }
    put_bucket(w, s, STR("+Inf"), s->stream->bounds_n, p->count);
    if (point_has_sum(p)) {
        put_plain(w, "_sum", s);
        buf_put_double(w->out, p->sum);
        buf_putc(w->out, '\n');
    }
    put_plain(w, "_count", s);
    buf_put_u64(w->out, p->count);
    buf_putc(w->out, '\n');
    put_created(w, s);
}

void text_put_number(struct writer *w, const struct point *p)
{
    put_plain(w, w->total, p->series);
    if (p->kind == SERIES_SUM || p->kind == SERIES_LAST)
        buf_put_i64(w->out, p->integer);
    else
        buf_put_double(w->out, p->number);
    if (!w->stream->monotonic) {
        buf_putc(w->out, '\n');
        return;
    }
    end_sample(w, p->series, 0);
    put_created(w, p->series);
}
