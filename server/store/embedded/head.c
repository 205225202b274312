#include "store/embedded/head.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/columns.h"
#include "store/embedded/histogram_column.h"

/* A tail of `cap` rows is one piece of memory:
 *   double value[cap]; uint32_t t[cap];                                              plain
 *   double value[cap]; int64_t start[cap]; struct blob *histogram[cap]; uint32_t t[cap];  wide */
struct tail {
    double *value;
    int64_t *start;          /* NULL when plain */
    struct blob **histogram; /* NULL when plain; NULL for a float */
    uint32_t *t;
};

/* A histogram in a tail: a histogram column of one row. */
struct blob {
    uint32_t size;
    char bytes[];
};

enum { BLOCK_MIN = 4096, BLOCK_MAX = 64 << 10, TAIL_FIRST = 4 };
enum { PLAIN_ROW = 12, WIDE_ROW = 28 };

/* --- memory ----------------------------------------------------------------------------------- */

struct head_block {
    struct head_block *next;
    size_t size;
};

static int add_block(struct head *h, struct head_arena *a, size_t need)
{
    size_t size = a->blocks ? MIN(a->blocks->size * 2, (size_t)BLOCK_MAX) : BLOCK_MIN;
    size = MAX(size, need + sizeof(struct head_block));
    struct head_block *b = malloc(size);
    if (!b)
        return ERR_NOMEM;
    *b = (struct head_block){a->blocks, size};
    a->blocks = b;
    a->at = (char *)(b + 1);
    a->end = (char *)b + size;
    atomic_add_relaxed(&h->bytes, size);
    atomic_add_relaxed(h->total_bytes, size);
    return 0;
}

static void *take(struct head *h, struct head_arena *a, size_t n)
{
    n = (n + 7) / 8 * 8;
    if (n > (size_t)(a->end - a->at) && add_block(h, a, n) != 0)
        return NULL;
    void *p = a->at;
    a->at += n;
    return p;
}

struct head *head_new(int64_t day, atomic_ullong *total_bytes)
{
    struct head *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    refcount_init(&h->refs);
    h->day = day;
    h->total_bytes = total_bytes;
    atomic_init(&h->seq, UINT64_MAX);
    atomic_init(&h->min_t, UINT32_MAX);
    return h;
}

void head_ref(struct head *h)
{
    refcount_get(&h->refs);
}

void head_unref(struct head *h)
{
    if (!h || !refcount_put(&h->refs))
        return;
    for (size_t i = 0; i < STREAM_SHARDS; i++) {
        struct head_block *b = h->shards[i].arena.blocks;
        while (b) {
            struct head_block *next = b->next;
            free(b);
            b = next;
        }
    }
    atomic_sub_relaxed(h->total_bytes, atomic_get_relaxed(&h->bytes));
    free(h);
}

/* --- tails ------------------------------------------------------------------------------------ */

static struct tail tail_view(char *p, size_t cap, bool wide)
{
    struct tail v = {.value = (double *)(void *)p};
    char *after = p + cap * sizeof(double);
    if (wide) {
        v.start = (int64_t *)(void *)after;
        v.histogram = (struct blob **)(void *)(after + cap * sizeof(int64_t));
        after += cap * (sizeof(int64_t) + sizeof(struct blob *));
    }
    v.t = (uint32_t *)(void *)after;
    return v;
}

static struct tail tail_of(const struct head_series *hs)
{
    return tail_view(hs->tail, hs->tail_cap, hs->wide);
}

/* Tails of one class are used again when they are outgrown or sealed. */
static size_t tail_class(size_t cap, bool wide)
{
    size_t class = wide ? 4 : 0;
    for (; cap > TAIL_FIRST; cap /= 2)
        class ++;
    return class;
}

static char *tail_take(struct head *h, struct head_arena *a, size_t cap, bool wide)
{
    void **list = &a->free_tails[tail_class(cap, wide)];
    if (*list) {
        void *p = *list;
        memcpy(list, p, sizeof *list); // a free tail begins with the next free one
        return p;
    }
    return take(h, a, cap * (wide ? WIDE_ROW : PLAIN_ROW));
}

