#include "support/memory_sink.h"

#include <stdlib.h>

#include "model/histogram.h"

static struct str key_of(const struct hash128 *sent)
{
    return str_of((const char *)sent, sizeof *sent);
}

static void copy_labels(struct arena *a, const struct labels *from, struct labels *to)
{
    struct label *v = arena_array(a, from->n, sizeof *v);
    if (!v)
        abort();
    for (size_t i = 0; i < from->n; i++)
        v[i] = (struct label){arena_str(a, from->v[i].name), arena_str(a, from->v[i].value)};
    *to = (struct labels){v, from->n};
}

static struct labels *copy_group(struct arena *a, const struct batch *b,
                                 const struct batch_group *group)
{
    struct labels *copies = arena_array(a, group->n, sizeof *copies);
    if (!copies)
        abort();
    for (uint32_t i = 0; i < group->n; i++) {
        const struct labels labels = memory_sink_labels(&b->series[group->series[i]]);
        copy_labels(a, &labels, &copies[i]);
    }
    return copies;
}

static void remember(struct memory_sink *s, const struct hash128 *sent, struct labels *v)
{
    if (map_put(&s->labels, arena_str(&s->arena, key_of(sent)), v) != 0)
        abort();
}

static int append(void *self, const struct batch *b, struct sink_result *out, struct err *err)
{
    struct memory_sink *s = self;
    (void)err;
    *out = (struct sink_result){.accepted = batch_count_samples(b)};
    for (size_t i = 0; i < b->n_series; i++) {
        const struct batch_series *series = &b->series[i];
        if (series->known || hash128_is_none(series->sent))
            continue;
        struct labels *copy = arena_alloc(&s->arena, sizeof *copy);
        if (!copy)
            abort();
        copy_labels(&s->arena, &series->labels, copy);
        remember(s, &series->sent, copy);
    }
    for (size_t i = 0; i < b->n_groups; i++)
        remember(s, &b->groups[i].sent, copy_group(&s->arena, b, &b->groups[i]));
    return 0;
}

static uint32_t recall(void *self, const struct hash128 *sent, size_t n, const void **out)
{
    const struct memory_sink *s = self;
    for (size_t i = 0; i < n; i++)
        out[i] = map_get(&s->labels, key_of(&sent[i]));
    return 1;
}

void memory_sink_init(struct memory_sink *s)
{
    *s = (struct memory_sink){.sink = {.append = append, .recall = recall, .self = s}};
    arena_init(&s->arena, (size_t)1 << 30);
}

void memory_sink_done(struct memory_sink *s)
{
    map_done(&s->labels);
    arena_done(&s->arena);
}

struct labels memory_sink_labels(const struct batch_series *series)
{
    return series->known ? *(const struct labels *)series->known : series->labels;
}

/* ---- points as series ---- */

/* The series of a point, known each. */
static void unroll_point(struct arena *a, const struct batch_point *p, struct batch_series *out)
{
    size_t n = batch_point_series(p);
    double *values = arena_array(a, n, sizeof *values);
    struct sample *samples = arena_array(a, n, sizeof *samples);
    if (!values || !samples)
        abort();
    if (!p->numbers)
        batch_point_values(p, values);
    for (size_t i = 0; i < n; i++) {
        samples[i] = p->numbers ? p->numbers[i]
                                : (struct sample){.t_unix_ms = p->t_unix_ms,
                                                  .value = values[i],
                                                  .start_unix_ms = p->start_unix_ms};
        out[i] = (struct batch_series){
            .known = (const struct labels *)p->known + i, .samples = &samples[i], .n_samples = 1};
    }
}

void memory_sink_unroll(struct batch *b)
{
    struct batch_series *v = arena_array(&b->arena, b->n_series + b->n_in_points + 1, sizeof *v);
    size_t n = 0, from = 0;
    for (size_t i = 0; v && i <= b->n_points; i++) {
        size_t to = i < b->n_points ? b->points[i].position : b->n_series;
        for (; from < to; from++)
            v[n++] = b->series[from];
        if (i == b->n_points)
            break;
        unroll_point(&b->arena, &b->points[i], &v[n]);
        n += batch_point_series(&b->points[i]);
    }
    if (!v)
        abort();
    b->n_known += b->n_in_points - b->n_points;
    b->series = v;
    b->n_series = b->cap_series = n;
    b->n_points = b->n_in_points = b->n_groups = 0;
}

static int in_order(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* By labels; of equal ones by their first samples. */
static int by_labels(const void *a, const void *b)
{
    const struct batch_series *x = a, *y = b;
    const struct labels i = memory_sink_labels(x), k = memory_sink_labels(y);
    int order = in_order(labels_hash(&i), labels_hash(&k));
    if (order || x->n_samples == 0 || y->n_samples == 0)
        return order ? order : in_order(x->n_samples, y->n_samples);
    order = in_order((uint64_t)x->samples->t_unix_ms, (uint64_t)y->samples->t_unix_ms);
    if (order == 0)
        order = in_order((uint64_t)x->samples->start_unix_ms, (uint64_t)y->samples->start_unix_ms);
    return order ? order : in_order(double_bits(x->samples->value), double_bits(y->samples->value));
}

void memory_sink_sort(struct batch *b)
{
    if (b->n_series)
        qsort(b->series, b->n_series, sizeof *b->series, by_labels);
}

/* ---- comparing ---- */

static bool samples_eq(const struct batch_series *a, const struct batch_series *b)
{
    if (a->n_samples != b->n_samples || a->n_exemplars != b->n_exemplars)
        return false;
    for (size_t i = 0; i < a->n_samples; i++) {
        const struct sample *x = &a->samples[i], *y = &b->samples[i];
        bool same = x->t_unix_ms == y->t_unix_ms && x->start_unix_ms == y->start_unix_ms &&
                    memcmp(&x->value, &y->value, sizeof x->value) == 0 &&
                    !x->histogram == !y->histogram;
        if (!same || (x->histogram && x->histogram->n_positive != y->histogram->n_positive))
            return false;
    }
    return true;
}

bool memory_sink_eq(const struct batch *a, const struct batch *b)
{
    if (a->n_series != b->n_series)
        return false;
    for (size_t i = 0; i < a->n_series; i++) {
        const struct labels x = memory_sink_labels(&a->series[i]);
        const struct labels y = memory_sink_labels(&b->series[i]);
        if (!labels_eq(&x, &y) || !samples_eq(&a->series[i], &b->series[i]))
            return false;
    }
    return true;
}
