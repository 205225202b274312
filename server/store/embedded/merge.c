/* Streams of the parts are walked in their common order (labels as ranks of one table), equal ones
 * become one stream. Blocks that are full and overlap nothing are copied as they are; the rest is
 * decoded, put into order, and cut into new blocks. */
#include "store/embedded/merge.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/time.h"
#include "log/log.h"
#include "self/self.h"
#include "store/embedded/block.h"
#include "store/embedded/columns.h"
#include "store/embedded/damage.h"
#include "store/embedded/day_dir.h"
#include "store/embedded/erase.h"
#include "store/embedded/label_table.h"
#include "store/embedded/part_view.h"
#include "store/embedded/part_write.h"
#include "store/embedded/survivors.h"

static struct self_metric merge_seconds =
    SELF_HISTOGRAM("telltale_store_merge_seconds", "Time of one merge of parts.");
static struct self_metric merged_rows_total =
    SELF_COUNTER("telltale_store_merged_rows_total", "Rows written by merges.");

/* A block with this many rows is not worth decoding to fill it up. */
enum { FULL_ENOUGH = BLOCK_ROWS / 2 };
#define MERGE_ARENA_MAX ((size_t)4 << 30)

/* --- one merge -------------------------------------------------------------------------------- */

/* A part being walked. */
struct input {
    struct part_view view;
    struct arena texts;
    uint32_t *ranks;  /* of its pairs, in the table */
    uint32_t *labels; /* of its current stream */
    size_t cap_labels;
    uint32_t next; /* ordinal after the current stream */
    struct part_stream stream;
    const struct hidden *hidden; /* of the current stream */
    struct survivors left;
    bool done;
};

/* A block of the current stream. */
struct piece {
    struct part_block block;
    struct part *owner;
    const struct hidden *hidden; /* it is not to be seen whole; or NULL */
};

struct merge {
    struct store *store;
    struct input *inputs;
    size_t n;
    struct arena arena, histograms;
    struct label_table table;
    struct part_writer *writer;    /* what takes the rows: this, */
    const struct merge_sink *sink; /* or this */
    struct columns rows;           /* of the current stream that are not written yet */
    struct piece *pieces;
    size_t n_pieces, cap_pieces;
    const struct tombstone_set *tombstones;
    struct keep keep;
    struct err *err;
};

static int no_memory(struct merge *m)
{
    return err_set(m->err, ERR_NOMEM, "merge: out of memory");
}

static int index_failed(struct merge *m, struct part *p, int rc)
{
    if (rc == ERR_CORRUPT)
        damage_note_part(m->store, p); // and it is left out from now on
    return err_set(m->err, rc, "merge: read %s: %s", p->path, err_name(rc));
}

static int intern_pairs(struct merge *m, struct input *in)
{
    struct part *p = in->view.part;
    in->ranks = arena_array(&m->arena, p->n_pairs, sizeof *in->ranks);
    if (!in->ranks)
        return no_memory(m);
    for (uint32_t i = 0; i < p->n_pairs; i++) {
        struct label pair;
        if (!survivors_have_pair(&in->left, i))
            continue;
        int rc = part_pair(&in->view, i, &pair);
        if (rc != 0)
            return index_failed(m, p, rc);
        in->ranks[i] = label_table_intern(&m->table, pair);
        if (in->ranks[i] == UINT32_MAX)
            return no_memory(m);
    }
    return 0;
}

static int rank_pairs(struct merge *m, struct label **out_pairs)
{
    uint32_t *sorted = NULL;
    const uint32_t *ranks = label_table_rank(&m->table, &sorted);
    struct label *pairs = arena_array(&m->arena, m->table.n, sizeof *pairs);
    if (!ranks || !pairs)
        return no_memory(m);
    for (size_t i = 0; i < m->table.n; i++)
        pairs[i] = m->table.pairs[sorted[i]];
    for (size_t i = 0; i < m->n; i++)
        for (uint32_t k = 0; k < m->inputs[i].view.part->n_pairs; k++)
            if (survivors_have_pair(&m->inputs[i].left, k))
                m->inputs[i].ranks[k] = ranks[m->inputs[i].ranks[k]];
    *out_pairs = pairs;
    return 0;
}