static void tail_give(struct head_arena *a, char *tail, size_t cap, bool wide)
{
    if (!tail)
        return;
    void **list = &a->free_tails[tail_class(cap, wide)];
    memcpy(tail, list, sizeof *list);
    *list = tail;
}

static void copy_tail(struct tail to, struct tail from, size_t n)
{
    memcpy(to.value, from.value, n * sizeof *to.value);
    memcpy(to.t, from.t, n * sizeof *to.t);
    if (!to.start)
        return;
    for (size_t i = 0; i < n; i++) {
        to.start[i] = from.start ? from.start[i] : 0;
        to.histogram[i] = from.start ? from.histogram[i] : NULL;
    }
}

/* A larger tail, or a wide one, with the same rows. */
static int tail_change(struct head *h, struct head_arena *a, struct head_series *hs, size_t cap,
                       bool wide)
{
    char *p = tail_take(h, a, cap, wide);
    if (!p)
        return ERR_NOMEM;
    if (hs->tail_n)
        copy_tail(tail_view(p, cap, wide), tail_of(hs), hs->tail_n);
    tail_give(a, hs->tail, hs->tail_cap, hs->wide);
    hs->tail = p;
    hs->tail_cap = (uint8_t)cap;
    hs->wide = wide;
    return 0;
}

/* --- sealing ---------------------------------------------------------------------------------- */

/* The rows of a tail as arrays of the public kind. */
struct open_tail {
    int64_t t[TAIL_ROWS];
    double value[TAIL_ROWS];
    int64_t start[TAIL_ROWS];
    const struct blob *blob[TAIL_ROWS];
    const struct histogram *histogram[TAIL_ROWS];
    size_t n;
    bool wide, histograms;
};

static void open_rows(const struct head_series *hs, int64_t base, struct open_tail *out)
{
    out->n = hs->tail_n;
    out->wide = hs->wide;
    out->histograms = false;
    if (out->n == 0)
        return; // there may be no tail at all
    struct tail v = tail_of(hs);
    for (size_t i = 0; i < out->n; i++) {
        out->t[i] = base + v.t[i];
        out->value[i] = v.value[i];
        out->start[i] = hs->wide ? v.start[i] : 0;
        out->blob[i] = hs->wide ? v.histogram[i] : NULL;
        out->histograms |= out->blob[i] != NULL;
    }
}

static int open_histograms(struct open_tail *rows, struct arena *arena)
{
    for (size_t i = 0; i < rows->n; i++) {
        rows->histogram[i] = NULL;
        if (!rows->blob[i])
            continue;
        struct reader r = reader_of(rows->blob[i]->bytes, rows->blob[i]->size);
        histogram_column_decode(&r, &rows->histogram[i], 1, arena);
        if (r.bad)
            return arena_failed(arena) ? ERR_NOMEM : ERR_CORRUPT;
    }
    return 0;
}

static int encode_tail(struct head_series *hs, struct buf *scratch)
{
    struct open_tail rows;
    struct arena arena;
    int64_t base = hs->head->day * MS_PER_DAY;
    arena_init(&arena, 64 << 20);
    open_rows(hs, base, &rows);
    int rc = rows.histograms ? open_histograms(&rows, &arena) : 0;
    if (rc == 0) {
        struct columns view = {
            .t_unix_ms = rows.t,
            .value = rows.value,
            .histogram = rows.histograms ? rows.histogram : NULL,
            .start_unix_ms = rows.wide ? rows.start : NULL,
            .n = rows.n,
        };
        block_encode(scratch, &view, 0, rows.n, base);
        rc = buf_failed(scratch) ? ERR_NOMEM : 0;
    }
    arena_done(&arena);
    return rc;
}

