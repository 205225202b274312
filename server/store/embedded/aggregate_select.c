/* Selecting and reading days rolled up.
 *
 * A day is read from one place: rolled up, or raw from heads and parts. Choosing comes first: a day
 * is up to date when no head has rows of it and no part is newer than those it was made of, and
 * heads are looked at before parts, so a row on its way from one to the other is noticed. Rows
 * appended later may or may not be seen, as in any selection. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "store/embedded/aggregate.h"
#include "store/embedded/aggregate_block.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/damage.h"
#include "store/embedded/part_format.h"
#include "store/embedded/partitions.h"
#include "store/embedded/selection.h"

/* --- what there is ---------------------------------------------------------------------------- */

/* By the bounds of the day, not of what is in it, which are others at each resolution: else of two
 * resolutions of a day one might be in the range and the other not. The last bucket ends at
 * midnight. */
static bool meets(const struct part *p, int64_t min_ms, int64_t max_ms)
{
    return p->day * MS_PER_DAY <= max_ms && (p->day + 1) * MS_PER_DAY >= min_ms &&
           !atomic_get_relaxed(&p->damaged);
}

/* The same, and it has something there. */
static bool has_some(const struct part *p, int64_t min_ms, int64_t max_ms)
{
    return meets(p, min_ms, max_ms) && p->min_ms - p->resolution_ms <= max_ms &&
           p->max_ms >= min_ms;
}

/* Samples that the day was made of are gone, whatever the retention says now: a limit of bytes took
 * them, or an earlier retention those of some streams. With parts_lock. */
static bool is_gone(struct store *s, const struct part *p)
{
    const struct partition *raw = partition_get(s, p->day);
    return !raw || !partition_is_whole(raw, p->seq_lo);
}

/* Samples of some streams are gone, those of the others are there since the day was made. With
 * parts_lock. */
static bool is_partial(const struct partition *raw, const struct part *p)
{
    return raw && raw->n && raw->parts[0]->seq_lo <= p->seq_lo &&
           !partition_is_whole(raw, p->seq_lo);
}

/* Does any day meet the range? Up to the end of those that are gone *raw_min_ms rises. */
static bool any_meets(struct store *s, const struct aggregate_list *l, int64_t min_ms,
                      int64_t max_ms, int64_t *raw_min_ms)
{
    bool any = false;
    for (size_t i = 0; i < l->n; i++) {
        const struct part *p = l->parts[i];
        if (!meets(p, min_ms, max_ms))
            continue;
        any = true;
        if (is_gone(s, p))
            *raw_min_ms = MAX(*raw_min_ms, (p->day + 1) * MS_PER_DAY);
    }
    return any;
}

void store_aggregates_view(struct store *s, int64_t min_ms, int64_t max_ms,
                           struct aggregates_view *out)
{
    min_ms = MAX(min_ms, aggregates_min_ms(s));
    *out = (struct aggregates_view){.raw_min_ms = keep_table_min_ms(s)};
    lock_take(&s->parts_lock);
    for (size_t i = 0; i < s->n_aggregates; i++)
        if (any_meets(s, &s->aggregates[i], min_ms, max_ms, &out->raw_min_ms))
            out->resolutions_ms[out->n++] = s->aggregates[i].resolution_ms;
    lock_give(&s->parts_lock);
}

/* --- one of several resolutions --------------------------------------------------------------- */

/* What was found for one day. */
struct choice {
    struct part *part;
    bool head; /* has rows of the day */
};

struct choices {
    struct choice *v; /* by day */
    size_t n;
    int64_t resolution_ms;
};

/* Of two resolutions of a day: that which was asked for, else the coarsest that divides it, else
 * the finest. */
static bool is_better(const struct choices *c, int64_t a, int64_t b)
{
    bool a_fits = c->resolution_ms % a == 0, b_fits = c->resolution_ms % b == 0;
    if (a_fits != b_fits)
        return a_fits;
    return a_fits ? a > b : a < b;
}

static void offer(struct choices *c, struct part *p)
{
    size_t i = 0;
    for (size_t end = c->n; i < end;) {
        size_t middle = i + (end - i) / 2;
        if (c->v[middle].part->day < p->day)
            i = middle + 1;
        else
            end = middle;
    }
    if (i < c->n && c->v[i].part->day == p->day) {
        if (is_better(c, p->resolution_ms, c->v[i].part->resolution_ms))
            c->v[i].part = p;
        return;
    }
    memmove(c->v + i + 1, c->v + i, (c->n - i) * sizeof *c->v);
    c->v[i] = (struct choice){.part = p};
    c->n++;
}

