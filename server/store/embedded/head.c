#include "store/embedded/head.h"

#include <stddef.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/columns.h"
#include "store/embedded/head_group.h"
#include "store/embedded/histogram_column.h"

enum { BLOCK_MIN = 4096, BLOCK_MAX = 64 << 10, SLAB_MIN = 4, SLAB_MAX = 128 };

/* A tail with this many bytes is sealed early: histograms. */
enum { TAIL_BYTES = 8192 };

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

void *head_take(struct head *h, size_t shard, size_t n)
{
    return take(h, &h->shards[shard].arena, n);
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
    for (size_t i = 0; i < h->n_maps; i++)
        wal_map_unref(h->maps[i]);
    free(h->maps);
    free(h);
}

int head_keep_map(struct head *h, struct wal_map *m)
{
    if (h->n_maps && h->maps[h->n_maps - 1] == m)
        return 0;
    struct wal_map **v = realloc(h->maps, (h->n_maps + 1) * sizeof(struct wal_map *));
    if (!v)
        return ERR_NOMEM;
    wal_map_ref(m);
    v[h->n_maps++] = m;
    h->maps = v;
    return 0;
}

/* --- rows of a tail --------------------------------------------------------------------------- */

/* The rows of a tail, in the order of arrival. */
struct open_tail {
    int64_t t[TAIL_ROWS];
    double value[TAIL_ROWS];
    int64_t start[TAIL_ROWS];
    const struct histogram *histogram[TAIL_ROWS];
    size_t n;
    bool histograms, starts;
};

static void copy_tail(const struct head_series *hs, char *to)
{
    size_t left = hs->tail.n_bytes;
    for (const struct head_segment *g = left ? hs->tail_end->next : NULL; left; g = g->next) {
        size_t n = MIN(left, (size_t)SEGMENT_BYTES);
        memcpy(to, g->bytes, n);
        to += n;
        left -= n;
    }
}

static int open_histogram(struct str bytes, const struct histogram **out, struct arena *arena)
{
    struct reader r = reader_of(bytes.p, bytes.n);
    histogram_column_decode(&r, out, 1, arena);
    if (!r.bad)
        return 0;
    return arena_failed(arena) ? ERR_NOMEM : ERR_CORRUPT;
}

