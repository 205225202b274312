/* The postings of the index: how streams get into them, thousands at a time and sorted by id. */
#include <roaring/roaring.h>

#include "base/compiler.h"
#include "base/err.h"
#include "store/embedded/index.h"

/* --- one pair --------------------------------------------------------------------------------- */

static int first_two(struct pair *p, uint32_t id)
{
    struct stream_ids *many = NULL;
    int rc = stream_ids_add(&many, p->posting.one);
    if (rc == 0)
        rc = stream_ids_add(&many, id);
    if (rc != 0) {
        stream_ids_free(many);
        return rc;
    }
    p->posting.many = many;
    p->posted = POSTED_MANY;
    return 0;
}

static int pair_post(struct pair *p, uint32_t id)
{
    if (p->posted == POSTED_MANY)
        return stream_ids_add(&p->posting.many, id);
    if (p->posted == 1)
        return first_two(p, id);
    p->posting.one = id;
    p->posted = 1;
    return 0;
}

void pair_unpost(struct pair *p, uint32_t id)
{
    if (p->posted != POSTED_MANY) {
        p->posted = 0;
        return;
    }
    stream_ids_remove(&p->posting.many, id);
    if (stream_ids_count(p->posting.many) > 1)
        return;
    struct stream_ids *many = p->posting.many;
    (void)stream_ids_some(many, &p->posting.one, 1);
    stream_ids_free(many);
    p->posted = 1;
}

void pair_or(const struct pair *p, roaring_bitmap_t *out)
{
    if (p->posted == 1)
        roaring_bitmap_add(out, p->posting.one);
    else if (p->posted == POSTED_MANY)
        stream_ids_or(p->posting.many, out);
}

bool pair_meets(const struct pair *p, const roaring_bitmap_t *within)
{
    if (p->posted == 1)
        return roaring_bitmap_contains(within, p->posting.one);
    return p->posted == POSTED_MANY && stream_ids_meet(p->posting.many, within);
}

size_t pair_streams(const struct pair *p, uint32_t *out, size_t max)
{
    if (p->posted == POSTED_MANY)
        return stream_ids_some(p->posting.many, out, max);
    if (p->posted == 0 || max == 0)
        return 0;
    *out = p->posting.one;
    return 1;
}

/* --- all of the young ------------------------------------------------------------------------- */

enum { RADIX_BITS = 8, RADIX = 1 << RADIX_BITS };

static void sort_by_digit(const struct young_stream *v, struct young_stream *out, uint32_t n,
                          unsigned shift)
{
    uint32_t at[RADIX] = {0}, sum = 0;
    for (uint32_t i = 0; i < n; i++)
        at[v[i].id >> shift & (RADIX - 1)]++;
    for (size_t i = 0; i < RADIX; i++) {
        uint32_t count = at[i];
        at[i] = sum;
        sum += count;
    }
    for (uint32_t i = 0; i < n; i++)
        out[at[v[i].id >> shift & (RADIX - 1)]++] = v[i];
}

/* By id; digits that all have in common, as the high ones mostly are, are passed over. */
static void sort_young(struct index *x)
{
    struct young_stream *v = x->young, *other = x->young + YOUNG_STREAMS;
    uint32_t differ = 0;
    for (uint32_t i = 1; i < x->n_young; i++)
        differ |= v[i].id ^ v[0].id;
    for (unsigned shift = 0; shift < 32; shift += RADIX_BITS) {
        if ((differ >> shift & (RADIX - 1)) == 0)
            continue;
        sort_by_digit(v, other, x->n_young, shift);
        struct young_stream *was = v;
        v = other;
        other = was;
    }
    if (v != x->young)
        memcpy(x->young, v, x->n_young * sizeof *v);
}

static int post_pair(struct pair *p, uint32_t id)
{
    int rc = pair_post(p, id);
    if (rc != 0 || !p->name->with_streams)
        return rc;
    rc = stream_ids_add(&p->name->streams, id);
    if (rc != 0)
        pair_unpost(p, id);
    return rc;
}

static void unpost_pair(struct pair *p, uint32_t id)
{
    pair_unpost(p, id);
    if (p->name->with_streams)
        stream_ids_remove(&p->name->streams, id);
}

static void unpost_stream(struct index *x, const struct young_stream *st, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!young_is_posted(st, i))
            unpost_pair(index_pair_at(x, st->pairs[i]), st->id);
}

/* Into all of its postings, or none more. */
static int post_stream(struct index *x, const struct young_stream *st)
{
    int rc = 0;
    for (uint32_t i = 0; i < st->n; i++) {
        if (young_is_posted(st, i))
            continue;
        rc = post_pair(index_pair_at(x, st->pairs[i]), st->id);
        if (rc != 0) {
            unpost_stream(x, st, i);
            return rc;
        }
    }
    rc = stream_ids_add(&x->streams, st->id);
    if (rc != 0)
        unpost_stream(x, st, st->n);
    return rc;
}

/* How many streams before its turn a stream's pairs are asked for: sorted, they lie all over. */
enum { SETTLE_AHEAD = 8 };

static void ask_for(const struct index *x, uint32_t i)
{
    if (i >= x->n_young)
        return;
    const uint32_t *pairs = x->young[i].pairs;
    PREFETCH(pairs);
    PREFETCH(pairs + MIN(x->young[i].n, 16) - 1);
}

/* Posts the first `n` in the order of ids. */
static int settle(struct index *x, uint32_t n)
{
    sort_young(x);
    uint32_t done = 0;
    int rc = 0;
    for (; done < n; done++) {
        ask_for(x, done + SETTLE_AHEAD);
        rc = post_stream(x, &x->young[done]);
        if (rc != 0)
            break;
    }
    x->n_young -= done;
    memmove(x->young, x->young + done, x->n_young * sizeof *x->young);
    return rc;
}

int index_settle_locked(struct index *x)
{
    return settle(x, x->n_young);
}

int index_settle_oldest(struct index *x)
{
    return settle(x, x->n_young / 4 * 3);
}

int index_settle(struct index *x)
{
    rwlock_take_read(&x->lock);
    bool young = x->n_young > 0;
    rwlock_give(&x->lock);
    if (!young)
        return 0;
    rwlock_take_write(&x->lock);
    int rc = index_settle_locked(x);
    rwlock_give(&x->lock);
    return rc;
}

/* --- a name's streams ------------------------------------------------------------------------- */

static int add_each(struct stream_ids **ids, const roaring_bitmap_t *all)
{
    int rc = 0;
    roaring_uint32_iterator_t at;
    roaring_init_iterator(all, &at);
    for (; rc == 0 && at.has_value; roaring_advance_uint32_iterator(&at))
        rc = stream_ids_add(ids, at.current_value);
    return rc;
}

int index_name_settle_locked(struct index *x, struct index_name *name)
{
    int rc = index_settle_locked(x);
    if (rc != 0 || name->with_streams)
        return rc;
    roaring_bitmap_t *all = roaring_bitmap_create();
    for (uint32_t i = 0; all && i < name->n; i++)
        pair_or(index_pair(x, name->pairs[i]), all);
    rc = all ? add_each(&name->streams, all) : ERR_NOMEM;
    if (all)
        roaring_bitmap_free(all);
    name->with_streams = rc == 0;
    if (rc != 0) {
        stream_ids_free(name->streams);
        name->streams = NULL;
    }
    return rc;
}
