/* Points of histograms, and runs of numbers, whose series are known together: one look and one row,
 * and of a histogram one entry in the log.
 *
 * What is unusual about a point (a time that is not accepted, the end of a histogram's series, a
 * run that goes over midnight) is left to the path of single series, and so is a point whose group
 * takes no rows in its head. */
#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/append.h"
#include "store/embedded/apply.h"
#include "store/embedded/head_group.h"
#include "store/embedded/stream_groups.h"
#include "store/embedded/wal_record.h"

enum { POINT_EARLY = 6, POINT_STEP = 16 };

/* --- resolving -------------------------------------------------------------------------------- */

static int make_room(struct resolved_points *points, size_t n, struct err *err)
{
    if (points->cap >= n)
        return 0;
    struct resolved_point *v = realloc(points->v, n * sizeof *v);
    if (!v)
        return err_set(err, ERR_NOMEM, "append: out of memory");
    points->v = v;
    points->cap = n;
    return 0;
}

static const struct sample *point_samples(const struct batch_point *p, struct arena *arena)
{
    if (p->numbers)
        return p->numbers;
    size_t n = batch_point_series(p);
    double *values = arena_array(arena, n, sizeof *values);
    struct sample *samples = arena_array(arena, n, sizeof *samples);
    if (!values || !samples)
        return NULL;
    batch_point_values(p, values);
    for (size_t i = 0; i < n; i++)
        samples[i] = (struct sample){
            .t_unix_ms = p->t_unix_ms, .value = values[i], .start_unix_ms = p->start_unix_ms};
    return samples;
}

/* A point's series one by one; `with_samples` false: only that the record may define them. */
static int resolve_singly(struct append *a, const struct stream *group, const struct batch_point *p,
                          bool with_samples)
{
    size_t n = batch_point_series(p);
    const struct sample *samples = with_samples ? point_samples(p, &a->x->arena) : NULL;
    struct batch_series *series = arena_array(&a->x->arena, n, sizeof *series);
    int rc = 0;
    for (size_t i = 0; rc == 0 && series && (samples || !with_samples) && i < n; i++) {
        struct stream *st = stream_group_member(&a->store->streams, group, i);
        series[i] = (struct batch_series){.known = st};
        if (with_samples) {
            series[i].samples = &samples[i];
            series[i].n_samples = 1;
            rc = append_resolve_series(a, &series[i]);
        } else {
            append_take(a, &(struct resolved){.stream = st, .series = &series[i]});
        }
    }
    return rc; // the arena's failure is tested before anything is written
}

static bool in_time(const struct append *a, int64_t t_unix_ms)
{
    return t_unix_ms >= a->min_ms && t_unix_ms <= a->max_ms;
}

bool append_is_usual(const struct append *a, const struct batch_point *p)
{
    if (!p->numbers)
        return !p->stale && in_time(a, p->t_unix_ms);
    int64_t min, max;
    return head_group_is_of_one_day(p, &min, &max) && in_time(a, min) && in_time(a, max);
}

static int resolve_point(struct append *a, const struct batch_point *p)
{
    struct stream *group = (struct stream *)(uintptr_t)p->known; // const on its way
    if (NEVER(!stream_is_group(group) || group->of_group.members != batch_point_series(p)))
        return ERR_INTERNAL;
    if (!append_is_usual(a, p))
        return resolve_singly(a, group, p, true);
    append_take_point(a, group, p);
    a->result.accepted += group->of_group.members;
    if (atomic_get_relaxed(&group->segment) == a->store->wal.segment) // under the gate
        return 0;
    return resolve_singly(a, group, p, false);
}

void append_take_point(struct append *a, struct stream *group, const struct batch_point *p)
{
    struct resolved_points *to = p->numbers ? &a->x->runs : &a->x->histograms;
    to->v[to->n++] = (struct resolved_point){group, p};
    a->n_in_runs += p->numbers ? p->n_counts : 0;
}

int append_points_resolve(struct append *a)
{
    const struct batch_point *v = a->batch->points;
    size_t n = a->batch->n_points, room = n + a->batch->n_groups;
    int rc = make_room(&a->x->histograms, room, a->err);
    if (rc == 0)
        rc = make_room(&a->x->runs, room, a->err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (i + POINT_EARLY < n) {
            PREFETCH(v[i + POINT_EARLY].known);
            PREFETCH((const char *)v[i + POINT_EARLY].known + 64);
        }
        rc = resolve_point(a, &v[i]);
    }
    return rc;
}

/* --- logging ---------------------------------------------------------------------------------- */

static int64_t encode_histograms(const struct resolved_points *points, struct buf *out)
{
    struct wal_rows state;
    wal_put_points(out, points->n, points->v[0].point->t_unix_ms, &state);
    for (size_t i = 0; i < points->n; i++)
        wal_put_point(out, stream_group_ids(points->v[i].group), points->v[i].point, &state);
    return state.latest_ms;
}

