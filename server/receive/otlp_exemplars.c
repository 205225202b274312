#include "receive/otlp_exemplars.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/time.h"

enum { EXEMPLAR_CHARACTERS = 128 };

static struct str hex(struct str bytes, struct arena *arena)
{
    static const char digits[] = "0123456789abcdef";
    char *p = arena_alloc(arena, bytes.n * 2);
    if (!p)
        return (struct str){0};
    for (size_t i = 0; i < bytes.n; i++) {
        p[2 * i] = digits[(unsigned char)bytes.p[i] >> 4];
        p[2 * i + 1] = digits[(unsigned char)bytes.p[i] & 15];
    }
    return str_of(p, bytes.n * 2);
}

static bool is_zero(struct str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i])
            return false;
    return true;
}

static size_t characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

/* What is no id is left out. */
static size_t add_ids(struct label *v, const struct otlp_exemplar *e, struct arena *arena)
{
    size_t n = 0;
    if (e->span_id.n == OTLP_SPAN_ID_BYTES && !is_zero(e->span_id))
        v[n++] = (struct label){STR("span_id"), hex(e->span_id, arena)};
    if (e->trace_id.n == OTLP_TRACE_ID_BYTES && !is_zero(e->trace_id))
        v[n++] = (struct label){STR("trace_id"), hex(e->trace_id, arena)};
    return n;
}

/* Adds the filtered attributes; false when they cannot be labels, or are too long together. */
static bool add_attributes(struct label *v, size_t *n, const struct otlp_attributes *a,
                           struct arena *arena)
{
    size_t total = 0;
    for (size_t i = 0; i < *n; i++)
        total += v[i].name.n + v[i].value.n;
    for (size_t i = 0; i < a->n; i++) {
        struct label label = {a->v[i].key, otlp_value_text(&a->v[i].value, arena)};
        total += characters(label.name) + characters(label.value);
        if (total > EXEMPLAR_CHARACTERS || !str_is_utf8(label.name) || !str_is_utf8(label.value))
            return false;
        v[(*n)++] = label;
    }
    return true;
}

static struct labels exemplar_labels(const struct otlp_exemplar *e, struct arena *arena)
{
    struct label *v = arena_alloc(arena, (e->attributes.n + 2) * sizeof *v);
    struct str bad;
    if (!v)
        return (struct labels){0};
    size_t n_ids = add_ids(v, e, arena), n = n_ids;
    if (add_attributes(v, &n, &e->attributes, arena)) {
        long kept = labels_canonicalise(v, n, &bad);
        if (kept >= 0)
            return (struct labels){v, (size_t)kept};
        n_ids = add_ids(v, e, arena); // two of one name: sorted among the ids; begin again
    }
    return (struct labels){v, n_ids};
}

static int by_value(const void *a, const void *b)
{
    double x = ((const struct exemplar *)a)->value, y = ((const struct exemplar *)b)->value;
    if (isnan(x) || isnan(y))
        return isnan(x) - isnan(y);
    return (x > y) - (x < y);
}

const struct exemplar *otlp_exemplars(const struct otlp_exemplar *v, size_t n, struct arena *arena)
{
    if (n == 0)
        return NULL;
    struct exemplar *out = arena_array(arena, n, sizeof *out);
    if (!out)
        return NULL;
    for (size_t i = 0; i < n; i++)
        out[i] = (struct exemplar){
            .labels = exemplar_labels(&v[i], arena),
            .value = v[i].value,
            .t_unix_ms = (int64_t)(v[i].time_unix_ns / NS_PER_MS),
        };
    qsort(out, n, sizeof *out, by_value);
    return arena_failed(arena) ? NULL : out;
}

struct str bound_text(double bound, struct arena *arena)
{
    char text[NUM_DOUBLE_MAX];
    size_t n = num_format_plain(text, bound);
    return arena_str(arena, str_of(text, n));
}

const struct str *bound_texts_get(struct bound_texts *b, const double *bounds, size_t n,
                                  struct arena *arena)
{
    if (b->texts && b->n == n && (n == 0 || memcmp(b->bounds, bounds, n * sizeof *bounds) == 0))
        return b->texts;
    struct str *texts = arena_alloc(arena, n * sizeof *texts);
    if (!texts)
        return NULL;
    for (size_t i = 0; i < n; i++)
        texts[i] = bound_text(bounds[i], arena);
    if (arena_failed(arena))
        return NULL;
    *b = (struct bound_texts){bounds, texts, n};
    return texts;
}
