#include "query/promql/annotations.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/time.h"
#include "store/store.h"

static struct annotation *find(struct annotations *a, struct str text)
{
    for (size_t i = 0; i < a->n; i++)
        if (str_eq(a->v[i].text, text))
            return &a->v[i];
    return NULL;
}

/* Of the same message at two places the later place is shown. */
static struct annotation *add(struct annotations *a, struct span at, bool info, struct str text)
{
    struct annotation *known = find(a, text);
    if (known) {
        if (at.start > known->span.start)
            known->span = at;
        return known;
    }
    if (a->n == ANNOTATIONS_MAX) {
        a->omitted++;
        return NULL;
    }
    struct str copy = arena_str(a->arena, text);
    if (!copy.p)
        return NULL;
    a->v[a->n] = (struct annotation){.text = copy, .span = at, .info = info};
    return &a->v[a->n++];
}

void annotations_merge(struct annotations *a, const struct annotations *other)
{
    for (size_t i = 0; i < other->n; i++)
        (void)add(a, other->v[i].span, other->v[i].info, other->v[i].text); // or counted
    a->omitted += other->omitted;
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
    (void)add_formatted(a, at, false, fmt, args); // a full list counts it
    va_end(args);
}

void annotate_info(struct annotations *a, struct span at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)add_formatted(a, at, true, fmt, args); // a full list counts it
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
    if (name.n == 0)
        return add_info(a, at, "%s", text);
    return add_info(a, at, "%s for metric name \"%.*s\"", text, STR_ARG(str_sub(name, 0, 128)));
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

static void render_repair(struct buf *out, const struct annotation_repair *r)
{
    buf_puts(out, ", from buckets ");
    buf_put_double(out, r->min_bucket);
    buf_puts(out, " to ");
    buf_put_double(out, r->max_bucket);
    buf_printf(out, ", with a max diff of %.2g, over %zu samples from ", r->max_diff, r->count);
    time_format_rfc3339(out, r->first_ms);
    buf_puts(out, " to ");
    time_format_rfc3339(out, r->last_ms);
}

void annotations_render(const struct annotations *a, struct str query, struct arena *arena,
                        bool info, struct str **out, size_t *out_n)
{
    struct str *v = arena_array(arena, a->n + 2, sizeof *v);
    size_t n = 0;
    struct buf text = BUF_MAX(4096);
    if (v && a->damaged && !info)
        v[n++] = STR(STORE_DAMAGED_WARNING);
    for (size_t i = 0; v && i < a->n; i++) {
        if (a->v[i].info != info)
            continue;
        buf_reset(&text);
        buf_put_str(&text, a->v[i].text);
        if (a->v[i].repair)
            render_repair(&text, a->v[i].repair);
        buf_puts(&text, " (");
        span_format(&text, query, a->v[i].span.start);
        buf_putc(&text, ')');
        v[n++] = arena_str(arena, buf_str(&text));
    }
    if (v && a->omitted && !info) {
        buf_reset(&text);
        buf_printf(&text, "%zu more annotations omitted", a->omitted);
        v[n++] = arena_str(arena, buf_str(&text));
    }
    buf_done(&text);
    *out = v;
    *out_n = n;
}

/* --- shared messages -------------------------------------------------------------------------- */

static struct str shortened(struct str metric)
{
    return str_sub(metric, 0, 200);
}

void warn_mixed_floats_histograms(struct annotations *a, struct span at, struct str metric)
{
    annotate_warning(a, at, "encountered a mix of histograms and floats for metric name \"%.*s\"",
                     STR_ARG(shortened(metric)));
}

void warn_mixed_floats_histograms_aggregation(struct annotations *a, struct span at)
{
    annotate_warning(a, at, "encountered a mix of histograms and floats for aggregation");
}

void warn_mixed_schemas(struct annotations *a, struct span at, struct str metric)
{
    annotate_warning(a, at,
                     "vector contains a mix of histograms with exponential and custom buckets "
                     "schemas for metric name \"%.*s\"",
                     STR_ARG(shortened(metric)));
}

void warn_not_counter(struct annotations *a, struct span at, struct str metric)
{
    annotate_warning(a, at, "this native histogram metric is not a counter: \"%.*s\"",
                     STR_ARG(shortened(metric)));
}

void warn_not_gauge(struct annotations *a, struct span at, struct str metric)
{
    annotate_warning(a, at, "this native histogram metric is not a gauge: \"%.*s\"",
                     STR_ARG(shortened(metric)));
}

void warn_quantile(struct annotations *a, struct span at, double q)
{
    char text[NUM_DOUBLE_MAX];
    (void)num_format_short(text, q);
    annotate_warning(a, at, "quantile value should be between 0 and 1, got %s", text);
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
    annotate_info(a, at,
                  "ignored histograms in a range containing both floats and histograms for metric "
                  "name \"%.*s\"",
                  STR_ARG(shortened(metric)));
}
