/* Checking a part: every block is decoded and compared with what the index says of it, the index
 * with itself and with the footer.
 *
 * A posting says again what the streams say. They are compared without building either a second
 * time: for each label pair the hashes of its streams are summed up, once over the streams and once
 * over the posting. */
#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/time.h"
#include "store/embedded/aggregate_table.h"
#include "store/embedded/check.h"
#include "store/embedded/columns.h"
#include "store/embedded/label_table.h"
#include "store/embedded/part_format.h"
#include "store/embedded/part_view.h"
#include "store/embedded/posting.h"

enum { TOLD_MAX = 5 }; /* damaged blocks of a part that are told one by one */

/* How many streams, and the sum of their hashes. */
struct members {
    uint64_t n, sum;
};

struct part_check {
    struct check *check;
    struct part *part;
    struct arena arena, histograms;
    struct part_view view;
    struct columns rows;
    struct aggregates buckets;
    struct members *of_pair;
    uint32_t *last; /* pairs of the stream before */
    size_t n_last, cap_last;
    uint64_t blocks, damaged_blocks, n_rows, block_bytes;
    int64_t min_ms, max_ms;
    bool index_damaged; /* sums mean nothing then */
};

#define DAMAGE(p, ...) check_damage((p)->check, (p)->part->path, __VA_ARGS__)

static int no_memory(struct part_check *p)
{
    return err_set(p->check->err, ERR_NOMEM, "check %s: out of memory", p->part->path);
}

/* --- blocks ----------------------------------------------------------------------------------- */

static const char *compare_block(const struct part_check *p, const struct part_block *b)
{
    const struct columns *c = &p->rows;
    int64_t from = p->part->day * MS_PER_DAY;
    if (c->n != b->rows)
        return "has not as many rows as the index says";
    if (c->t_unix_ms[0] != b->min_ms || c->t_unix_ms[c->n - 1] != b->max_ms)
        return "has other times than the index says";
    if (b->min_ms < from || b->max_ms >= from + MS_PER_DAY)
        return "has rows of another day";
    return NULL;
}

static const char *compare_buckets(const struct part_check *p, const struct part_block *b)
{
    const struct aggregate *v = p->buckets.v;
    int64_t from = p->part->day * MS_PER_DAY; // where a bucket ends that has one sample of the day
    bool aligned = true;
    if (p->buckets.n != b->rows)
        return "has not as many buckets as the index says";
    if (v[0].t_unix_ms != b->min_ms || v[b->rows - 1].t_unix_ms != b->max_ms)
        return "has other times than the index says";
    if (b->min_ms < from || b->max_ms > from + MS_PER_DAY)
        return "has buckets of another day";
    for (size_t i = 0; i < b->rows; i++)
        aligned &= v[i].t_unix_ms % p->part->resolution_ms == 0;
    return aligned ? NULL : "has buckets that end between multiples of the resolution";
}

static int read_block(struct part_check *p, const struct part_block *b)
{
    columns_reset(&p->rows);
    p->buckets.n = 0;
    arena_reset(&p->histograms);
    return p->part->resolution_ms ? aggregates_read_block(p->part, b, &p->buckets)
                                  : part_read_block(p->part, b, &p->rows);
}

static int check_block(struct part_check *p, const struct part_block *b)
{
    int rc = read_block(p, b);
    if (rc == ERR_NOMEM)
        return no_memory(p);
    const char *what = rc != 0 ? "does not match its checksum, or cannot be decoded"
                       : p->part->resolution_ms ? compare_buckets(p, b)
                                                : compare_block(p, b);
    if (what && p->damaged_blocks++ < TOLD_MAX)
        DAMAGE(p, "the block at %llu (%lu rows) %s", (unsigned long long)b->offset,
               (unsigned long)b->rows, what);
    p->blocks++;
    p->n_rows += b->rows;
    p->block_bytes += b->size;
    p->min_ms = MIN(p->min_ms, b->min_ms);
    p->max_ms = MAX(p->max_ms, b->max_ms);
    return 0;
}

static int check_blocks(struct part_check *p, const struct part_stream *st, uint32_t ordinal)
{
    int rc = 0;
    bool overlap = false;
    for (uint32_t i = 0; rc == 0 && i < st->n_blocks; i++) {
        overlap |= i && st->blocks[i].min_ms <= st->blocks[i - 1].max_ms;
        rc = check_block(p, &st->blocks[i]);
    }
    if (overlap)
        DAMAGE(p, "blocks of stream %lu overlap in time", (unsigned long)ordinal);
    if (st->n_blocks == 0)
        DAMAGE(p, "stream %lu has no blocks", (unsigned long)ordinal);
    return rc;
}

/* --- streams ---------------------------------------------------------------------------------- */

