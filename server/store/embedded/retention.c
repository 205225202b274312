/* What is too old goes from the disk.
 *
 * A day of which nothing is kept any more goes as a whole. A day that is over for some streams but
 * not for others is rewritten without them, part by part: each part remembers for which state of
 * the rules it was looked at, so this costs nothing when nothing changed. Readers do not wait for
 * any of this: keep.h hides what is too old to the millisecond. */
#include "store/embedded/retention.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/time.h"
#include "self/self.h"
#include "store/embedded/damage.h"
#include "store/embedded/keep.h"
#include "store/embedded/merge.h"
#include "store/embedded/partitions.h"
#include "store/embedded/size_limit.h"

static struct self_metric rewritten_total =
    SELF_COUNTER("telltale_store_parts_expired_total",
                 "Parts rewritten without series whose own retention is over.");

/* --- whole days ------------------------------------------------------------------------------- */

int retention_apply(struct store *s, struct err *err)
{
    int64_t *days = NULL;
    size_t n = 0;
    int64_t min_ms = retention_min_ms(s);
    int rc = 0;
    if (partition_days(s, &days, &n) != 0)
        return err_set(err, ERR_NOMEM, "retention: out of memory");
    for (size_t i = 0; rc == 0 && i < n && (days[i] + 1) * MS_PER_DAY <= min_ms; i++) {
        rc = partition_drop(s, days[i], err);
        size_limit_note("metrics", days[i], "age");
    }
    free(days);
    return rc;
}

/* --- some streams of a day -------------------------------------------------------------------- */

struct expiring {
    struct store *store;
    struct keep keep;
    int64_t end_ms; /* the last millisecond of the day */
    uint64_t mark;
    struct err *err;
};

/* 1 when the part has streams of which the whole day is over. */
static int has_expired(struct expiring *x, struct part *p)
{
    struct arena arena;
    struct part_view v;
    roaring_bitmap_t *expired = NULL;
    arena_init(&arena, 1u << 30);
    int rc = part_view_init(&v, p, &x->store->chunks, &arena);
    if (rc == 0) {
        rc = keep_expired(&x->keep, &v, x->end_ms, &expired, x->err);
        part_view_done(&v);
    }
    arena_done(&arena);
    if (rc == 0 && expired)
        rc = 1;
    if (expired)
        roaring_bitmap_free(expired);
    return rc;
}

static int rewrite_part(struct expiring *x, struct part *p)
{
    struct part *left = NULL;
    int rc = merge_replace(x->store, &p, 1, &left, x->err);
    if (rc != 0)
        return rc;
    if (left)
        left->kept = x->mark;
    self_add(&rewritten_total, 1);
    return 1;
}

static int expire_part(struct expiring *x, struct part *p)
{
    if (p->kept == x->mark || atomic_get_relaxed(&p->damaged))
        return 0;
    int rc = has_expired(x, p);
    if (rc == ERR_CORRUPT) {
        damage_note_part(x->store, p);
        return 0;
    }
    if (rc == 0)
        p->kept = x->mark;
    return rc == 1 ? rewrite_part(x, p) : rc;
}

/* 1 when a part was rewritten: others may be gone with it. */
static int expire_parts(struct expiring *x, int64_t day)
{
    struct part **parts = NULL;
    size_t n = 0;
    if (partition_parts(x->store, day, &parts, &n) != 0)
        return ERR_NOMEM;
    int rc = 0;
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = expire_part(x, parts[i]);
        part_unref(parts[i]);
    }
    free(parts);
    return rc;
}

static int expire_day(struct expiring *x, int64_t day)
{
    int rc = 1;
    x->end_ms = (day + 1) * MS_PER_DAY - 1;
    x->mark = keep_mark(&x->keep, x->end_ms);
    while (rc == 1)
        rc = expire_parts(x, day);
    return rc;
}

int retention_rewrite(struct store *s, struct err *err)
{
    struct err why = {0};
    struct expiring x = {.store = s, .keep = keep_begin(s), .err = &why};
    int64_t *days = NULL;
    size_t n = 0;
    int rc = x.keep.rules ? partition_days(s, &days, &n) : 0;
    for (size_t i = 0; rc == 0 && i < n && (days[i] + 1) * MS_PER_DAY <= x.keep.all_ms; i++)
        rc = expire_day(&x, days[i]);
    free(days);
    keep_end(&x.keep);
    return rc >= 0 ? rc
                   : err_set(err, rc, "retention: %s", why.message[0] ? why.message : err_name(rc));
}