/* Opens `n` rows; histograms are made in the arena. */
static int open_rows(struct str bytes, size_t n, int64_t base, struct open_tail *out,
                     struct arena *arena)
{
    struct reader r = reader_of(bytes.p, bytes.n);
    struct row_state state = {0};
    out->n = n;
    out->histograms = out->starts = false;
    for (size_t i = 0; i < n; i++) {
        struct raw_row row;
        row_read(&r, &state, &row, base);
        if (NEVER(r.bad))
            return ERR_CORRUPT;
        out->t[i] = base + row.t;
        out->value[i] = row.value;
        out->start[i] = row.start_unix_ms;
        out->histogram[i] = NULL;
        out->starts |= row.start_unix_ms != 0;
        if (!row.histogram.p)
            continue;
        out->histograms = true;
        int rc = open_histogram(row.histogram, &out->histogram[i], arena);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static void move_row(struct open_tail *rows, size_t to, size_t from)
{
    rows->t[to] = rows->t[from];
    rows->value[to] = rows->value[from];
    rows->start[to] = rows->start[from];
    rows->histogram[to] = rows->histogram[from];
}

/* Puts row i, later than all before it in arrival, among the sorted rows [0, n); the new n. */
static size_t place_row(struct open_tail *rows, size_t n, size_t i)
{
    struct open_tail *r = rows;
    int64_t t = r->t[i], start = r->start[i];
    double value = r->value[i];
    const struct histogram *histogram = r->histogram[i];
    size_t at = n;
    while (at > 0 && r->t[at - 1] > t)
        at--;
    bool same = at > 0 && r->t[at - 1] == t;
    if (same)
        at--; // the later one wins
    for (size_t k = n; !same && k > at; k--)
        move_row(r, k, k - 1);
    r->t[at] = t;
    r->value[at] = value;
    r->start[at] = start;
    r->histogram[at] = histogram;
    return same ? n : n + 1;
}

static void sort_rows(struct open_tail *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++)
        n = place_row(rows, n, i);
    rows->n = n;
}

/* --- sealing ---------------------------------------------------------------------------------- */

static void encode_rows(struct open_tail *rows, int64_t base, struct buf *out)
{
    const struct columns view = {
        .t_unix_ms = rows->t,
        .value = rows->value,
        .histogram = rows->histograms ? rows->histogram : NULL,
        .start_unix_ms = rows->starts ? rows->start : NULL,
        .n = rows->n,
    };
    block_encode(out, &view, 0, rows->n, base);
}

static void free_tail(struct head_arena *a, struct head_series *hs)
{
    struct head_segment *first = hs->tail_end->next;
    hs->tail_end->next = a->free_segments;
    a->free_segments = first;
    hs->tail_end = NULL;
    hs->tail = (struct row_state){0};
}

static void link_chunk(struct head_series *hs, struct head_chunk *c)
{
    c->next = hs->newest ? hs->newest->next : c;
    if (hs->newest)
        hs->newest->next = c;
    hs->newest = c;
    hs->n_chunks++;
}

static int add_chunk(struct head *h, struct head_arena *a, struct head_series *hs,
                     const struct open_tail *rows, struct str bytes)
{
    int64_t base = h->day * MS_PER_DAY;
    struct head_chunk *c = take(h, a, offsetof(struct head_chunk, bytes) + bytes.n);
    if (!c)
        return ERR_NOMEM;
    c->size = (uint32_t)bytes.n;
    c->min_t = (uint32_t)(rows->t[0] - base);
    c->max_t = (uint32_t)(rows->t[rows->n - 1] - base);
    memcpy(c->bytes, bytes.p, bytes.n);
    link_chunk(hs, c);
    free_tail(a, hs);
    return 0;
}

static int seal(struct head *h, struct head_arena *a, struct head_series *hs, struct buf *scratch)
{
    struct open_tail rows;
    struct arena arena;
    int64_t base = h->day * MS_PER_DAY;
    buf_reset(scratch);
    char *bytes = buf_reserve(scratch, hs->tail.n_bytes);
    if (!bytes)
        return ERR_NOMEM;
    copy_tail(hs, bytes);
    buf_advance(scratch, hs->tail.n_bytes);
    arena_init(&arena, 256 << 20);
    int rc = open_rows(buf_str(scratch), hs->tail.n_rows, base, &rows, &arena);
    if (rc == 0) {
        buf_reset(scratch);
        sort_rows(&rows);
        encode_rows(&rows, base, scratch);
        rc = buf_failed(scratch) ? ERR_NOMEM : add_chunk(h, a, hs, &rows, buf_str(scratch));
    }
    arena_done(&arena);
    return rc;
}

/* --- appending -------------------------------------------------------------------------------- */

static struct head_slab *add_slab(struct head *h, struct head_shard *shard)
{
    uint32_t cap = shard->slabs ? MIN(shard->slabs->cap * 2, (uint32_t)SLAB_MAX) : SLAB_MIN;
    struct head_slab *slab = take(h, &shard->arena, sizeof *slab + cap * sizeof slab->series[0]);
    if (slab) {
        *slab = (struct head_slab){.next = shard->slabs, .cap = cap};
        shard->slabs = slab;
    }
    return slab;
}

static struct head_series *series_of(struct head *h, struct stream *st)
{
    for (struct head_series *hs = st->rows; hs; hs = hs->next_of_stream)
        if (hs->head == h)
            return hs;
    struct head_shard *shard = &h->shards[stream_shard_of(st->hash)];
    struct head_slab *slab = shard->slabs;
    if (!slab || slab->n == slab->cap)
        slab = add_slab(h, shard);
    if (!slab)
        return NULL;
    struct head_series *hs = &slab->series[slab->n++];
    *hs = (struct head_series){.next_of_stream = st->rows,
                               .head = h,
                               .shard = stream_shard_of(st->hash) & (STREAM_SHARDS - 1),
                               .id = st->id & ((1u << 30) - 1),
                               .min_t = UINT32_MAX};
    st->rows = hs;
    shard->n++;
    return hs;
}

static struct head_segment *new_segment(struct head *h, struct head_arena *a)
{
    struct head_segment *g = a->free_segments;
    if (g)
        a->free_segments = g->next;
    else
        g = take(h, a, sizeof *g);
    return g;
}

/* Segments for `n` more bytes, so that copying cannot fail half-way. */
static int reserve_segments(struct head *h, struct head_arena *a, struct head_series *hs, size_t n)
{
    size_t have = hs->tail.n_bytes ? SEGMENT_BYTES - (hs->tail.n_bytes - 1) % SEGMENT_BYTES - 1 : 0;
    struct head_segment *first = NULL, **link = &first, *end = NULL;
    for (; have < n; have += SEGMENT_BYTES) {
        struct head_segment *g = new_segment(h, a);
        if (!g) { // give back what there was
            if (end)
                end->next = a->free_segments;
            a->free_segments = first ? first : a->free_segments;
            return ERR_NOMEM;
        }
        *link = g;
        link = &g->next;
        end = g;
    }
    if (!first)
        return 0;
    end->next = hs->tail_end ? hs->tail_end->next : first;
    if (hs->tail_end)
        hs->tail_end->next = first;
    else
        hs->tail_end = first;
    return 0;
}

static void put_bytes(struct head_series *hs, const char *p, size_t n)
{
    while (n) {
        size_t at = hs->tail.n_bytes % SEGMENT_BYTES;
        if (at == 0 && hs->tail.n_bytes)
            hs->tail_end = hs->tail_end->next;
        size_t k = MIN(n, SEGMENT_BYTES - at);
        memcpy(hs->tail_end->bytes + at, p, k);
        hs->tail.n_bytes += (uint32_t)k;
        p += k;
        n -= k;
    }
}

static int put_row(struct head *h, struct head_arena *a, struct head_series *hs,
                   const struct raw_row *row)
{
    char bytes[ROW_BYTES_MAX];
    /* Changed in its place: a copy of it, read whole as soon as its members were written, would
     * wait for them to reach the cache. */
    const struct row_state before = hs->tail;
    size_t n = row_write(bytes, &hs->tail, row, h->day * MS_PER_DAY);
    if (reserve_segments(h, a, hs, n + row->histogram.n) != 0) {
        hs->tail = before;
        return ERR_NOMEM;
    }
    put_bytes(hs, bytes, n);
    put_bytes(hs, row->histogram.p, row->histogram.n);
    hs->tail.n_rows++;
    return 0;
}

void head_note_time(struct head *h, uint32_t t)
{
    if (t < atomic_get_relaxed(&h->min_t))
        atomic_set_relaxed(&h->min_t, t); // two shards may race: see head.h
    if (t > atomic_get_relaxed(&h->max_t))
        atomic_set_relaxed(&h->max_t, t);
}

/* --- rows of groups --------------------------------------------------------------------------- */

/* Of a chunk of size 0; which of its columns, min_t says. */
static struct head_group *group_in(const struct head_chunk *c)
{
    struct head_group *group;
    memcpy(&group, c->bytes, sizeof(void *));
    return group;
}

static void leave_group(struct head_series *hs)
{
    head_group_close(group_in(hs->newest));
    hs->open_group = false;
}

int head_join(struct head *h, struct stream *st, struct head_group *group, uint32_t column,
              struct buf *scratch)
{
    struct head_series *hs = series_of(h, st);
    struct head_arena *a = &h->shards[stream_shard_of(st->hash)].arena;
    if (!hs || (hs->tail.n_rows && seal(h, a, hs, scratch) != 0))
        return ERR_NOMEM;
    struct head_chunk *c = take(h, a, offsetof(struct head_chunk, bytes) + sizeof(void *));
    if (!c)
        return ERR_NOMEM;
    if (hs->open_group)
        leave_group(hs);
    c->size = 0;
    c->min_t = c->max_t = column;
    memcpy(c->bytes, &group, sizeof(void *));
    link_chunk(hs, c);
    hs->has_group = hs->open_group = true;
    return 0;
}

bool head_series_range(const struct head_series *hs, uint32_t *out_min, uint32_t *out_max)
{
    *out_min = hs->min_t;
    *out_max = hs->max_t;
    const struct head_chunk *c = hs->newest;
    for (size_t i = 0; hs->has_group && i < hs->n_chunks; i++, c = c->next)
        if (c->size == 0)
            head_group_range(group_in(c), out_min, out_max);
    return *out_min != UINT32_MAX;
}

int head_append(struct head *h, struct stream *st, const struct head_row *row, struct buf *scratch)
{
    struct head_series *hs = series_of(h, st);
    if (!hs)
        return ERR_NOMEM;
    if (UNLIKELY(hs->open_group))
        leave_group(hs);
    struct head_shard *shard = &h->shards[stream_shard_of(st->hash)];
    struct head_arena *a = &shard->arena;
    if (hs->tail.n_rows == TAIL_ROWS || hs->tail.n_bytes > TAIL_BYTES) {
        int rc = seal(h, a, hs, scratch);
        if (rc != 0)
            return rc;
    }
    struct raw_row raw = {.t = row->t, .value = row->value, .start_unix_ms = row->start_unix_ms};
    if (row->histogram) {
        buf_reset(scratch);
        histogram_column_encode(scratch, &row->histogram, 1);
        if (buf_failed(scratch))
            return ERR_NOMEM;
        raw.histogram = buf_str(scratch);
    }
    int rc = put_row(h, a, hs, &raw);
    if (rc != 0)
        return rc;
    atomic_set_relaxed(&shard->rows, atomic_get_relaxed(&shard->rows) + 1);
    hs->min_t = MIN(hs->min_t, row->t);
    hs->max_t = MAX(hs->max_t, row->t);
    head_note_time(h, row->t);
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static bool chunk_meets(const struct head_chunk *c, int64_t base, int64_t min_ms, int64_t max_ms)
{
    return base + c->max_t >= min_ms && base + c->min_t <= max_ms;
}

int head_chunk_read(const struct head_chunk *c, int64_t base_ms, int64_t min_ms, int64_t max_ms,
                    struct columns *out)
{
    if (!chunk_meets(c, base_ms, min_ms, max_ms))
        return 0;
    size_t from = out->n;
    int rc = block_decode(c->bytes, c->size, base_ms, out);
    if (rc == 0)
        columns_trim(out, from, min_ms, max_ms);
    return rc;
}

static int read_chunks(const struct head_chunk *c, size_t n, int64_t base, bool frozen,
                       int64_t min_ms, int64_t max_ms, struct columns *out)
{
    for (size_t i = 0; i < n; i++) {
        int rc = c->size == 0 ? head_group_read(group_in(c), c->min_t, frozen, min_ms, max_ms, out)
                              : head_chunk_read(c, base, min_ms, max_ms, out);
        if (rc != 0)
            return rc;
        if (i + 1 < n)
            c = c->next;
    }
    return 0;
}

/* Part of a series, copied under the lock. */
struct snapshot {
    const struct head_chunk *first;
    size_t n_chunks, n_bytes, n_rows;
    char *bytes; /* of the tail: `small`, or on the heap */
    char small[1024];
};

static int take_snapshot(const struct head_series *hs, struct snapshot *out)
{
    out->first = hs->newest ? hs->newest->next : NULL;
    out->n_chunks = hs->n_chunks;
    out->n_bytes = hs->tail.n_bytes;
    out->n_rows = hs->tail.n_rows;
    out->bytes = out->n_bytes <= sizeof out->small ? out->small : malloc(out->n_bytes);
    if (!out->bytes)
        return ERR_NOMEM;
    copy_tail(hs, out->bytes);
    return 0;
}

static int read_tail(const struct snapshot *s, int64_t base, int64_t min_ms, int64_t max_ms,
                     struct columns *out)
{
    struct open_tail rows;
    int rc = open_rows(str_of(s->bytes, s->n_bytes), s->n_rows, base, &rows, out->arena);
    for (size_t i = 0; rc == 0 && i < rows.n; i++)
        if (rows.t[i] >= min_ms && rows.t[i] <= max_ms)
            rc = columns_add(out, rows.t[i], rows.value[i], rows.histogram[i], rows.start[i]);
    return rc;
}

int head_series_read(struct head_series *hs, struct stream_shard *shard, bool frozen,
                     int64_t min_ms, int64_t max_ms, struct columns *out)
{
    struct snapshot s;
    int64_t base = hs->head->day * MS_PER_DAY;
    if (!frozen)
        lock_take(&shard->lock);
    int rc = take_snapshot(hs, &s);
    if (!frozen)
        lock_give(&shard->lock);
    if (rc != 0)
        return rc;
    rc = read_chunks(s.first, s.n_chunks, base, frozen, min_ms, max_ms, out);
    if (rc == 0)
        rc = read_tail(&s, base, min_ms, max_ms, out);
    if (s.bytes != s.small)
        free(s.bytes);
    return rc;
}

/* --- freezing --------------------------------------------------------------------------------- */

static void unlink_series(struct stream *st, struct head_series *hs)
{
    struct head_series **at = &st->rows;
    while (*at != hs)
        at = &(*at)->next_of_stream;
    *at = hs->next_of_stream;
}

void head_unlink(struct head *h, struct streams *s)
{
    for (size_t i = 0; i < STREAM_SHARDS; i++) {
        lock_take(&s->shards[i].lock);
        for (struct head_slab *slab = h->shards[i].slabs; slab; slab = slab->next)
            for (uint32_t k = 0; k < slab->n; k++)
                unlink_series(streams_by_id(s, slab->series[k].id), &slab->series[k]);
        head_groups_unlink(h->shards[i].groups);
        lock_give(&s->shards[i].lock);
    }
}
