#include "store/embedded/head_group.h"

#include "base/compiler.h"
#include "store/embedded/columns.h"
#include "store/embedded/stream_groups.h"

enum { RUN_MIN = 192, RUN_MAX = 1536 };

struct head_group *head_group_of(const struct head *h, const struct stream *group)
{
    struct head_group *g = group->points;
    while (g && g->head != h)
        g = g->next_of_group;
    return g;
}

/* --- opening ---------------------------------------------------------------------------------- */

static struct head_group *group_new(struct head *h, struct streams *s, struct stream *group,
                                    const struct batch_point *p)
{
    size_t number = stream_group_shard_number(group);
    size_t room = p->numbers ? numbers_state_size(p->n_counts) : p->n_counts * sizeof(uint64_t);
    struct head_group *g = head_take(h, number, sizeof *g + room);
    if (!g)
        return NULL;
    memset(g, 0, sizeof *g);
    g->next_of_group = group->points;
    g->next_of_shard = h->shards[number].groups;
    g->head = h;
    g->group = group;
    g->lock = &s->shards[number].lock;
    g->shard = (uint32_t)number;
    g->n_counts = p->n_counts;
    g->has_sum = p->has_sum;
    g->of_numbers = p->numbers != NULL;
    if (p->numbers)
        numbers_state_init(&g->numbers, p->n_counts, g->counts);
    atomic_init(&g->min_t, UINT32_MAX);
    group->points = h->shards[number].groups = g;
    return g;
}

static void unlink_group(struct head_group *g)
{
    if (!g->group)
        return;
    struct head_group **at = &g->group->points;
    while (*at != g)
        at = &(*at)->next_of_group;
    *at = g->next_of_group;
}

/* All streams know of the group before it takes rows; one that gets a row of its own meanwhile
 * closes it again. */
static int join_all(struct head_group *g, struct streams *s, struct buf *scratch)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < g->group->of_group.members; i++) {
        struct stream *st = stream_group_member(s, g->group, i);
        struct stream_shard *shard = streams_shard(s, st->hash);
        lock_take(&shard->lock);
        rc = head_join(g->head, st, g, i, scratch);
        lock_give(&shard->lock);
    }
    return rc;
}

int head_group_open(struct head *h, struct streams *s, struct stream *group,
                    const struct batch_point *p, struct buf *scratch)
{
    struct stream_shard *shard = stream_group_shard(s, group);
    lock_take(&shard->lock);
    struct head_group *g = head_group_of(h, group) ? NULL : group_new(h, s, group, p);
    bool other = !g && head_group_of(h, group); // is opening it
    lock_give(&shard->lock);
    if (!g)
        return other ? 0 : ERR_NOMEM;
    int rc = join_all(g, s, scratch);
    lock_take(&shard->lock);
    g->ready = rc == 0;
    if (rc != 0) {
        unlink_group(g);
        g->group = NULL;
    }
    lock_give(&shard->lock);
    return rc;
}

void head_groups_unlink(struct head_group *g)
{
    for (; g; g = g->next_of_shard)
        unlink_group(g);
}

/* --- appending -------------------------------------------------------------------------------- */

static size_t row_max(const struct head_group *g)
{
    if (g->of_numbers)
        return numbers_row_max(g->n_counts);
    return sizeof(uint16_t) + ROW_BYTES_MAX + (1 + (size_t)g->n_counts) * VARINT_MAX;
}

static char *write_change(char *p, uint64_t v, uint64_t before)
{
    return varint_write(p, zigzag((int64_t)(v - before)));
}

/* A histogram's row as a difference to what the group knows of the last; `alone`: to nothing. */
static size_t write_counts(const struct head_group *g, bool alone, const struct batch_point *p,
                           struct row_state *state, char *out)
{
    const int64_t base_ms = g->head->day * MS_PER_DAY;
    const struct raw_row row = {.t = (uint32_t)(p->t_unix_ms - base_ms),
                                .value = p->has_sum ? p->sum : 0,
                                .start_unix_ms = p->start_unix_ms};
    if (alone)
        *state = (struct row_state){0};
    char *at = out + sizeof(uint16_t);
    at += row_write(at, state, &row, base_ms);
    at = write_change(at, p->count, alone ? 0 : g->histogram.count);
    for (uint32_t i = 0; i < g->n_counts; i++)
        at = write_change(at, p->counts[i], alone ? 0 : g->counts[i]);
    uint16_t n = (uint16_t)(at - out);
    memcpy(out, &n, sizeof n);
    return n;
}

