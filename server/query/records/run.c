/* Scans with an end: the store asks once a block whether to go on. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/map.h"
#include "base/time.h"
#include "query/records/records.h"

/* A block needs some memory even when the arena is nearly full, or nothing could be found at all.
 */
enum { BLOCK_MIN_BYTES = 64 << 20 };

/* The scan's own callback stands behind ours, which knows the query. */
struct run {
    struct record_query *q;
    const struct record_scan *scan;
};

static bool is_late(const struct record_query *q)
{
    return q->deadline_mono_ns && time_now_mono_ns() > q->deadline_mono_ns;
}

static bool is_cancelled(void *arg)
{
    const struct run *r = arg;
    return is_late(r->q) || (r->q->has_gone && r->q->has_gone(r->q->self));
}

static int each(void *arg, const struct record_block *b)
{
    const struct run *r = arg;
    return r->scan->each(r->scan->arg, b);
}

static size_t narrow(void *arg, const int64_t *t_unix_ns, uint32_t *sel, size_t n)
{
    const struct run *r = arg;
    return r->scan->narrow(r->scan->arg, t_unix_ns, sel, n);
}

int record_query_no_memory(const struct record_query *q, struct err *err)
{
    if (!q->arena->over_budget)
        return err_set(err, ERR_NOMEM, "out of memory");
    return err_set(err, ERR_TOO_BIG,
                   "the query needs more than %zu MiB of memory; ask for less time or fewer rows",
                   q->arena->budget >> 20);
}

int record_query_stopped(const struct record_query *q, struct err *err)
{
    if (is_late(q))
        return err_set(err, ERR_TIMEOUT, "the query took longer than query.timeout allows");
    if (q->has_gone && q->has_gone(q->self))
        return err_set(err, ERR_CANCELLED, "the client has gone");
    return 0;
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

int record_query_names(struct record_query *q, const struct map *seen, struct str **out,
                       size_t *out_n, struct err *err)
{
    size_t cursor = 0, n = 0;
    struct str *v = arena_array(q->arena, seen->n, sizeof *v);
    if (!v)
        return record_query_no_memory(q, err);
    for (const struct map_entry *e; (e = map_next(seen, &cursor));)
        v[n++] = e->key;
    if (n)
        qsort(v, n, sizeof *v, by_text);
    *out = v;
    *out_n = n;
    return 0;
}

static void add_stats(struct record_scan_stats *to, const struct record_scan_stats *s)
{
    to->blocks += s->blocks;
    to->blocks_pruned += s->blocks_pruned;
    to->rows_read += s->rows_read;
    to->rows_matched += s->rows_matched;
    to->bytes_read += s->bytes_read;
    to->damaged += s->damaged;
    to->undecided += s->undecided;
}

int record_query_scan(struct record_query *q, const struct record_scan *scan, struct err *err)
{
    struct run run = {q, scan};
    struct record_scan with = *scan;
    struct record_scan_stats stats = {0};
    size_t left = q->arena->budget - MIN(q->arena->used, q->arena->budget);
    with.is_cancelled = is_cancelled;
    with.each = each;
    with.narrow = scan->narrow ? narrow : NULL;
    with.arg = &run;
    with.max_bytes = MAX(left, (size_t)BLOCK_MIN_BYTES);
    int rc = store_scan(q->store, &with, &stats, err);
    add_stats(&q->stats, &stats);
    if (rc == ERR_CANCELLED && is_late(q))
        return record_query_stopped(q, err);
    if (rc == ERR_NOMEM && arena_failed(q->arena))
        return record_query_no_memory(q, err);
    return rc;
}
