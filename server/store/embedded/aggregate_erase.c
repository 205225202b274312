/* Deletions in days rolled up.
 *
 * A tombstone cannot speak of buckets: their files have no sequence of their own and are not
 * merged. So a deletion takes effect at once: a day that can be rolled up again from samples is
 * forgotten, any other is written anew without the buckets that touch the range; of those, more
 * goes than was asked for. Days without such streams stay as they are, which is found out from
 * their index. */
#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/damage.h"
#include "store/embedded/part_format.h"
#include "store/embedded/part_view.h"
#include "store/embedded/part_write.h"

#define ERASE_ARENA_MAX ((size_t)4 << 30)

struct erasing {
    struct store *store;
    const struct matcher *matchers;
    size_t n_matchers;
    int64_t min_ms, max_ms;
    struct err *err;
};

/* One file that is being written anew. */
struct rewrite {
    const struct erasing *e;
    struct part *part;
    struct part_view view;
    struct arena arena, rows_arena;
    roaring_bitmap_t *streams; /* that the matchers select */
    roaring_bitmap_t *gone;    /* of these, without a bucket that stays */
    uint32_t *ranks;           /* of each pair among those that stay; NOT_USED */
    struct label *pairs;
    size_t n_pairs;
    struct part_writer *writer;
    struct aggregates rows;
    struct buf block;
};

#define NOT_USED UINT32_MAX

static int no_memory(const struct rewrite *w)
{
    return err_set(w->e->err, ERR_NOMEM, "rewrite %s: out of memory", w->part->path);
}

/* --- buckets ---------------------------------------------------------------------------------- */

static bool touches(const struct rewrite *w, int64_t first_end_ms, int64_t last_end_ms)
{
    return first_end_ms - w->part->resolution_ms < w->e->max_ms && last_end_ms >= w->e->min_ms;
}

/* Reads a block and drops the buckets that are deleted. A damaged block is left out. */
static int read_rest(struct rewrite *w, const struct part_block *b, unsigned want)
{
    size_t n = 0;
    w->rows.n = 0;
    w->rows.want = want;
    arena_reset(&w->rows_arena);
    int rc = aggregates_read_block(w->part, b, &w->rows);
    if (rc == ERR_CORRUPT) {
        damage_note_block(w->e->store, w->part);
        return 0;
    }
    for (size_t i = 0; i < w->rows.n; i++)
        if (!touches(w, w->rows.v[i].t_unix_ms, w->rows.v[i].t_unix_ms))
            w->rows.v[n++] = w->rows.v[i];
    w->rows.n = n;
    return rc == 0 ? 0 : no_memory(w);
}

static int write_rest(struct rewrite *w, const struct part_block *b)
{
    int rc = read_rest(w, b, AGGREGATE_ALL);
    if (rc != 0 || w->rows.n == 0)
        return rc;
    return aggregates_write_block(w->writer, &w->rows, 0, w->rows.n, w->part->day, &w->block,
                                  w->e->err);
}

static int copy_block(struct rewrite *w, const struct part_block *b)
{
    const char *bytes = part_block_bytes(w->part, b);
    if (bytes)
        return part_write_block(w->writer, bytes, b, w->e->err);
    damage_note_block(w->e->store, w->part);
    return 0;
}

/* --- what stays ------------------------------------------------------------------------------- */

static int has_rest(struct rewrite *w, const struct part_stream *st, bool *out)
{
    int rc = 0;
    *out = false;
    for (uint32_t i = 0; rc == 0 && !*out && i < st->n_blocks; i++) {
        rc = read_rest(w, &st->blocks[i], 0);
        *out = w->rows.n > 0;
    }
    return rc;
}

static int note_pairs(struct rewrite *w)
{
    for (uint32_t i = 0; i < w->part->n_streams; i++) {
        struct part_stream st;
        bool stays = true;
        int rc = part_stream(&w->view, i, &st);
        if (rc == 0 && roaring_bitmap_contains(w->streams, i))
            rc = has_rest(w, &st, &stays);
        if (rc != 0)
            return rc;
        if (!stays)
            roaring_bitmap_add(w->gone, i);
        for (uint32_t k = 0; stays && k < st.n_pairs; k++)
            w->ranks[st.pairs[k]] = 0;
    }
    return 0;
}

