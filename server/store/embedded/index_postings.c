/* The postings of the index: which streams have a pair, or a name, by runs of their numbers. */
#include <roaring/roaring.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/word.h"
#include "store/embedded/index.h"

/* --- one pair --------------------------------------------------------------------------------- */

static int from_one_to_many(struct pair *p, uint32_t first, uint32_t n)
{
    struct stream_ids *many = NULL;
    int rc = p->posted ? stream_ids_add(&many, p->posting.one, 1) : 0;
    if (rc == 0)
        rc = stream_ids_add(&many, first, n);
    if (rc != 0) {
        stream_ids_free(many);
        return rc;
    }
    p->posting.many = many;
    p->posted = POSTED_MANY;
    return 0;
}

static int post(struct pair *p, uint32_t first, uint32_t n)
{
    if (p->posted == POSTED_MANY)
        return stream_ids_add(&p->posting.many, first, n);
    if (p->posted == 1 || n > 1)
        return from_one_to_many(p, first, n);
    p->posting.one = first;
    p->posted = 1;
    return 0;
}

static void unpost(struct pair *p, uint32_t id)
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

/* Into the pair's posting and, if it is there, the set of its name's streams. */
static int pair_post(struct pair *p, uint32_t first, uint32_t n)
{
    struct index_name *name = p->name;
    int rc = name->with_streams ? stream_ids_reserve(&name->streams, first) : 0;
    if (rc == 0)
        rc = post(p, first, n);
    if (rc != 0)
        return rc;
    if (name->with_streams)
        (void)stream_ids_add(&name->streams, first, n); // there is room
    p->count += n;
    name->n_streams += n;
    return 0;
}

int pair_fold(struct pair *p)
{
    int rc = p->posted == POSTED_MANY ? stream_ids_fold(p->posting.many) : 0;
    return rc == 0 && p->name->with_streams ? stream_ids_fold(p->name->streams) : rc;
}

void pair_unpost(struct pair *p, uint32_t id)
{
    unpost(p, id);
    if (p->name->with_streams)
        stream_ids_remove(&p->name->streams, id);
    p->count--;
    p->name->n_streams--;
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

/* --- open runs -------------------------------------------------------------------------------- */

static int end_run(struct index *x, uint32_t i)
{
    struct open_runs *o = &x->open;
    uint32_t n = o->end - o->first[i];
    int rc = n ? pair_post(index_pair_at(x, o->pairs[i]), o->first[i], n) : 0;
    if (rc == 0)
        o->first[i] = o->end;
    return rc;
}

int index_settle_locked(struct index *x)
{
    struct open_runs *o = &x->open;
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < o->n; i++)
        rc = end_run(x, i);
    if (rc == 0 && o->end > o->all)
        rc = stream_ids_add(&x->streams, o->all, o->end - o->all);
    if (rc == 0)
        o->all = o->end;
    return rc;
}

int index_settle(struct index *x)
{
    rwlock_take_read(&x->lock);
    bool settled = index_is_settled(x);
    rwlock_give(&x->lock);
    if (settled)
        return 0;
    rwlock_take_write(&x->lock);
    int rc = index_settle_locked(x);
    rwlock_give(&x->lock);
    return rc;
}

bool index_is_open(const struct index *x, uint32_t pair)
{
    for (uint32_t i = 0; i < x->open.n; i++)
        if (x->open.pairs[i] == pair && x->open.first[i] < x->open.end)
            return true;
    return false;
}

/* Ends the runs of pairs that the stream with the number `end` does not have, and begins its own.
 */
static int change_runs(struct index *x, const uint32_t *pairs, uint32_t n)
{
    struct open_runs *o = &x->open;
    int rc = 0;
    uint32_t both = MIN(n, o->n);
    for (uint32_t i = 0; rc == 0 && i < MAX(n, o->n); i++) {
        while (i + 1 < both && load64(o->pairs + i) == load64(pairs + i))
            i += 2; // two at a time
        if (i < both && o->pairs[i] == pairs[i])
            continue;
        rc = i < o->n ? end_run(x, i) : 0;
        if (rc == 0 && i < n) {
            o->pairs[i] = pairs[i];
            o->first[i] = o->end;
            o->n = MAX(o->n, i + 1);
        }
    }
    return rc;
}

int index_post(struct index *x, uint32_t id, const uint32_t *pairs, uint32_t n)
{
    struct open_runs *o = &x->open;
    if (NEVER(n > OPEN_RUNS))
        return ERR_TOO_BIG;
    if (id != o->end) {
        int rc = index_settle_locked(x);
        if (rc != 0)
            return rc;
        o->n = 0;
        o->all = o->end = id;
    }
    int rc = change_runs(x, pairs, n);
    if (rc != 0)
        return rc;
    o->n = n;
    o->end++;
    return 0;
}

/* --- a name's streams ------------------------------------------------------------------------- */

int index_name_settle_locked(struct index *x, struct index_name *name)
{
    int rc = index_settle_locked(x);
    if (rc != 0 || name->with_streams)
        return rc;
    roaring_bitmap_t *all = roaring_bitmap_create();
    for (uint32_t i = 0; all && i < name->n; i++)
        pair_or(index_pair(x, name->pairs[i]), all);
    name->streams = all ? stream_ids_of(all) : NULL;
    name->with_streams = name->streams;
    if (all && !name->streams)
        roaring_bitmap_free(all);
    return name->streams ? 0 : ERR_NOMEM;
}