static int advance(struct merge *m, struct input *in)
{
    struct part *p = in->view.part;
    in->next = survivors_next(&in->left, in->next);
    in->done = in->next >= p->n_streams;
    if (in->done)
        return 0;
    if (erasures_of(in->left.erasures, in->next, &m->arena, &in->hidden) != 0)
        return no_memory(m);
    int rc = part_stream(&in->view, in->next++, &in->stream);
    if (rc != 0)
        return index_failed(m, p, rc);
    if (in->stream.n_pairs > in->cap_labels) {
        size_t cap = MAX((size_t)in->stream.n_pairs, in->cap_labels * 2);
        in->labels = arena_array(&m->arena, cap, sizeof *in->labels);
        in->cap_labels = in->labels ? cap : 0;
        if (!in->labels)
            return no_memory(m);
    }
    for (uint32_t i = 0; i < in->stream.n_pairs; i++)
        in->labels[i] = in->ranks[in->stream.pairs[i]];
    return 0;
}

static int compare(const struct input *a, const struct input *b)
{
    return ranks_cmp(a->labels, a->stream.n_pairs, b->labels, b->stream.n_pairs);
}

static struct input *least(struct merge *m)
{
    struct input *best = NULL;
    for (size_t i = 0; i < m->n; i++)
        if (!m->inputs[i].done && (!best || compare(&m->inputs[i], best) < 0))
            best = &m->inputs[i];
    return best;
}

/* --- rows of one stream ----------------------------------------------------------------------- */

static int add_blocks(struct merge *m, const struct input *in)
{
    size_t need = m->n_pieces + in->stream.n_blocks;
    if (need > m->cap_pieces) {
        size_t cap = MAX(need, m->cap_pieces * 2);
        struct piece *pieces = arena_grow(&m->arena, m->pieces, m->n_pieces, cap, sizeof *pieces);
        if (!pieces)
            return no_memory(m);
        m->pieces = pieces;
        m->cap_pieces = cap;
    }
    for (uint32_t i = 0; i < in->stream.n_blocks; i++) {
        const struct part_block *b = &in->stream.blocks[i];
        if (hidden_covers(in->hidden, b->min_ms, b->max_ms))
            continue;
        bool cut = hidden_meets(in->hidden, b->min_ms, b->max_ms);
        m->pieces[m->n_pieces++] = (struct piece){*b, in->view.part, cut ? in->hidden : NULL};
    }
    return 0;
}

/* Blocks come by rank (sequence, then time): in order of time too, unless rows came late. */
static bool blocks_overlap(const struct merge *m)
{
    for (size_t i = 1; i < m->n_pieces; i++)
        if (m->pieces[i].block.min_ms <= m->pieces[i - 1].block.max_ms)
            return true;
    return false;
}

static int decode(struct merge *m, const struct piece *piece)
{
    size_t from = m->rows.n;
    int rc = part_read_block(piece->owner, &piece->block, &m->rows);
    if (rc == ERR_CORRUPT && m->sink) {
        damage_note_block(m->store, piece->owner);
        return 0;
    }
    if (rc == ERR_CORRUPT) {
        atomic_add_relaxed(&m->store->damaged_blocks, 1);
        atomic_set_relaxed(&piece->owner->lossy, true);
        log_error("store", "a damaged block is left out of a merge; its file is set aside",
                  LOG_STR("file", piece->owner->path), LOG_INT("offset", piece->block.offset));
        return 0;
    }
    if (rc == 0)
        hidden_drop(piece->hidden, &m->rows, from);
    return rc == 0 ? 0 : no_memory(m);
}

static int write_pending(struct merge *m)
{
    int rc = columns_sort(&m->rows);
    if (rc != 0)
        return no_memory(m);
    rc = m->rows.n ? part_write_rows(m->writer, &m->rows, m->err) : 0;
    columns_reset(&m->rows);
    arena_reset(&m->histograms);
    return rc;
}

