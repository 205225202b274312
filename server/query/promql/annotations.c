#include "query/promql/annotations.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/num.h"
#include "base/time.h"
#include "store/store.h"

static struct annotation *find(struct annotations *a, struct str text, uint64_t hash)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->v[i].hash == hash && str_eq(a->v[i].text, text))
            return &a->v[i];
    return NULL;
}

static bool make_room(struct annotations *a)
{
    if (a->n < a->cap)
        return true;
    size_t cap = MIN(a->cap ? a->cap * 4 : 16, (size_t)ANNOTATIONS_MAX);
    struct annotation *v = arena_grow(a->arena, a->v, a->n, cap, sizeof *v);
    if (a->n == ANNOTATIONS_MAX || !v)
        return false;
    a->v = v;
    a->cap = cap;
    return true;
}

/* Of the same message at two places the later place is shown. */
static struct annotation *add(struct annotations *a, struct span at, bool info, struct str text)
{
    uint64_t hash = hash_str(text);
    struct annotation *known = find(a, text, hash);
    if (known) {
        if (at.start > known->span.start)
            known->span = at;
        return known;
    }
    struct str copy = make_room(a) ? arena_str(a->arena, text) : (struct str){0};
    if (!copy.p)
        return NULL;
    a->v[a->n] = (struct annotation){.text = copy, .hash = hash, .span = at, .info = info};
    return &a->v[a->n++];
}

void annotations_clear(struct annotations *a)
{
    *a = (struct annotations){.arena = a->arena};
}

void annotations_merge(struct annotations *a, const struct annotations *other)
{
    for (size_t i = 0; i < other->n; i++)
        (void)add(a, other->v[i].span, other->v[i].info, other->v[i].text); // or there are enough
    a->damaged |= other->damaged;
}

static struct annotation *add_formatted(struct annotations *a, struct span at, bool info,
                                        const char *fmt, va_list args) PRINTF_LIKE(4, 0);

static struct annotation *add_formatted(struct annotations *a, struct span at, bool info,
                                        const char *fmt, va_list args)
{
    char text[ERR_MESSAGE_MAX];
    int head = snprintf(text, sizeof text, "PromQL %s: ", info ? "info" : "warning");
    int n = vsnprintf(text + head, sizeof text - (size_t)head, fmt, args);
    if (n < 0)
        return NULL;
    return add(a, at, info, str_c(text));
}

void annotate_warning(struct annotations *a, struct span at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)add_formatted(a, at, false, fmt, args); // or there are enough
    va_end(args);
}

void annotate_info(struct annotations *a, struct span at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)add_formatted(a, at, true, fmt, args); // or there are enough
    va_end(args);
}

static struct annotation *add_info(struct annotations *a, struct span at, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

static struct annotation *add_info(struct annotations *a, struct span at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    struct annotation *added = add_formatted(a, at, true, fmt, args);
    va_end(args);
    return added;
}

static struct annotation *add_repair_text(struct annotations *a, struct span at, struct str name)
{
    static const char text[] =
        "input to histogram_quantile needed to be fixed for monotonicity (see "
        "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)";
    char quoted[ANNOTATION_QUOTED_MAX];
    if (name.n == 0)
        return add_info(a, at, "%s", text);
    return add_info(a, at, "%s for metric name %s", text, annotation_quote(quoted, name));
}

static void merge_repair(struct annotation_repair *into, const struct annotation_repair *r)
{
    into->min_bucket = r->min_bucket < into->min_bucket ? r->min_bucket : into->min_bucket;
    into->max_bucket = r->max_bucket > into->max_bucket ? r->max_bucket : into->max_bucket;
    into->max_diff = r->max_diff > into->max_diff ? r->max_diff : into->max_diff;
    into->first_ms = r->first_ms < into->first_ms ? r->first_ms : into->first_ms;
    into->last_ms = r->last_ms > into->last_ms ? r->last_ms : into->last_ms;
    into->count += r->count;
}

void annotate_repair(struct annotations *a, struct span at, struct str name,
                     const struct annotation_repair *repair)
{
    struct annotation *n = add_repair_text(a, at, name);
    if (!n)
        return;
    if (n->repair) {
        merge_repair(n->repair, repair);
        return;
    }
    n->repair = arena_alloc(a->arena, sizeof *n->repair);
    if (n->repair)
        *n->repair = *repair;
}

/* RFC 3339 without decimals. */
static void put_seconds(struct buf *out, int64_t unix_ms)
{
    struct buf text = BUF_MAX(64);
    time_format_rfc3339(&text, unix_ms);
    buf_put_str(out, str_sub(buf_str(&text), 0, strlen("2026-11-21T04:26:32")));
    buf_putc(out, 'Z');
    buf_done(&text);
}

static void render_repair(struct buf *out, const struct annotation_repair *r)
{
    buf_puts(out, ", from buckets ");
    buf_put_double(out, r->min_bucket);
    buf_puts(out, " to ");
    buf_put_double(out, r->max_bucket);
    buf_printf(out, ", with a max diff of %.2g, over %zu samples from ", r->max_diff, r->count);
    put_seconds(out, r->first_ms);
    buf_puts(out, " to ");
    put_seconds(out, r->last_ms);
}

static struct str render(const struct annotation *n, struct str query, struct arena *arena)
{
    struct buf text = BUF_MAX(4096);
    buf_put_str(&text, n->text);
    if (n->repair)
        render_repair(&text, n->repair);
    buf_puts(&text, " (");
    span_format(&text, query, n->span.start);
    buf_putc(&text, ')');
    struct str kept = arena_str(arena, buf_str(&text));
    buf_done(&text);
    return kept;
}

static struct str render_omitted(size_t n, bool info, struct arena *arena)
{
    char text[64];
    (void)snprintf(text, sizeof text, "%zu more %s annotations omitted", n,
                   info ? "info" : "warning");
    return arena_str(arena, str_c(text));
}

void annotations_render(const struct annotations *a, struct str query, struct arena *arena,
                        bool info, struct str **out, size_t *out_n)
{
    struct str *v = arena_array(arena, ANNOTATIONS_SHOWN + 2, sizeof *v);
    size_t n = 0, shown = 0, omitted = 0;
    if (v && a->damaged && !info)
        v[n++] = STR(STORE_DAMAGED_WARNING);
    for (size_t i = 0; v && i < a->n; i++) {
        if (a->v[i].info != info)
            continue;
        if (shown++ < ANNOTATIONS_SHOWN)
            v[n++] = render(&a->v[i], query, arena);
        else
            omitted++;
    }
    if (omitted)
        v[n++] = render_omitted(omitted, info, arena);
    *out = v;
    *out_n = n;
}

/* --- shared messages -------------------------------------------------------------------------- */

static bool needs_escapes(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '\\')
            return true;
    return false;
}