static int seal(struct head *h, struct head_arena *a, struct head_series *hs, struct buf *scratch)
{
    buf_reset(scratch);
    int rc = encode_tail(hs, scratch);
    if (rc != 0)
        return rc;
    struct head_chunk *c = take(h, a, sizeof *c + scratch->n);
    if (!c)
        return ERR_NOMEM;
    struct tail v = tail_of(hs);
    *c = (struct head_chunk){
        .size = (uint32_t)scratch->n, .min_t = v.t[0], .max_t = v.t[hs->tail_n - 1]};
    memcpy(c->bytes, scratch->p, scratch->n);
    if (hs->last)
        hs->last->next = c;
    else
        hs->first = c;
    hs->last = c;
    hs->n_chunks++;
    tail_give(a, hs->tail, hs->tail_cap, hs->wide);
    hs->tail = NULL;
    hs->tail_n = hs->tail_cap = 0;
    hs->wide = false;
    return 0;
}

/* --- appending -------------------------------------------------------------------------------- */

static struct head_series *series_of(struct head *h, struct stream *st)
{
    for (struct head_series *hs = st->rows; hs; hs = hs->next_of_stream)
        if (hs->head == h)
            return hs;
    struct head_shard *shard = &h->shards[st->id % STREAM_SHARDS];
    struct head_series *hs = take(h, &shard->arena, sizeof *hs);
    if (!hs)
        return NULL;
    *hs = (struct head_series){
        .next_of_stream = st->rows,
        .next_in_shard = shard->series,
        .head = h,
        .stream = st,
        .min_t = UINT32_MAX,
        .shard = (uint8_t)(st->id % STREAM_SHARDS),
    };
    st->rows = hs;
    shard->series = hs;
    shard->n++;
    return hs;
}

static struct blob *make_blob(struct head *h, struct head_arena *a,
                              const struct histogram *histogram, struct buf *scratch)
{
    buf_reset(scratch);
    histogram_column_encode(scratch, &histogram, 1);
    if (buf_failed(scratch))
        return NULL;
    struct blob *b = take(h, a, sizeof *b + scratch->n);
    if (!b)
        return NULL;
    b->size = (uint32_t)scratch->n;
    memcpy(b->bytes, scratch->p, scratch->n);
    return b;
}

/* Where a row with this time is or goes. Rows mostly come in order: looks from the end. */
static size_t place_of(struct tail v, size_t n, uint32_t t, bool *out_same)
{
    size_t i = n;
    while (i > 0 && v.t[i - 1] > t)
        i--;
    *out_same = i > 0 && v.t[i - 1] == t;
    return *out_same ? i - 1 : i;
}

static void shift(struct tail v, size_t at, size_t n)
{
    memmove(v.value + at + 1, v.value + at, (n - at) * sizeof *v.value);
    memmove(v.t + at + 1, v.t + at, (n - at) * sizeof *v.t);
    if (v.start) {
        memmove(v.start + at + 1, v.start + at, (n - at) * sizeof *v.start);
        memmove(v.histogram + at + 1, v.histogram + at, (n - at) * sizeof(struct blob *));
    }
}

static void set_row(struct tail v, size_t at, const struct head_row *row, struct blob *blob)
{
    v.t[at] = row->t;
    v.value[at] = row->value;
    if (v.start) {
        v.start[at] = row->start_unix_ms;
        v.histogram[at] = blob;
    }
}

/* Room for one more row of this kind. */
static int make_room(struct head *h, struct head_arena *a, struct head_series *hs, bool wide,
                     struct buf *scratch)
{
    if (hs->tail_n == TAIL_ROWS) {
        int rc = seal(h, a, hs, scratch);
        if (rc != 0)
            return rc;
    }
    wide |= hs->wide;
    size_t cap = hs->tail_cap;
    if (hs->tail_n == cap)
        cap = cap ? cap * 2 : TAIL_FIRST;
    return cap == hs->tail_cap && wide == hs->wide ? 0 : tail_change(h, a, hs, cap, wide);
}