/* With parts_lock. */
static size_t count_parts(const struct store *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_aggregates; i++)
        n += s->aggregates[i].n;
    return n;
}

/* With parts_lock. */
static void offer_all(const struct store *s, struct choices *c, int64_t min_ms, int64_t max_ms)
{
    for (size_t i = 0; i < s->n_aggregates; i++)
        for (size_t k = 0; k < s->aggregates[i].n; k++)
            if (meets(s->aggregates[i].parts[k], min_ms, max_ms))
                offer(c, s->aggregates[i].parts[k]);
}

int64_t store_aggregates_coarser(struct store *s, int64_t min_ms, int64_t max_ms,
                                 int64_t resolution_ms)
{
    struct choices c = {.resolution_ms = resolution_ms};
    int64_t coarsest_ms = 0;
    bool divide = true;
    min_ms = MAX(min_ms, aggregates_min_ms(s));
    lock_take(&s->parts_lock);
    c.v = calloc(count_parts(s) + 1, sizeof *c.v);
    if (c.v)
        offer_all(s, &c, min_ms, max_ms);
    for (size_t i = 0; i < c.n; i++) {
        coarsest_ms = MAX(coarsest_ms, c.v[i].part->resolution_ms);
        divide = divide && resolution_ms % c.v[i].part->resolution_ms == 0;
    }
    for (size_t i = 0; !c.v && i < s->n_aggregates; i++) { // without memory: that there is at all
        coarsest_ms = MAX(coarsest_ms, s->aggregates[i].resolution_ms);
        divide = false;
    }
    lock_give(&s->parts_lock);
    free(c.v);
    return divide ? 0 : coarsest_ms;
}

/* --- days that stand alone -------------------------------------------------------------------- */

static bool has_expired(struct store *s, const struct part *p, int64_t raw_min_ms)
{
    return p->day * MS_PER_DAY < raw_min_ms || is_gone(s, p);
}

int aggregates_expired(struct store *s, int64_t min_ms, int64_t max_ms, struct part ***out,
                       size_t *out_n)
{
    int64_t raw_min_ms = keep_table_min_ms(s);
    struct choices c = {.resolution_ms = MS_PER_DAY};
    min_ms = MAX(min_ms, aggregates_min_ms(s));
    lock_take(&s->parts_lock);
    size_t total = count_parts(s);
    c.v = calloc(total + 1, sizeof *c.v);
    struct part **v = calloc(total + 1, sizeof(struct part *));
    for (size_t i = 0; c.v && i < s->n_aggregates; i++)
        for (size_t k = 0; k < s->aggregates[i].n; k++)
            if (has_some(s->aggregates[i].parts[k], min_ms, max_ms) &&
                has_expired(s, s->aggregates[i].parts[k], raw_min_ms))
                offer(&c, s->aggregates[i].parts[k]);
    for (size_t i = 0; v && i < c.n; i++) {
        v[i] = c.v[i].part;
        part_ref(v[i]);
    }
    lock_give(&s->parts_lock);
    bool ok = v && c.v;
    free(c.v);
    *out = v;
    *out_n = v ? c.n : 0;
    return ok ? 0 : ERR_NOMEM;
}

/* --- choosing --------------------------------------------------------------------------------- */

static void note_heads(struct store *s, struct choices *c)
{
    lock_take(&s->heads_lock);
    for (size_t i = 0; i < s->n_live + s->n_frozen; i++) {
        const struct head *h = i < s->n_live ? s->live[i] : s->frozen[i - s->n_live];
        for (size_t k = 0; k < c->n && !head_is_empty(h); k++)
            c->v[k].head |= c->v[k].part->day == h->day;
    }
    lock_give(&s->heads_lock);
}

enum taken { TAKEN_NOT, TAKEN_MIXED, TAKEN_PARTIAL, TAKEN_WHOLE };

/* With parts_lock. */
static enum taken is_taken(struct gather *g, const struct choice *c)
{
    const struct part *p = c->part;
    const struct partition *raw = partition_get(g->selection->store, p->day);
    bool parts = raw && raw->n;
    int64_t begin_ms = MAX(p->day * MS_PER_DAY, g->request->asked_min_ms);
    bool over = begin_ms < g->keep.table_min_ms;
    bool partial = is_partial(raw, p);
    bool gone = !over && !partial && is_gone(g->selection->store, p);
    bool none = begin_ms < g->keep.least_ms || gone || !(parts || c->head);
    bool expired = none || over || partial;
    bool current = !c->head && (!parts || raw->parts[raw->n - 1]->seq_hi <= p->seq_hi);
    bool exact = g->request->resolution_ms % p->resolution_ms == 0;
    g->selection->aggregates.expired += expired;
    if (none || (g->request->prefer && current && exact))
        return TAKEN_WHOLE;
    return partial ? TAKEN_PARTIAL : expired ? TAKEN_MIXED : TAKEN_NOT;
}

