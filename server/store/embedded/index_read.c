/* Asking the index: for the streams of a label as match.c wants them, and for names and values as
 * people do. */
#include <roaring/roaring.h>

#include "base/compiler.h"
#include "store/embedded/index.h"

/* --- folding ---------------------------------------------------------------------------------- */

/* What is asked for is folded before it is read, so that the next who asks finds it done; without
 * memory it is read as it is. The lock is held for reading, and given back in between: names and
 * pairs stay, for the evict lock is held, too. */
static void fold(struct index *x, struct stream_ids *const *ids)
{
    if (LIKELY(!stream_ids_are_ragged(*ids)))
        return;
    rwlock_give(&x->lock);
    rwlock_take_write(&x->lock);
    (void)stream_ids_fold(*ids); // a set that is not folded is as good
    rwlock_give(&x->lock);
    rwlock_take_read(&x->lock);
}

static void fold_pair(struct index *x, const struct pair *p)
{
    if (p->posted == POSTED_MANY)
        fold(x, &p->posting.many);
}

/* --- as a source of postings ------------------------------------------------------------------ */

static int source_all(void *self, roaring_bitmap_t *out)
{
    struct index *x = self;
    int rc = index_settle(x);
    rwlock_take_read(&x->lock);
    fold(x, &x->streams);
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
    if (name) {
        fold(x, &name->streams);
        stream_ids_or(name->streams, out);
    }
    rwlock_give(&x->lock);
    return rc;
}

static int source_with_value(void *self, struct str text, struct str value, roaring_bitmap_t *out)
{
    struct index *x = self;
    int rc = index_settle(x);
    rwlock_take_read(&x->lock);
    const struct pair *p = index_find_pair(x, (struct label){text, value});
    if (p) {
        fold_pair(x, p);
        pair_or(p, out);
    }
    rwlock_give(&x->lock);
    return rc;
}

/* --- values that pass a filter ---------------------------------------------------------------- */

/* Some values at a time: a regular expression over a million values must not keep new streams
 * waiting. Between two steps the array of values can only grow (removal needs the evict lock). */
enum { SCAN_STEP = 1024 };

struct scan {
    struct index *x;
    struct index_name *name;
    struct str prefix;
    value_filter *filter;
    void *arg;
    roaring_bitmap_t *out;
};

static int take_if_wanted(const struct scan *s, const struct pair *p)
{
    int take = s->filter(s->arg, str_of(p->value, p->value_n));
    if (take > 0) {
        fold_pair(s->x, p);
        pair_or(p, s->out);
    }
    return MIN(take, 0);
}

/* The values from `from` on, in no order. */
static int scan_step(const struct scan *s, uint32_t from, uint32_t *out_n)
{
    uint32_t end = MIN(s->name->n, from + SCAN_STEP);
    int rc = 0;
    for (uint32_t i = from; rc == 0 && i < end; i++) {
        const struct pair *p = index_pair(s->x, s->name->pairs[i]);
        if (str_starts(str_of(p->value, p->value_n), s->prefix))
            rc = take_if_wanted(s, p);
    }
    *out_n = end - MIN(from, end);
    return rc;
}

static int scan_from(const struct scan *s, uint32_t from, uint32_t *out_n)
{
    uint32_t n = SCAN_STEP;
    int rc = 0;
    *out_n = 0;
    while (rc == 0 && n > 0) {
        rwlock_take_read(&s->x->lock);
        rc = scan_step(s, from + *out_n, &n);
        rwlock_give(&s->x->lock);
        *out_n += n;
    }
    return rc;
}

/* The values after `last` (NULL: all) with the prefix, in order. *last: where to go on, or NULL
 * when there are no more. The order may be another, and longer, at the next step. */
static int walk_step(const struct scan *s, const struct pair **last)
{
    const struct value_order *o = &s->name->order;
    struct str from = *last ? str_of((*last)->value, (*last)->value_n) : s->prefix;
    uint32_t i = value_order_find(s->x, o, from, *last != NULL), end = MIN(o->n, i + SCAN_STEP);
    int rc = 0;
    for (*last = NULL; rc == 0 && i < end; i++) {
        const struct pair *p = index_pair(s->x, o->pairs[i]);
        if (!str_starts(str_of(p->value, p->value_n), s->prefix)) {
            *last = NULL;
            return 0;
        }
        rc = take_if_wanted(s, p);
        *last = p;
    }
    return rc;
}

/* *out_n: so many of the name's values are in order. */
static int walk(const struct scan *s, uint32_t *out_n)
{
    const struct pair *last = NULL;
    int rc = 0;
    *out_n = 0;
    for (bool first = true; rc == 0 && (first || last); first = false) {
        rwlock_take_read(&s->x->lock);
        if (first)
            *out_n = s->name->order.n;
        rc = walk_step(s, &last);
        rwlock_give(&s->x->lock);
    }
    return rc;
}

static struct index_name *find_name(struct index *x, struct str text)
{
    rwlock_take_read(&x->lock);
    struct index_name *name = map_get(&x->names, text);
    rwlock_give(&x->lock);
    return name; // names are removed only under the evict lock
}

static int source_with_values(void *self, struct str text, struct str prefix, value_filter *filter,
                              void *arg, roaring_bitmap_t *out)
{
    struct index *x = self;
    struct scan s = {x, find_name(x, text), prefix, filter, arg, out};
    uint32_t sorted = 0, n = 0;
    int rc = index_settle(x);
    if (rc != 0 || !s.name)
        return rc;
    if (prefix.n)
        rc = walk(&s, &sorted);
    if (rc == 0)
        rc = scan_from(&s, sorted, &n);
    if (rc == 0 && prefix.n && value_order_is_due(&s.name->order, n, sorted + n))
        value_order_make(x, s.name);
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
        if (within)
            fold_pair(x, p);
        if (!within || pair_meets(p, within))
            rc = each(arg, str_of(p->value, p->value_n), p->count);
    }
    rwlock_give(&x->lock);
    return rc;
}