static void note_time(struct head *h, struct head_series *hs, uint32_t t)
{
    hs->min_t = MIN(hs->min_t, t);
    hs->max_t = MAX(hs->max_t, t);
    if (t < atomic_get_relaxed(&h->min_t))
        atomic_set_relaxed(&h->min_t, t); // two shards may race: see head.h
    if (t > atomic_get_relaxed(&h->max_t))
        atomic_set_relaxed(&h->max_t, t);
}

int head_append(struct head *h, struct stream *st, const struct head_row *row, struct buf *scratch)
{
    struct head_series *hs = series_of(h, st);
    if (!hs)
        return ERR_NOMEM;
    struct head_arena *a = &h->shards[st->id % STREAM_SHARDS].arena;
    struct blob *blob = row->histogram ? make_blob(h, a, row->histogram, scratch) : NULL;
    if (row->histogram && !blob)
        return ERR_NOMEM;
    int rc = make_room(h, a, hs, blob || row->start_unix_ms, scratch);
    if (rc != 0)
        return rc;

    struct tail v = tail_of(hs);
    bool same;
    size_t at = place_of(v, hs->tail_n, row->t, &same);
    if (!same) {
        shift(v, at, hs->tail_n);
        hs->tail_n++;
        atomic_add_relaxed(&h->rows, 1);
    }
    set_row(v, at, row, blob);
    note_time(h, hs, row->t);
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool chunk_meets(const struct head_chunk *c, int64_t base, int64_t min_ms, int64_t max_ms)
{
    return base + c->max_t >= min_ms && base + c->min_t <= max_ms;
}

static int read_chunks(const struct head_chunk *c, size_t n, int64_t base, int64_t min_ms,
                       int64_t max_ms, struct columns *out)
{
    for (size_t i = 0; i < n; i++) {
        if (chunk_meets(c, base, min_ms, max_ms)) {
            size_t from = out->n;
            int rc = block_decode(c->bytes, c->size, base, out);
            if (rc != 0)
                return rc;
            columns_trim(out, from, min_ms, max_ms);
        }
        if (i + 1 < n)
            c = c->next;
    }
    return 0;
}

static int read_rows(struct open_tail *rows, int64_t min_ms, int64_t max_ms, struct columns *out)
{
    int rc = rows->histograms ? open_histograms(rows, out->arena) : 0;
    for (size_t i = 0; rc == 0 && i < rows->n; i++)
        if (rows->t[i] >= min_ms && rows->t[i] <= max_ms)
            rc = columns_add(out, rows->t[i], rows->value[i],
                             rows->histograms ? rows->histogram[i] : NULL, rows->start[i]);
    return rc;
}

int head_series_read(struct head_series *hs, struct stream_shard *shard, bool frozen,
                     int64_t min_ms, int64_t max_ms, struct columns *out)
{
    struct open_tail rows;
    int64_t base = hs->head->day * MS_PER_DAY;
    if (!frozen)
        lock_take(&shard->lock);
    const struct head_chunk *first = hs->first;
    size_t n = hs->n_chunks;
    open_rows(hs, base, &rows);
    if (!frozen)
        lock_give(&shard->lock);

    int rc = read_chunks(first, n, base, min_ms, max_ms, out);
    return rc == 0 ? read_rows(&rows, min_ms, max_ms, out) : rc;
}

/* --- freezing --------------------------------------------------------------------------------- */

static void unlink_series(struct head_series *hs)
{
    struct head_series **at = &hs->stream->rows;
    while (*at != hs)
        at = &(*at)->next_of_stream;
    *at = hs->next_of_stream;
}

void head_unlink(struct head *h, struct streams *s)
{
    for (size_t i = 0; i < STREAM_SHARDS; i++) {
        lock_take(&s->shards[i].lock);
        for (struct head_series *hs = h->shards[i].series; hs; hs = hs->next_in_shard)
            unlink_series(hs);
        lock_give(&s->shards[i].lock);
    }
}