static int remember(struct part_check *p, const struct part_stream *st)
{
    if (st->n_pairs > p->cap_last) {
        uint32_t *v = realloc(p->last, (size_t)st->n_pairs * 2 * sizeof *v);
        if (!v)
            return no_memory(p);
        p->last = v;
        p->cap_last = (size_t)st->n_pairs * 2;
    }
    if (st->n_pairs)
        memcpy(p->last, st->pairs, st->n_pairs * sizeof *p->last);
    p->n_last = st->n_pairs;
    return 0;
}

static int check_stream(struct part_check *p, const struct part_stream *st, uint32_t ordinal)
{
    if (ordinal && ranks_cmp(p->last, p->n_last, st->pairs, st->n_pairs) >= 0)
        DAMAGE(p, "stream %lu is not in the order of labels", (unsigned long)ordinal);
    for (uint32_t i = 0; i < st->n_pairs; i++) {
        struct members *m = &p->of_pair[st->pairs[i]];
        m->n++;
        m->sum += hash_u64((uint64_t)ordinal + 1);
    }
    int rc = remember(p, st);
    return rc == 0 ? check_blocks(p, st, ordinal) : rc;
}

static bool pairs_are_known(const struct part_check *p, const struct part_stream *st)
{
    bool known = true;
    for (uint32_t i = 0; i < st->n_pairs; i++)
        known &= st->pairs[i] < p->part->n_pairs;
    return known;
}

static int check_streams(struct part_check *p)
{
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < p->part->n_streams; i++) {
        struct part_stream st;
        rc = part_stream(&p->view, i, &st);
        if (rc == ERR_CORRUPT || (rc == 0 && !pairs_are_known(p, &st))) {
            DAMAGE(p, "streams %lu to %lu of the index are damaged", (unsigned long)i,
                   (unsigned long)MIN(i | (PART_STREAMS - 1), p->part->n_streams - 1));
            p->index_damaged = true;
            i |= PART_STREAMS - 1;
            p->n_last = 0;
            rc = 0;
            continue;
        }
        rc = rc == 0 ? check_stream(p, &st, i) : no_memory(p);
    }
    return rc;
}

/* --- texts and postings ----------------------------------------------------------------------- */

static bool add_member(uint32_t ordinal, void *arg)
{
    struct members *m = arg;
    m->n++;
    m->sum += hash_u64((uint64_t)ordinal + 1);
    return true;
}

static struct members members_of(const roaring_bitmap_t *posting)
{
    struct members m = {0};
    (void)roaring_iterate(posting, add_member, &m); // never stops early
    return m;
}

static bool same(struct members a, struct members b)
{
    return a.n == b.n && a.sum == b.sum;
}

/* Text and posting of one pair; `before`: text of the pair before, of the same name. */
static int check_pair(struct part_check *p, uint32_t pair, bool first, struct str *before,
                      roaring_bitmap_t *scratch)
{
    struct label label;
    roaring_bitmap_clear(scratch);
    int rc = part_pair(&p->view, pair, &label);
    if (rc == 0)
        rc = part_posting(&p->view, pair, scratch);
    if (rc != 0)
        return rc;
    if (!first && str_cmp(*before, label.value) >= 0)
        DAMAGE(p, "values of label \"%.*s\" are not in order", STR_ARG(label.name));
    if (label.value.n == 0)
        DAMAGE(p, "label \"%.*s\" has an empty value", STR_ARG(label.name));
    if (!p->index_damaged && !same(p->of_pair[pair], members_of(scratch)))
        DAMAGE(p, "the posting of %.*s=\"%.*s\" has other streams than have the label",
               STR_ARG(label.name), STR_ARG(label.value));
    *before = label.value;
    return 0;
}

static void check_name(struct part_check *p, const struct part_name *name,
                       roaring_bitmap_t *scratch)
{
    struct members all = {0};
    for (uint32_t i = name->first; i < name->first + name->count; i++) {
        all.n += p->of_pair[i].n;
        all.sum += p->of_pair[i].sum;
    }
    roaring_bitmap_clear(scratch);
    struct reader r = reader_of(name->posting.p, name->posting.n);
    posting_decode(&r, p->part->n_streams, scratch);
    if (r.bad || (!p->index_damaged && !same(all, members_of(scratch))))
        DAMAGE(p, "the posting of label \"%.*s\" has other streams than have it",
               STR_ARG(name->text));
}

/* The view keeps what it decodes: it begins anew with each chunk, so that a large index does not
 * have to fit into memory. */
static int restart_view(struct part_check *p)
{
    part_view_done(&p->view);
    arena_reset(&p->arena);
    return part_view_init(&p->view, p->part, NULL, &p->arena) == 0 ? 0 : no_memory(p);
}

