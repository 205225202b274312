/* The first selector that comes to a series decodes it, for the range of the selection, which is
 * that of the widest selector opened so far, and keeps the samples; the others get a view of them.
 * Kept are series of floats alone, without start times and stale markers: those are changed while
 * they are read, and rare. What is kept lives as long as the query, within an eighth of its memory.
 */
#include "query/promql/reading.h"

#include <string.h>

#include "base/atomic.h"

struct kept_samples {
    int64_t *t;
    double *v;
    size_t n;
};

struct common_read {
    struct selection *selection; /* borrowed */
    int64_t min_ms, max_ms;
    size_t max_bytes;
    atomic_size_t bytes;                    /* kept */
    _Atomic(struct kept_samples *) *series; /* NULL: not decoded, or not kept */
};

struct common_read *common_read_new(struct eval *ev, struct selection *selection, int64_t min_ms,
                                    int64_t max_ms)
{
    enum { PART = 8 };
    struct budget *memory = &ev->limits->memory;
    size_t n = selection_count(selection), bytes = n * sizeof(void *) + sizeof(struct common_read);
    size_t most = atomic_get_relaxed(&memory->max) / PART;
    struct common_read *c =
        bytes <= most && budget_has_room(memory, bytes) ? arena_zalloc(ev->arena, sizeof *c) : NULL;
    if (!c || !(c->series = arena_array(ev->arena, n, sizeof *c->series)))
        return NULL;
    c->selection = selection;
    c->min_ms = min_ms;
    c->max_ms = max_ms;
    c->max_bytes = most;
    atomic_init(&c->bytes, bytes);
    return c;
}

struct selection *common_read_selection(const struct common_read *c, int64_t min_ms, int64_t max_ms)
{
    return c && c->min_ms <= min_ms && max_ms <= c->max_ms ? c->selection : NULL;
}

/* The first index whose time is not before. */
static size_t lower_bound(const int64_t *t, size_t n, int64_t at)
{
    size_t low = 0;
    while (low < n) {
        size_t mid = low + (n - low) / 2;
        if (t[mid] < at)
            low = mid + 1;
        else
            n = mid;
    }
    return low;
}

/* The rows in [min_ms, max_ms] alone. */
static void cut(struct columns *c, int64_t min_ms, int64_t max_ms)
{
    size_t from = lower_bound(c->t_unix_ms, c->n, min_ms);
    size_t to = max_ms < INT64_MAX ? lower_bound(c->t_unix_ms, c->n, max_ms + 1) : c->n;
    c->t_unix_ms += from;
    c->value += from;
    c->histogram = c->histogram ? c->histogram + from : NULL;
    c->start_unix_ms = c->start_unix_ms ? c->start_unix_ms + from : NULL;
    c->n = to - from;
}

static bool is_plain(const struct columns *c)
{
    bool stale = false;
    for (size_t i = 0; i < c->n; i++)
        stale |= is_stale_nan(c->value[i]);
    return !stale && !c->histogram && !c->start_unix_ms && !c->damaged;
}

static bool take_room(struct common_read *c, struct eval *ev, size_t bytes)
{
    if (atomic_get_relaxed(&c->bytes) + bytes > c->max_bytes ||
        !budget_has_room(&ev->limits->memory, bytes))
        return false;
    atomic_add_relaxed(&c->bytes, bytes);
    return true;
}

static int keep(struct common_read *c, struct eval *ev, size_t i, const struct columns *from)
{
    size_t bytes = from->n * (sizeof *from->t_unix_ms + sizeof *from->value);
    struct kept_samples *k;
    if (!is_plain(from) || !take_room(c, ev, bytes + sizeof *k))
        return 0;
    k = arena_alloc(ev->arena, sizeof *k);
    if (!k || !(k->t = arena_alloc(ev->arena, from->n * sizeof *k->t)) ||
        !(k->v = arena_alloc(ev->arena, from->n * sizeof *k->v)))
        return eval_memory_error(ev);
    k->n = from->n;
    if (k->n) {
        memcpy(k->t, from->t_unix_ms, k->n * sizeof *k->t);
        memcpy(k->v, from->value, k->n * sizeof *k->v);
    }
    atomic_set_release(&c->series[i], k);
    return 0;
}

int common_read_series(struct common_read *c, struct eval *ev, size_t i, int64_t min_ms,
                       int64_t max_ms, struct columns *own, struct columns *out)
{
    const struct kept_samples *k = atomic_get_acquire(&c->series[i]);
    if (k) {
        *out = (struct columns){.t_unix_ms = k->t, .value = k->v, .n = k->n};
        cut(out, min_ms, max_ms);
        return 0;
    }
    bool room = atomic_get_relaxed(&c->bytes) < c->max_bytes;
    int rc = selection_read(c->selection, i, room ? c->min_ms : min_ms, room ? c->max_ms : max_ms,
                            own, ev->err);
    ev->limits->samples_read += own->n;
    if (rc == 0 && room)
        rc = keep(c, ev, i, own);
    *out = *own;
    cut(out, min_ms, max_ms);
    return rc;
}