static int collect(struct gather *g, struct choices *c)
{
    struct store *s = g->selection->store;
    lock_take(&s->parts_lock);
    c->v = arena_array(&g->work, count_parts(s), sizeof *c->v);
    if (c->v)
        offer_all(s, c, g->request->asked_min_ms, g->max_ms);
    for (size_t i = 0; i < c->n; i++)
        part_ref(c->v[i].part);
    lock_give(&s->parts_lock);
    return c->v ? 0 : ERR_NOMEM;
}

static void take(struct gather *g, const struct choices *c)
{
    struct selection *sel = g->selection;
    lock_take(&sel->store->parts_lock);
    for (size_t i = 0; i < c->n; i++) {
        struct part *p = c->v[i].part;
        enum taken how = is_taken(g, &c->v[i]);
        if (how == TAKEN_NOT) {
            part_unref(p);
            continue;
        }
        if (how == TAKEN_WHOLE)
            g->taken[g->n_taken++] = p->day;
        else
            g->mixed[g->n_mixed++] = p->day;
        if (how == TAKEN_PARTIAL)
            g->partial[g->n_partial++] = p->day;
        sel->parts[sel->n_parts++] = p;
        sel->aggregates.days++;
        sel->aggregates.end_ms = (p->day + 1) * MS_PER_DAY; // days rise
        sel->aggregates.resolution_ms = MAX(sel->aggregates.resolution_ms, p->resolution_ms);
    }
    lock_give(&sel->store->parts_lock);
}

int aggregates_choose(struct gather *g)
{
    struct selection *sel = g->selection;
    struct choices c = {.resolution_ms = g->request->resolution_ms};
    sel->aggregates_min_ms = g->request->asked_min_ms;
    int rc = collect(g, &c);
    if (rc == 0) {
        g->taken = arena_array(&g->work, c.n, sizeof *g->taken);
        g->mixed = arena_array(&g->work, c.n, sizeof *g->mixed);
        g->partial = arena_array(&g->work, c.n, sizeof *g->partial);
        sel->parts = arena_array(&sel->arena, c.n, sizeof(struct part *));
        rc = g->taken && g->mixed && g->partial && sel->parts ? 0 : ERR_NOMEM;
    }
    if (rc == 0) {
        note_heads(sel->store, &c);
        take(g, &c);
    }
    for (size_t i = 0; rc != 0 && i < c.n; i++)
        part_unref(c.v[i].part);
    return rc == 0 ? 0 : err_set(g->err, rc, "select: over the memory budget");
}

static bool contains(const int64_t *days, size_t n, int64_t day)
{
    for (size_t i = 0; i < n; i++)
        if (days[i] == day)
            return true;
    return false;
}

bool aggregates_took(const struct gather *g, int64_t day)
{
    return contains(g->taken, g->n_taken, day);
}

bool aggregates_is_partial(const struct gather *g, int64_t day)
{
    return contains(g->partial, g->n_partial, day);
}

bool aggregates_want(const struct gather *g, int64_t day, bool rolled_up, int64_t stream_min_ms,
                     bool samples)
{
    if (!contains(g->mixed, g->n_mixed, day))
        return true;
    bool over = stream_min_ms > MAX(day * MS_PER_DAY, g->request->asked_min_ms);
    return rolled_up == (over || (!samples && aggregates_is_partial(g, day)));
}

int aggregates_put(struct gather *g, struct part **raw, size_t n)
{
    struct selection *sel = g->selection;
    struct part **v = arena_array(&sel->arena, sel->n_parts + n, sizeof(struct part *));
    size_t k = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!v || aggregates_took(g, raw[i]->day)) {
            part_unref(raw[i]);
            continue;
        }
        while (k < sel->n_parts && sel->parts[k]->day < raw[i]->day)
            v[count++] = sel->parts[k++];
        v[count++] = raw[i];
    }
    if (!v)
        return ERR_NOMEM;
    while (k < sel->n_parts)
        v[count++] = sel->parts[k++];
    sel->parts = v;
    sel->n_parts = count;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct selection_aggregates selection_aggregates(const struct selection *sel)
{
    return sel->aggregates;
}

int aggregates_read_block(const struct part *p, const struct part_block *b, struct aggregates *out)
{
    const char *bytes = part_block_bytes(p, b);
    if (!bytes)
        return ERR_CORRUPT;
    return aggregate_block_decode(bytes, b->size - PART_CHECKSUM, p->day * MS_PER_DAY, out);
}