static int copy_block(struct merge *m, const struct piece *piece)
{
    int rc = write_pending(m);
    const char *bytes = part_block_bytes(piece->owner, &piece->block);
    if (rc == 0 && !bytes)
        return decode(m, piece); // reports the damage
    return rc == 0 ? part_write_block(m->writer, bytes, &piece->block, m->err) : rc;
}

static int write_rows(struct merge *m)
{
    int rc = 0;
    bool overlap = blocks_overlap(m);
    for (size_t i = 0; rc == 0 && i < m->n_pieces; i++) {
        const struct piece *piece = &m->pieces[i];
        if (!overlap && !piece->hidden && piece->block.rows >= FULL_ENOUGH)
            rc = copy_block(m, piece);
        else
            rc = decode(m, piece);
        if (rc == 0 && !overlap && m->rows.n >= BLOCK_ROWS)
            rc = write_pending(m);
    }
    return rc == 0 ? write_pending(m) : rc;
}

static int hand_over_rows(struct merge *m)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->n_pieces; i++)
        rc = decode(m, &m->pieces[i]);
    if (rc == 0 && columns_sort(&m->rows) != 0)
        rc = no_memory(m);
    if (rc == 0 && m->rows.n)
        rc = m->sink->rows(m->sink->self, &m->rows, m->err);
    columns_reset(&m->rows);
    arena_reset(&m->histograms);
    return rc;
}

static int begin_stream(struct merge *m, const struct input *in)
{
    if (m->sink)
        return m->sink->stream(m->sink->self, in->labels, in->stream.n_pairs, m->err);
    return part_write_stream(m->writer, in->labels, in->stream.n_pairs, m->err);
}

static int merge_stream(struct merge *m)
{
    const struct input *first = least(m);
    int rc = begin_stream(m, first);
    m->n_pieces = 0;
    bool same[MERGE_MAX];
    for (size_t i = 0; i < m->n; i++)
        same[i] = !m->inputs[i].done && compare(&m->inputs[i], first) == 0;
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        rc = same[i] ? add_blocks(m, &m->inputs[i]) : 0;
    if (rc == 0)
        rc = m->sink ? hand_over_rows(m) : write_rows(m);
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        rc = same[i] ? advance(m, &m->inputs[i]) : 0;
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int find_survivors(struct merge *m, struct input *in)
{
    int rc = survivors_find(m->store, &in->view, m->tombstones, &m->keep, &in->left, m->err);
    if (rc == ERR_CORRUPT)
        return index_failed(m, in->view.part, rc);
    return rc == 0 ? 0 : err_set(m->err, rc, "merge: %s", err_name(rc));
}

static int open_inputs(struct merge *m, struct part *const *parts)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->n; i++) {
        arena_init(&m->inputs[i].texts, MERGE_ARENA_MAX);
        if (part_view_init(&m->inputs[i].view, parts[i], NULL, &m->inputs[i].texts) != 0)
            return no_memory(m);
        rc = find_survivors(m, &m->inputs[i]);
        if (rc == 0)
            rc = intern_pairs(m, &m->inputs[i]);
        if (rc != 0)
            return rc;
    }
    return rc;
}

/* *out_pairs NULL: nothing is left. */
static int run(struct merge *m, struct part *const *parts, struct label **out_pairs)
{
    struct label *pairs = NULL;
    int rc = open_inputs(m, parts);
    if (rc == 0)
        rc = rank_pairs(m, &pairs);
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        rc = advance(m, &m->inputs[i]);
    if (rc == 0 && least(m))
        *out_pairs = pairs;
    while (rc == 0 && least(m))
        rc = merge_stream(m);
    return rc;
}

static void merge_init(struct merge *m)
{
    arena_init(&m->arena, MERGE_ARENA_MAX);
    arena_init(&m->histograms, MERGE_ARENA_MAX);
    label_table_init(&m->table, &m->arena, &m->arena);
    columns_init(&m->rows, &m->histograms);
}

