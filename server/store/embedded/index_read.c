/* Asking the index: for the streams of a label as match.c wants them, and for names and values as
 * people do. */
#include <roaring/roaring.h>

#include "base/compiler.h"
#include "store/embedded/index.h"

enum { SCAN_STEP = 1024 };

/* --- as a source of postings ------------------------------------------------------------------ */

static int source_all(void *self, roaring_bitmap_t *out)
{
    struct index *x = self;
    int rc = index_settle(x);
    rwlock_take_read(&x->lock);
    stream_ids_or(x->streams, out);
    rwlock_give(&x->lock);
    return rc;
}

/* The name, under the lock held for reading, with its streams. */
static int take_name(struct index *x, struct str text, const struct index_name **out)
{
    rwlock_take_read(&x->lock);
    *out = index_find_name(x, text);
    if (!*out || ((*out)->with_streams && index_is_settled(x)))
        return 0;
    rwlock_give(&x->lock);
    rwlock_take_write(&x->lock); // names are removed only under the evict lock
    int rc = index_name_settle_locked(x, map_get(&x->names, text));
    rwlock_give(&x->lock);
    rwlock_take_read(&x->lock);
    return rc;
}

static int source_with_name(void *self, struct str text, roaring_bitmap_t *out)
{
    struct index *x = self;
    const struct index_name *name;
    int rc = take_name(x, text, &name);
    if (name)
        stream_ids_or(name->streams, out);
    rwlock_give(&x->lock);
    return rc;
}

static int source_with_value(void *self, struct str text, struct str value, roaring_bitmap_t *out)
{
    struct index *x = self;
    int rc = index_settle(x);
    rwlock_take_read(&x->lock);
    const struct pair *p = index_find_pair(x, (struct label){text, value});
    if (p)
        pair_or(p, out);
    rwlock_give(&x->lock);
    return rc;
}

/* Some values at a time: a regular expression over a million values must not keep new streams
 * waiting. Between two steps the array of values can only grow (removal needs the evict lock). */
static int scan_step(struct index *x, const struct index_name *name, uint32_t from, uint32_t *out_n,
                     struct str prefix, value_filter *filter, void *arg, roaring_bitmap_t *out)
{
    uint32_t end = MIN(name->n, from + SCAN_STEP);
    int rc = 0;
    for (uint32_t i = from; rc == 0 && i < end; i++) {
        const struct pair *p = index_pair(x, name->pairs[i]);
        struct str value = {p->value, p->value_n};
        int take = str_starts(value, prefix) ? filter(arg, value) : 0;
        if (take > 0)
            pair_or(p, out);
        rc = MIN(take, 0);
    }
    *out_n = end - from;
    return rc;
}

static int source_with_values(void *self, struct str text, struct str prefix, value_filter *filter,
                              void *arg, roaring_bitmap_t *out)
{
    struct index *x = self;
    int rc = index_settle(x);
    uint32_t at = 0, n = SCAN_STEP;
    while (rc == 0 && n > 0) {
        rwlock_take_read(&x->lock);
        const struct index_name *name = index_find_name(x, text);
        n = 0;
        if (name && at < name->n)
            rc = scan_step(x, name, at, &n, prefix, filter, arg, out);
        rwlock_give(&x->lock);
        at += n;
    }
    return rc;
}

struct posting_source index_postings(struct index *x)
{
    return (struct posting_source){
        .self = x,
        .all = source_all,
        .with_name = source_with_name,
        .with_value = source_with_value,
        .with_values = source_with_values,
    };
}

/* --- names and values for people -------------------------------------------------------------- */

static bool name_meets(const struct index *x, const struct index_name *name,
                       const roaring_bitmap_t *within)
{
    if (!within || name->with_streams)
        return !within || stream_ids_meet(name->streams, within);
    for (uint32_t i = 0; i < name->n; i++)
        if (pair_meets(index_pair(x, name->pairs[i]), within))
            return true;
    return false;
}

int index_each_name(struct index *x, const roaring_bitmap_t *within, index_visit *each, void *arg)
{
    int rc = index_settle(x);
    rwlock_take_read(&x->lock);
    size_t cursor = 0;
    const struct map_entry *e;
    while (rc == 0 && (e = map_next(&x->names, &cursor))) {
        const struct index_name *name = e->value;
        if (name_meets(x, name, within))
            rc = each(arg, name->text, name->n_streams);
    }
    rwlock_give(&x->lock);
    return rc;
}

int index_each_value(struct index *x, struct str text, const roaring_bitmap_t *within,
                     index_visit *each, void *arg)
{
    int rc = index_settle(x);
    rwlock_take_read(&x->lock);
    const struct index_name *name = index_find_name(x, text);
    for (uint32_t i = 0; name && rc == 0 && i < name->n; i++) {
        const struct pair *p = index_pair(x, name->pairs[i]);
        if (!within || pair_meets(p, within))
            rc = each(arg, str_of(p->value, p->value_n), p->count);
    }
    rwlock_give(&x->lock);
    return rc;
}