/* The row, and what a histogram's is for the one after it to `state`: a run of numbers may be
 * written again alone, a histogram not. */
static size_t write_row(struct head_group *g, bool alone, const struct batch_point *p,
                        struct row_state *state, char *out)
{
    if (g->of_numbers)
        return numbers_write(out, &g->numbers, p->numbers, p->n_counts, g->head->day * MS_PER_DAY,
                             alone);
    return write_counts(g, alone, p, state, out);
}

static struct group_run *add_run(struct head_group *g, size_t need)
{
    size_t cap = g->last ? MIN(g->last->cap * 2, (uint32_t)RUN_MAX) : RUN_MIN;
    cap = MAX(cap, need);
    struct group_run *run = head_take(g->head, g->shard, sizeof *run + cap);
    if (!run)
        return NULL;
    *run = (struct group_run){.cap = (uint32_t)cap, .min_t = UINT32_MAX};
    if (g->last)
        g->last->next = run;
    else
        g->first = run;
    g->last = run;
    g->n_runs++;
    return run;
}

static void note_times(struct head_group *g, struct group_run *run, uint32_t min, uint32_t max)
{
    run->min_t = MIN(run->min_t, min);
    run->max_t = MAX(run->max_t, max);
    if (min < atomic_get_relaxed(&g->min_t))
        atomic_set_relaxed(&g->min_t, min);
    if (max > atomic_get_relaxed(&g->max_t))
        atomic_set_relaxed(&g->max_t, max);
    head_note_time(g->head, min);
    head_note_time(g->head, max);
}

bool head_group_is_of_one_day(const struct batch_point *p, int64_t *out_min, int64_t *out_max)
{
    batch_point_times(p, out_min, out_max);
    return *out_min == *out_max || day_of(*out_min) == day_of(*out_max);
}

static uint32_t group_streams(const struct head_group *g)
{
    return g->of_numbers ? g->n_counts : g->n_counts + 2 + g->has_sum;
}

/* The next row is a difference to this one. */
static void take_histogram(struct head_group *g, const struct batch_point *p,
                           const struct row_state *state)
{
    g->histogram.state = *state;
    g->histogram.count = p->count;
    if (g->n_counts)
        memcpy(g->counts, p->counts, g->n_counts * sizeof g->counts[0]);
}

static bool takes(const struct head_group *g, const struct batch_point *p)
{
    return g->ready && !atomic_get_relaxed(&g->closed) && p->n_counts == g->n_counts &&
           g->of_numbers == (p->numbers != NULL) &&
           (g->of_numbers || (!p->stale && p->has_sum == g->has_sum));
}

/* Puts the bytes of a row behind the last one. */
static void put_row(struct head_group *g, struct group_run *run, const char *bytes, size_t n,
                    uint32_t min_t, uint32_t max_t)
{
    struct head_shard *shard = &g->head->shards[g->shard];
    memcpy(run->bytes + run->n_bytes, bytes, n);
    run->n_bytes += (uint32_t)n;
    run->n_rows++;
    note_times(g, run, min_t, max_t);
    atomic_set_relaxed(&shard->rows, atomic_get_relaxed(&shard->rows) + group_streams(g));
}

/* What the next row would be a difference to is lost. */
static int no_memory(struct head_group *g)
{
    head_group_close(g);
    return ERR_NOMEM;
}

int head_group_append(struct head_group *g, const struct batch_point *p, struct buf *scratch)
{
    if (!takes(g, p))
        return 1;
    struct row_state state = g->of_numbers ? (struct row_state){0} : g->histogram.state;
    struct group_run *run = g->last;
    buf_reset(scratch);
    char *bytes = buf_reserve(scratch, row_max(g));
    if (!bytes)
        return ERR_NOMEM;
    size_t n = write_row(g, !run, p, &state, bytes);
    if (run && n > run->cap - run->n_bytes) {
        run = NULL;
        n = write_row(g, true, p, &state, bytes);
    }
    if (!run)
        run = add_run(g, n);
    if (!run)
        return no_memory(g);
    if (!g->of_numbers)
        take_histogram(g, p, &state);
    int64_t min, max;
    const int64_t base_ms = g->head->day * MS_PER_DAY;
    batch_point_times(p, &min, &max);
    put_row(g, run, bytes, n, (uint32_t)(min - base_ms), (uint32_t)(max - base_ms));
    return 0;
}