static int check_values(struct part_check *p, const struct part_name *name,
                        roaring_bitmap_t *scratch)
{
    struct str before = {0};
    int rc = 0;
    for (uint32_t i = name->first; rc == 0 && i < name->first + name->count; i++) {
        bool first = i == name->first || i % PART_TEXTS == 0;
        if (i % PART_TEXTS == 0)
            rc = restart_view(p);
        if (rc == 0)
            rc = check_pair(p, i, first, &before, scratch);
        if (rc == ERR_CORRUPT) {
            DAMAGE(p, "texts or postings of label pairs %lu and on are damaged", (unsigned long)i);
            p->index_damaged = true;
            i |= PART_TEXTS - 1;
            rc = 0;
        }
    }
    return rc;
}

static int check_index(struct part_check *p)
{
    roaring_bitmap_t *scratch = roaring_bitmap_create();
    int rc = scratch ? 0 : no_memory(p);
    for (uint32_t i = 0; rc == 0 && i < p->part->n_names; i++) {
        rc = check_values(p, &p->part->names[i], scratch);
        if (rc == 0)
            check_name(p, &p->part->names[i], scratch);
    }
    if (scratch)
        roaring_bitmap_free(scratch);
    return rc == ERR_NOMEM ? no_memory(p) : rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void check_sums(struct part_check *p)
{
    const struct part *part = p->part;
    if (p->damaged_blocks > TOLD_MAX)
        DAMAGE(p, "%llu of %llu blocks are damaged", (unsigned long long)p->damaged_blocks,
               (unsigned long long)p->blocks);
    if (p->index_damaged)
        return;
    if (p->n_rows != part->rows)
        DAMAGE(p, "the blocks have %llu rows; the footer says %llu", (unsigned long long)p->n_rows,
               (unsigned long long)part->rows);
    if (p->min_ms != part->min_ms || p->max_ms != part->max_ms)
        DAMAGE(p, "the blocks have other times than the footer says");
    if (p->block_bytes != part->data_end - PART_HEADER)
        DAMAGE(p, "there are bytes between the blocks that belong to none");
}

static int check_content(struct part_check *p)
{
    p->of_pair = calloc((size_t)p->part->n_pairs + 1, sizeof *p->of_pair);
    if (!p->of_pair || part_view_init(&p->view, p->part, NULL, &p->arena) != 0)
        return no_memory(p);
    int rc = check_streams(p);
    if (rc == 0)
        rc = check_index(p);
    if (rc == 0)
        check_sums(p);
    return rc;
}

static int check_open_part(struct check *c, struct part *part)
{
    struct part_check p = {.check = c, .part = part, .min_ms = INT64_MAX, .max_ms = INT64_MIN};
    arena_init(&p.arena, 1 << 30);
    arena_init(&p.histograms, 256 << 20);
    columns_init(&p.rows, &p.histograms);
    aggregates_init(&p.buckets, AGGREGATE_ALL, &p.histograms);
    int rc = check_content(&p);
    c->totals->streams += part->n_streams;
    c->totals->blocks += p.blocks;
    c->totals->rows += p.n_rows;
    part_view_done(&p.view);
    aggregates_done(&p.buckets);
    columns_done(&p.rows);
    arena_done(&p.histograms);
    arena_done(&p.arena);
    free(p.of_pair);
    free(p.last);
    return rc;
}

/* *out NULL: it is damaged, which was told. */
static int open_part(struct check *c, const char *path, struct part **out)
{
    struct err why = {0};
    *out = NULL;
    int rc = part_open(c->fs, path, out, &why);
    c->totals->files++;
    c->totals->parts++;
    if (rc == ERR_CORRUPT || rc == ERR_UNSUPPORTED) {
        check_damage(c, path, "%s", why.message);
        return 0;
    }
    if (rc != 0)
        return err_set(c->err, rc, "%s", why.message);
    c->totals->bytes += (*out)->size;
    return 0;
}

int check_part(struct check *c, const char *path, int64_t day, uint64_t lo, uint64_t hi)
{
    struct part *p;
    int rc = open_part(c, path, &p);
    if (rc != 0 || !p)
        return rc;
    if (p->table != PART_TABLE_METRICS || p->day != day || p->seq_lo != lo || p->seq_hi != hi)
        check_damage(c, path, "is of another day or sequence than its name says");
    else
        rc = check_open_part(c, p);
    part_unref(p);
    return rc;
}

int check_aggregate_part(struct check *c, const char *path, int64_t day, int64_t resolution_ms)
{
    struct part *p;
    int rc = open_part(c, path, &p);
    if (rc != 0 || !p)
        return rc;
    if (p->table != PART_TABLE_AGGREGATES || p->day != day || p->resolution_ms != resolution_ms)
        check_damage(c, path, "is of another day or resolution than its place says");
    else
        rc = check_open_part(c, p);
    part_unref(p);
    return rc;
}