/* Numbers the pairs that stay. */
static int rank_pairs(struct rewrite *w)
{
    uint32_t n = w->part->n_pairs;
    w->ranks = arena_array(&w->arena, n, sizeof *w->ranks);
    w->pairs = arena_array(&w->arena, n, sizeof *w->pairs);
    w->gone = roaring_bitmap_create();
    if (!w->ranks || !w->pairs || !w->gone)
        return no_memory(w);
    for (uint32_t i = 0; i < n; i++)
        w->ranks[i] = NOT_USED;
    int rc = note_pairs(w);
    for (uint32_t i = 0; rc == 0 && i < n; i++) {
        if (w->ranks[i] == NOT_USED)
            continue;
        w->ranks[i] = (uint32_t)w->n_pairs;
        rc = part_pair(&w->view, i, &w->pairs[w->n_pairs++]);
    }
    return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_stream(struct rewrite *w, uint32_t ordinal)
{
    struct part_stream st;
    uint32_t pairs[4096];
    bool asked = roaring_bitmap_contains(w->streams, ordinal);
    int rc = part_stream(&w->view, ordinal, &st);
    if (rc == 0 && st.n_pairs > ARRAY_LEN(pairs))
        return ERR_CORRUPT; // a stream has 1,024 labels at most
    for (uint32_t i = 0; rc == 0 && i < st.n_pairs; i++)
        pairs[i] = w->ranks[st.pairs[i]];
    if (rc == 0)
        rc = part_write_stream(w->writer, pairs, st.n_pairs, w->e->err);
    for (uint32_t i = 0; rc == 0 && i < st.n_blocks; i++) {
        const struct part_block *b = &st.blocks[i];
        rc = asked && touches(w, b->min_ms, b->max_ms) ? write_rest(w, b) : copy_block(w, b);
    }
    return rc;
}

static int write_part(struct rewrite *w, struct part **out)
{
    const struct part *p = w->part;
    char name[AGGREGATE_NAME_MAX];
    const char *dir;
    aggregates_format_name(name, p->day);
    int rc = aggregates_dir(w->e->store, p->resolution_ms, &dir, w->e->err);
    if (rc == 0)
        rc = part_writer_new_aggregates(w->e->store->fs, dir, name, p->resolution_ms, p->day,
                                        p->seq_lo, p->seq_hi, &w->writer, w->e->err);
    for (uint32_t i = 0; rc == 0 && i < p->n_streams; i++)
        if (!roaring_bitmap_contains(w->gone, i))
            rc = write_stream(w, i);
    return rc == 0 ? part_writer_finish(w->writer, w->pairs, w->n_pairs, out, w->e->err) : rc;
}

/* *out NULL: nothing stays. */
static int rewrite(struct rewrite *w, struct part **out)
{
    *out = NULL;
    arena_init(&w->rows_arena, ERASE_ARENA_MAX);
    aggregates_init(&w->rows, 0, &w->rows_arena);
    buf_init(&w->block, PART_CHUNK_MAX);
    int rc = rank_pairs(w);
    if (rc == 0 && w->n_pairs)
        rc = write_part(w, out);
    part_writer_free(w->writer);
    buf_done(&w->block);
    aggregates_done(&w->rows);
    arena_done(&w->rows_arena);
    return rc;
}

/* --- each day --------------------------------------------------------------------------------- */

static int replace(struct rewrite *w)
{
    struct store *s = w->e->store;
    struct part *made = NULL;
    int rc = rewrite(w, &made);
    if (rc != 0)
        return rc;
    if (!made)
        return aggregates_remove(s, w->part, w->e->err);
    rc = aggregates_publish(s, made, w->e->err);
    if (rc != 0)
        part_unref(made);
    return rc;
}

static int open_day(struct rewrite *w)
{
    arena_init(&w->arena, ERASE_ARENA_MAX);
    int rc = part_view_init(&w->view, w->part, NULL, &w->arena);
    if (rc != 0)
        return rc;
    const struct posting_source postings = part_postings(&w->view);
    return match_streams(&postings, w->e->matchers, w->e->n_matchers, &w->streams, w->e->err);
}

static void close_day(struct rewrite *w)
{
    if (w->view.part)
        part_view_done(&w->view);
    if (w->streams)
        roaring_bitmap_free(w->streams);
    if (w->gone)
        roaring_bitmap_free(w->gone);
    arena_done(&w->arena);
}

/* With an index that is damaged nothing can be told: the file must not be read again. */
static int for_day(const struct erasing *e, struct part *p, int (*each)(struct rewrite *w))
{
    struct rewrite w = {.e = e, .part = p};
    if (p->min_ms - p->resolution_ms >= e->max_ms || p->max_ms < e->min_ms)
        return 0;
    if (atomic_get_relaxed(&p->damaged)) {
        aggregates_set_aside(e->store, p);
        return 0;
    }
    int rc = open_day(&w);
    if (rc == 0 && !roaring_bitmap_is_empty(w.streams))
        rc = each(&w);
    close_day(&w);
    if (rc == ERR_CORRUPT) {
        damage_note_part(e->store, p);
        aggregates_set_aside(e->store, p);
        return 0;
    }
    return rc;
}

static int for_days(const struct erasing *e, int (*each)(struct rewrite *w))
{
    struct part **days = NULL;
    size_t n = 0;
    int rc = aggregates_snapshot(e->store, &days, &n);
    if (rc != 0)
        return err_set(e->err, rc, "out of memory");
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = for_day(e, days[i], each);
        part_unref(days[i]);
    }
    free(days);
    return rc;
}

static int forget(struct rewrite *w)
{
    struct store *s = w->e->store;
    return aggregates_can_be_made(s, w->part) ? aggregates_remove(s, w->part, w->e->err) : 0;
}

int aggregates_forget(struct store *s, const struct matcher *matchers, size_t n, int64_t min_ms,
                      int64_t max_ms, struct err *err)
{
    const struct erasing e = {s, matchers, n, min_ms, max_ms, err};
    int rc = for_days(&e, forget);
    return rc == 0 ? aggregates_sync(s, err) : rc;
}

int aggregates_erase(struct store *s, const struct matcher *matchers, size_t n, int64_t min_ms,
                     int64_t max_ms, struct err *err)
{
    const struct erasing e = {s, matchers, n, min_ms, max_ms, err};
    int rc = for_days(&e, replace);
    return rc == 0 ? aggregates_sync(s, err) : rc;
}