int aggregates_read_points(const struct part *p, const struct part_block *b, int64_t min_ms,
                           int64_t max_ms, struct columns *out)
{
    struct aggregates rows;
    aggregates_init(&rows, AGGREGATE_ENDS, out->arena);
    int rc = aggregates_read_block(p, b, &rows);
    if (rc == 0)
        rc = aggregate_points(&rows, min_ms, max_ms, out);
    aggregates_done(&rows);
    return rc;
}

/* Drops the rows outside [min, max] of those from row `from` on, which rise. */
static void trim(struct aggregates *a, size_t from, int64_t min_ms, int64_t max_ms)
{
    size_t first = from, end = a->n;
    while (first < end && a->v[first].t_unix_ms < min_ms)
        first++;
    while (end > first && a->v[end - 1].t_unix_ms > max_ms)
        end--;
    if (first > from && end > first)
        memmove(a->v + from, a->v + first, (end - first) * sizeof *a->v);
    a->n = from + (end - first);
}

struct reading {
    const struct selection *sel;
    int64_t min_ms, max_ms, resolution_ms;
    struct aggregates *out;
};

/* Blocks of the days rolled up, which come by rising day. */
static int read_rolled(const struct reading *r, const struct selected *one)
{
    int rc = 0;
    for (uint32_t k = 0; rc == 0 && k < one->n; k++) {
        const struct source *src = &r->sel->sources[one->first + k];
        bool wanted = src->part && src->part->resolution_ms && src->block.max_ms >= r->min_ms &&
                      src->block.min_ms <= r->max_ms;
        size_t from = r->out->n;
        if (wanted)
            rc = aggregates_read_block(src->part, &src->block, r->out);
        if (rc == ERR_CORRUPT) {
            damage_note_block(r->sel->store, src->part);
            r->out->damaged++;
            rc = 0;
        }
        trim(r->out, from, MAX(r->min_ms, one->rolled_min_ms), r->max_ms);
    }
    return rc;
}

/* The samples of the other days. */
static int read_raw(const struct reading *r, size_t i)
{
    struct columns c;
    struct arena scratch;
    arena_init(&scratch, r->out->arena->budget);
    columns_init(&c, r->out->arena);
    int rc = selection_read_raw(r->sel, i, r->min_ms, r->max_ms, &c);
    if (rc == 0)
        rc = aggregate_columns(&c, r->resolution_ms, &scratch, r->out);
    r->out->damaged += c.damaged;
    r->out->samples = c.n;
    columns_done(&c);
    arena_done(&scratch);
    return rc;
}

static int64_t first_time(const struct aggregate *a)
{
    int64_t t = a->n ? a->first_ms : a->t_unix_ms;
    return a->histograms ? MIN(t, a->histograms->first_ms) : t;
}

/* Does a bucket of samples come before one of a day rolled up? Of two that end at midnight one has
 * what came before, the other the sample of that very millisecond. */
static bool comes_first(const struct aggregate *samples, const struct aggregate *rolled_up)
{
    if (samples->t_unix_ms != rolled_up->t_unix_ms)
        return samples->t_unix_ms < rolled_up->t_unix_ms;
    return first_time(samples) < samples->t_unix_ms;
}

/* Two runs that rise, the second of samples, become one. */
static int merge_runs(struct aggregates *a, size_t middle)
{
    size_t n = a->n, i = 0, k = middle;
    if (middle == 0 || middle == n || !comes_first(&a->v[middle], &a->v[middle - 1]))
        return 0;
    struct aggregate *v = malloc(n * sizeof *v);
    if (!v)
        return ERR_NOMEM;
    for (size_t to = 0; to < n; to++) {
        bool second = i == middle || (k < n && comes_first(&a->v[k], &a->v[i]));
        v[to] = second ? a->v[k++] : a->v[i++];
    }
    free(a->v);
    a->v = v;
    a->cap = n;
    return 0;
}

int selection_read_aggregates(const struct selection *sel, size_t i, int64_t min_ms, int64_t max_ms,
                              int64_t resolution_ms, struct aggregates *out, struct err *err)
{
    const struct reading r = {sel, min_ms, max_ms, resolution_ms, out};
    out->n = out->damaged = out->samples = 0;
    int rc = read_rolled(&r, &sel->streams[i]);
    size_t middle = out->n;
    if (rc == 0)
        rc = read_raw(&r, i);
    if (rc == 0)
        rc = merge_runs(out, middle);
    return rc == 0 ? 0 : err_set(err, rc, "read a series: out of memory");
}