static int64_t encode_runs(const struct resolved_points *runs, size_t n_series, struct buf *out)
{
    struct wal_rows state;
    wal_put_rows(out, n_series, runs->v[0].point->numbers[0].t_unix_ms, &state);
    for (size_t i = 0; i < runs->n; i++) {
        const struct batch_point *p = runs->v[i].point;
        wal_put_run(out, stream_group_ids(runs->v[i].group), p->numbers, p->n_counts, &state);
    }
    return state.latest_ms;
}

int64_t append_points_encode(const struct append *a, struct buf *out)
{
    int64_t latest_ms = INT64_MIN;
    if (a->x->histograms.n)
        latest_ms = encode_histograms(&a->x->histograms, out);
    if (a->x->runs.n)
        latest_ms = MAX(latest_ms, encode_runs(&a->x->runs, a->n_in_runs, out));
    return latest_ms;
}

/* --- applying --------------------------------------------------------------------------------- */

static int apply_singly(struct append *a, const struct resolved_point *r, struct applier *to_heads)
{
    struct streams *streams = &a->store->streams;
    const struct sample *samples = point_samples(r->point, &a->x->arena);
    int rc = samples ? 0 : err_set(a->err, ERR_NOMEM, "append: out of memory");
    for (size_t i = 0; rc == 0 && i < r->group->of_group.members; i++) {
        struct stream *st = stream_group_member(streams, r->group, i);
        struct stream_shard *shard = streams_shard(streams, st->hash);
        lock_take(&shard->lock);
        rc = apply_rows(to_heads, st, &samples[i], 1, a->err);
        lock_give(&shard->lock);
    }
    return rc;
}

/* What head_group_append is to look at, of a few points at once. The lock must be held. */
static void ask_for(const struct resolved_point *v, size_t n, const struct head *h)
{
    for (size_t i = 0; i < n; i++) {
        const char *g = (const char *)v[i].group->points;
        for (size_t k = 0; g && k < 256; k += 64)
            PREFETCH(g + k);
    }
    for (size_t i = 0; i < n; i++) {
        const struct head_group *g = head_group_of(h, v[i].group);
        if (g && g->last)
            PREFETCH(g->last->bytes + g->last->n_bytes);
    }
}

/* Rows of points whose groups are of one shard. Returns how many are in before one that cannot be.
 */
static size_t apply_rows_of_shard(struct append *a, const struct resolved_point *v, size_t n,
                                  struct applier *to_heads)
{
    struct stream_shard *shard = stream_group_shard(&a->store->streams, v[0].group);
    size_t i = 0;
    lock_take(&shard->lock);
    ask_for(v, n, to_heads->head);
    for (int rc = 0; rc == 0 && i < n; i += rc == 0) {
        struct head_group *g = head_group_of(to_heads->head, v[i].group);
        v[i].group->last_append_s = to_heads->now_s;
        rc = g ? head_group_append(g, v[i].point, to_heads->seal) : 1;
    }
    lock_give(&shard->lock);
    return i;
}

/* The first point of a group in its head, or one that its group does not take. */
static int apply_unusual(struct append *a, const struct resolved_point *r, struct applier *to_heads)
{
    struct streams *streams = &a->store->streams;
    struct head *h = to_heads->head;
    struct stream_shard *shard = stream_group_shard(streams, r->group);
    lock_take(&shard->lock);
    bool open = head_group_of(h, r->group) != NULL;
    lock_give(&shard->lock);
    if (!open && head_group_open(h, streams, r->group, r->point, to_heads->seal) == 0 &&
        apply_rows_of_shard(a, r, 1, to_heads) == 1)
        return 0;
    return apply_singly(a, r, to_heads);
}

/* A time of the one day that all of it is of. */
static int64_t time_of(const struct batch_point *p)
{
    return p->numbers ? p->numbers[0].t_unix_ms : p->t_unix_ms;
}

/* How many points from the first on are of its day and shard. */
static size_t count_alike(const struct resolved_point *v, size_t n, int64_t day_from_ms)
{
    size_t shard = stream_group_shard_number(v[0].group), i = 0;
    while (i < n && time_of(v[i].point) >= day_from_ms &&
           time_of(v[i].point) - day_from_ms < MS_PER_DAY &&
           stream_group_shard_number(v[i].group) == shard)
        i++;
    return i;
}

static int apply_points(struct append *a, const struct resolved_points *points,
                        struct applier *to_heads)
{
    const struct resolved_point *v = points->v;
    size_t n = points->n;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n;) {
        rc = apply_to_day(to_heads, time_of(v[i].point), a->err);
        if (rc != 0)
            return rc;
        size_t alike = count_alike(&v[i], MIN(n - i, (size_t)POINT_STEP), to_heads->from);
        size_t done = apply_rows_of_shard(a, &v[i], alike, to_heads);
        i += done;
        if (done < alike)
            rc = apply_unusual(a, &v[i++], to_heads);
    }
    return rc;
}

int append_points_apply(struct append *a, struct applier *to_heads)
{
    int rc = apply_points(a, &a->x->histograms, to_heads);
    return rc ? rc : apply_points(a, &a->x->runs, to_heads);
}