static void merge_done(struct merge *m)
{
    columns_done(&m->rows);
    keep_end(&m->keep);
    for (size_t i = 0; i < m->n; i++) {
        if (m->inputs[i].view.part)
            part_view_done(&m->inputs[i].view);
        survivors_done(&m->inputs[i].left);
        arena_done(&m->inputs[i].texts);
    }
    arena_done(&m->histograms);
    arena_done(&m->arena);
}

/* Do samples go, or have they gone before, that the day cannot be rolled up again without? */
static bool any_expired(const struct merge *m, struct part *const *parts)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->inputs[i].left.expired || atomic_get_relaxed(&parts[i]->expired))
            return true;
    return false;
}

/* *out NULL: nothing is left. */
static int write_merged(struct merge *m, struct part *const *parts, struct part **out)
{
    struct label *pairs = NULL;
    struct tombstone_set *deleted = tombstones_get(&m->store->tombstones);
    *out = NULL;
    m->tombstones = deleted;
    m->keep = keep_begin(m->store);
    int rc = run(m, parts, &pairs);
    bool any = rc == 0 && pairs && part_writer_rows(m->writer) > 0; // else all of it was damaged
    if (rc == 0 && any_expired(m, parts)) {
        part_writer_set_expired(m->writer);
        if (!any)
            atomic_set_relaxed(&parts[0]->expired, true); // for what takes its place
    }
    if (any && m->n == 1 && atomic_get_relaxed(&parts[0]->lossy))
        rc = table_file_keep_aside(m->store->fs, parts[0]->path, m->err);
    if (rc == 0 && any)
        rc = part_writer_finish(m->writer, pairs, m->table.n, out, m->err);
    if (rc == 0 && *out)
        atomic_set_relaxed(&(*out)->applied, deleted->generation); // nobody else has it yet
    tombstone_set_unref(deleted);
    return rc;
}

int merge_parts(struct store *s, struct part *const *parts, size_t n, struct part **out,
                struct err *err)
{
    struct input inputs[MERGE_MAX] = {0};
    struct merge m = {.store = s, .inputs = inputs, .n = n, .err = err};
    char *dir = NULL;
    if (NEVER(n > MERGE_MAX))
        return err_set(err, ERR_INTERNAL, "merge: too many parts");
    int rc = day_dir_make(s->fs, s->table_dir, parts[0]->day, &dir, err);
    if (rc == 0)
        rc = part_writer_new(s->fs, dir, parts[0]->day, parts[0]->seq_lo, parts[n - 1]->seq_hi,
                             &m.writer, err);
    free(dir);
    if (rc != 0)
        return rc;
    merge_init(&m);
    int64_t began = time_now_mono_ns();
    rc = write_merged(&m, parts, out);
    if (rc == 0) {
        self_add(&merged_rows_total, part_writer_rows(m.writer));
        self_observe(&merge_seconds, (double)(time_now_mono_ns() - began) / 1e9);
    }
    merge_done(&m);
    part_writer_free(m.writer);
    return rc;
}

int merge_walk(struct store *s, struct part *const *parts, size_t n, const struct merge_sink *sink,
               struct err *err)
{
    struct input inputs[MERGE_MAX] = {0};
    struct merge m = {.store = s, .inputs = inputs, .n = n, .sink = sink, .err = err};
    struct label *pairs = NULL;
    if (NEVER(n > MERGE_MAX))
        return err_set(err, ERR_INTERNAL, "merge: too many parts");
    merge_init(&m);
    struct tombstone_set *deleted = tombstones_get(&s->tombstones);
    m.tombstones = deleted;
    m.keep = (struct keep){.all_ms = INT64_MIN}; // also what is about to go is rolled up
    int rc = run(&m, parts, &pairs);
    if (rc == 0 && pairs)
        rc = sink->finish(sink->self, pairs, m.table.n, err);
    tombstone_set_unref(deleted);
    merge_done(&m);
    return rc;
}