const char *annotation_quote(char to[ANNOTATION_QUOTED_MAX], struct str name)
{
    enum { SHOWN_BYTES = 200 }; // each takes four at most
    struct str s = str_sub(name, 0, SHOWN_BYTES);
    struct buf text = BUF_MAX(ANNOTATION_QUOTED_MAX - 1);
    if (needs_escapes(s))
        str_quote_visible(&text, s);
    else
        buf_printf(&text, "\"%.*s\"", STR_ARG(s));
    memcpy(to, text.n ? text.p : "", text.n);
    to[text.n] = '\0';
    buf_done(&text);
    return to;
}

void warn_mixed_floats_histograms(struct annotations *a, struct span at, struct str metric)
{
    char quoted[ANNOTATION_QUOTED_MAX];
    annotate_warning(a, at, "encountered a mix of histograms and floats for metric name %s",
                     annotation_quote(quoted, metric));
}

void warn_mixed_floats_histograms_aggregation(struct annotations *a, struct span at)
{
    annotate_warning(a, at, "encountered a mix of histograms and floats for aggregation");
}

void warn_mixed_schemas(struct annotations *a, struct span at, struct str metric)
{
    char quoted[ANNOTATION_QUOTED_MAX];
    annotate_warning(a, at,
                     "vector contains a mix of histograms with exponential and custom buckets "
                     "schemas for metric name %s",
                     annotation_quote(quoted, metric));
}

void warn_not_counter(struct annotations *a, struct span at, struct str metric)
{
    char quoted[ANNOTATION_QUOTED_MAX];
    annotate_warning(a, at, "this native histogram metric is not a counter: %s",
                     annotation_quote(quoted, metric));
}

void warn_not_gauge(struct annotations *a, struct span at, struct str metric)
{
    char quoted[ANNOTATION_QUOTED_MAX];
    annotate_warning(a, at, "this native histogram metric is not a gauge: %s",
                     annotation_quote(quoted, metric));
}

void warn_quantile(struct annotations *a, struct span at, double q)
{
    char text[NUM_DOUBLE_MAX];
    (void)num_format_short(text, q);
    annotate_warning(a, at, "quantile value should be between 0 and 1, got %s", text);
}

void warn_ratio(struct annotations *a, struct span at, double ratio, int capped)
{
    char text[NUM_DOUBLE_MAX];
    (void)num_format_short(text, ratio);
    annotate_warning(a, at, "ratio value should be between -1 and 1, got %s, capping to %d", text,
                     capped);
}

void warn_reset_collision(struct annotations *a, struct span at, const char *operation)
{
    annotate_warning(a, at, "conflicting counter resets during histogram %s", operation);
}

void info_bounds_reconciled(struct annotations *a, struct span at, const char *operation)
{
    annotate_info(a, at, "mismatched custom buckets were reconciled during %s", operation);
}

void info_histograms_ignored(struct annotations *a, struct span at, struct str metric)
{
    char quoted[ANNOTATION_QUOTED_MAX];
    annotate_info(a, at,
                  "ignored histograms in a range containing both floats and histograms for metric "
                  "name %s",
                  annotation_quote(quoted, metric));
}
