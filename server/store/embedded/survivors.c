#include "store/embedded/survivors.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "store/embedded/columns.h"

enum { ROWS_ARENA = 1 << 30 };

struct finding {
    struct part_view *view;
    struct survivors *out;
    struct arena histograms, ranges;
    struct columns rows; /* of one block */
};

/* 1 when the block has a row that is seen. A damaged one has none: a merge drops it, too. */
static int block_has_rows(struct finding *f, const struct part_block *b, const struct hidden *h)
{
    if (hidden_covers(h, b->min_ms, b->max_ms))
        return 0;
    if (!hidden_meets(h, b->min_ms, b->max_ms))
        return 1;
    columns_reset(&f->rows);
    arena_reset(&f->histograms);
    int rc = part_read_block(f->view->part, b, &f->rows);
    if (rc != 0)
        return rc == ERR_CORRUPT ? 0 : rc;
    hidden_drop(h, &f->rows, 0);
    return f->rows.n > 0;
}

static int stream_has_rows(struct finding *f, uint32_t ordinal)
{
    struct part_stream st;
    const struct hidden *h = NULL;
    arena_reset(&f->ranges);
    int rc = erasures_of(f->out->erasures, ordinal, &f->ranges, &h);
    if (rc == 0)
        rc = part_stream(f->view, ordinal, &st);
    for (uint32_t i = 0; rc == 0 && i < st.n_blocks; i++)
        rc = block_has_rows(f, &st.blocks[i], h);
    return rc;
}

static int find_erased(struct finding *f)
{
    roaring_uint32_iterator_t at;
    int rc = 0;
    if (!f->out->erasures)
        return 0;
    roaring_init_iterator(f->out->erasures->any, &at);
    for (; rc >= 0 && at.has_value; roaring_advance_uint32_iterator(&at)) {
        if (roaring_bitmap_contains(f->out->gone, at.current_value))
            continue;
        rc = stream_has_rows(f, at.current_value);
        if (rc == 0)
            roaring_bitmap_add(f->out->gone, at.current_value);
    }
    return rc < 0 ? rc : 0;
}

static int mark_pairs(struct finding *f)
{
    struct part *p = f->view->part;
    int rc = 0;
    f->out->pairs = calloc((size_t)p->n_pairs + 1, sizeof *f->out->pairs);
    if (!f->out->pairs)
        return ERR_NOMEM;
    for (uint32_t i = survivors_next(f->out, 0); rc == 0 && i < p->n_streams;
         i = survivors_next(f->out, i + 1)) {
        struct part_stream st;
        rc = part_stream(f->view, i, &st);
        for (uint32_t k = 0; rc == 0 && k < st.n_pairs; k++)
            f->out->pairs[st.pairs[k]] = true;
    }
    return rc;
}

static int find(struct finding *f)
{
    int rc = 0;
    if (!f->out->gone) // else those that are not kept
        f->out->gone = roaring_bitmap_create();
    if (!f->out->gone)
        return ERR_NOMEM;
    rc = find_erased(f);
    if (rc == 0 && !roaring_bitmap_is_empty(f->out->gone))
        rc = mark_pairs(f);
    return rc;
}

int survivors_find(struct store *s, struct part_view *v, const struct tombstone_set *set,
                   const struct keep *keep, struct survivors *out, struct err *err)
{
    *out = (struct survivors){0};
    int rc = part_erasures(s, v, set, &out->erasures, err);
    if (rc == 0)
        rc = keep_expired(keep, v, v->part->max_ms, &out->gone, err);
    if (rc != 0 || (!out->erasures && !out->gone))
        return rc;
    out->expired = out->gone && v->part->max_ms < keep->table_min_ms;
    struct finding f = {.view = v, .out = out};
    arena_init(&f.histograms, ROWS_ARENA);
    arena_init(&f.ranges, ROWS_ARENA);
    columns_init(&f.rows, &f.histograms);
    rc = find(&f);
    columns_done(&f.rows);
    arena_done(&f.ranges);
    arena_done(&f.histograms);
    return rc;
}

void survivors_done(struct survivors *x)
{
    erasures_unref(x->erasures);
    if (x->gone)
        roaring_bitmap_free(x->gone);
    free(x->pairs);
    *x = (struct survivors){0};
}

uint32_t survivors_next(const struct survivors *x, uint32_t ordinal)
{
    while (x->gone && roaring_bitmap_contains(x->gone, ordinal))
        ordinal++;
    return ordinal;
}