int head_group_append_logged(struct head_group *g, const struct logged_row *row)
{
    if (!g->ready || atomic_get_relaxed(&g->closed))
        return 1;
    char bytes[LOGGED_ROW_BYTES];
    size_t n = numbers_write_logged(bytes, &g->numbers, row);
    struct group_run *run = g->last;
    if (!run || n > run->cap - run->n_bytes)
        run = add_run(g, n);
    if (!run)
        return no_memory(g);
    put_row(g, run, bytes, n, row->min_t, row->max_t);
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

/* What a column is made of: the sum, the count, or so many buckets added up; or it is one of
 * numbers. */
struct reading {
    bool sum, count;
    uint32_t buckets;
    bool of_numbers;
    struct numbers_reading numbers;
    struct head *head;
    int64_t base, min_ms, max_ms;
    struct columns *out;
};

/* The next row: its value in the column. */
static double read_row(struct reader *r, const struct reading *x, struct row_state *state,
                       struct raw_row *row, uint64_t *count, uint64_t *cumulative)
{
    uint16_t n = 0;
    const unsigned char *end = r->p;
    const unsigned char *size = get_bytes(r, sizeof n);
    if (size) {
        memcpy(&n, size, sizeof n);
        end += n;
    }
    row_read(r, state, row, x->base);
    if (x->sum || x->count)
        *count += (uint64_t)get_zigzag(r);
    else
        (void)get_varint(r);
    for (uint32_t i = 0; i < x->buckets; i++)
        *cumulative += (uint64_t)get_zigzag(r);
    r->p = end;
    return x->sum ? row->value : (double)(x->count ? *count : *cumulative);
}

static int read_run(const struct group_run *run, size_t n_bytes, size_t n_rows,
                    const struct reading *x)
{
    struct reader r = reader_of(run->bytes, n_bytes);
    struct row_state state = {0};
    struct numbers_reading numbers = x->numbers;
    uint64_t count = 0, cumulative = 0;
    for (size_t i = 0; i < n_rows; i++) {
        struct raw_row row = {0};
        bool there = true;
        if (x->of_numbers)
            there = numbers_read(&r, &numbers, &row);
        else
            row.value = read_row(&r, x, &state, &row, &count, &cumulative);
        int64_t t = x->base + row.t;
        if (NEVER(r.bad))
            return ERR_CORRUPT;
        if (!there)
            atomic_set_relaxed(&x->head->lost_rows, true);
        if (!there || t < x->min_ms || t > x->max_ms)
            continue;
        int rc = columns_add(x->out, t, row.value, NULL, row.start_unix_ms);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static bool run_meets(const struct group_run *run, const struct reading *x)
{
    return x->base + run->max_t >= x->min_ms && x->base + run->min_t <= x->max_ms;
}

static int read_settled(const struct head_chunk *c, const struct reading *x)
{
    int rc = 0;
    for (; rc == 0 && c; c = c->next)
        rc = head_chunk_read(c, x->base, x->min_ms, x->max_ms, x->out);
    return rc;
}

int head_group_read(struct head_group *g, uint32_t column, bool frozen, int64_t min_ms,
                    int64_t max_ms, struct columns *out)
{
    uint32_t of_count = g->has_sum, of_inf = of_count + g->n_counts + 1;
    const struct reading x = {
        .sum = column < of_count,
        .count = column == of_count || column == of_inf,
        .buckets = column > of_count && column < of_inf ? column - of_count : 0,
        .of_numbers = g->of_numbers,
        .numbers = {.columns = g->n_counts, .column = column},
        .head = g->head,
        .base = g->head->day * MS_PER_DAY,
        .min_ms = min_ms,
        .max_ms = max_ms,
        .out = out,
    };
    const struct head_chunk **settled = atomic_get_acquire(&g->settled); // pairs with head_settle
    if (settled)
        return read_settled(settled[column], &x);
    if (!frozen)
        lock_take(g->lock);
    const struct group_run *run = g->first;
    size_t n_runs = g->n_runs, last_bytes = run ? g->last->n_bytes : 0,
           last_rows = run ? g->last->n_rows : 0;
    if (!frozen)
        lock_give(g->lock);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n_runs; i++) {
        bool last = i + 1 == n_runs; // may be growing
        if (last)
            rc = read_run(run, last_bytes, last_rows, &x);
        else if (run_meets(run, &x))
            rc = read_run(run, run->n_bytes, run->n_rows, &x);
        run = last ? NULL : run->next;
    }
    return rc;
}
