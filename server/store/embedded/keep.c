#include "store/embedded/keep.h"

#include <roaring/roaring.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"

/* --- the rules -------------------------------------------------------------------------------- */

static void rules_unref(struct keep_rules *r)
{
    if (!r || !refcount_put(&r->refs))
        return;
    for (size_t i = 0; i < r->n; i++) {
        for (size_t k = 0; k < r->v[i].n; k++)
            matcher_done(&r->v[i].matchers[k]);
        free(r->v[i].matchers);
    }
    free(r);
}

static int copy_rule(const struct store_retention_rule *from, struct keep_rule *to)
{
    to->keep_ms = from->keep_ms;
    to->matchers = calloc(from->n_matchers + 1, sizeof *to->matchers);
    int rc = to->matchers ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < from->n_matchers; i++) {
        const struct matcher *m = &from->matchers[i];
        rc = matcher_init(&to->matchers[i], m->op, m->name, m->value, NULL);
        to->n += rc == 0;
    }
    return rc;
}

/* *out NULL: there are no rules. */
static int copy_rules(const struct store_retention_rules *from, struct keep_rules **out)
{
    *out = NULL;
    if (from->n == 0)
        return 0;
    struct keep_rules *r = calloc(1, sizeof *r + from->n * sizeof r->v[0]);
    if (!r)
        return ERR_NOMEM;
    refcount_init(&r->refs);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < from->n; i++) {
        r->n++;
        rc = copy_rule(&from->v[i], &r->v[i]);
    }
    if (rc == 0)
        *out = r;
    else
        rules_unref(r);
    return rc;
}

void keep_init(struct store *s)
{
    lock_init(&s->keep_lock, LOCK_LEAF);
}

void keep_done(struct store *s)
{
    rules_unref(s->keep_rules);
    lock_done(&s->keep_lock);
}

static int64_t longest(int64_t table_ms, const struct keep_rules *r)
{
    int64_t keep_ms = table_ms;
    for (size_t i = 0; r && i < r->n; i++)
        keep_ms = MAX(keep_ms, r->v[i].keep_ms);
    return keep_ms;
}

static int64_t shortest(int64_t table_ms, const struct keep_rules *r)
{
    int64_t keep_ms = table_ms;
    for (size_t i = 0; r && i < r->n; i++)
        keep_ms = MIN(keep_ms, r->v[i].keep_ms);
    return keep_ms;
}

int keep_set(struct store *s, const struct store_options *o)
{
    int64_t table_ms = o->retention_ms ? o->retention_ms : 30 * MS_PER_DAY;
    struct keep_rules *rules = NULL;
    int rc = copy_rules(&o->retention_rules, &rules);
    if (rc != 0)
        return rc;
    lock_take(&s->keep_lock);
    struct keep_rules *old = s->keep_rules;
    if (rules)
        rules->generation = ++s->keep_generation;
    s->keep_rules = rules;
    s->keep_table_ms = table_ms;
    atomic_set_relaxed(&s->retention_ms, longest(table_ms, rules));
    lock_give(&s->keep_lock);
    rules_unref(old);
    return 0;
}

/* --- what is kept now ------------------------------------------------------------------------- */

static int64_t limit_of(int64_t now_ms, int64_t keep_ms)
{
    return keep_ms == STORE_RETENTION_FOREVER ? TIME_MIN_MS : MAX(TIME_MIN_MS, now_ms - keep_ms);
}

struct keep keep_begin(struct store *s)
{
    struct keep k = {.now_ms = store_now_ms(s)};
    lock_take(&s->keep_lock);
    k.rules = s->keep_rules;
    k.table_ms = s->keep_table_ms;
    if (k.rules)
        refcount_get(&k.rules->refs);
    lock_give(&s->keep_lock);
    k.table_min_ms = limit_of(k.now_ms, k.table_ms);
    k.least_ms = limit_of(k.now_ms, longest(k.table_ms, k.rules));
    k.all_ms = limit_of(k.now_ms, shortest(k.table_ms, k.rules));
    return k;
}

int64_t keep_table_min_ms(struct store *s)
{
    lock_take(&s->keep_lock);
    int64_t table_ms = s->keep_table_ms;
    lock_give(&s->keep_lock);
    return limit_of(store_now_ms(s), table_ms);
}

void keep_end(struct keep *k)
{
    rules_unref(k->rules);
    k->rules = NULL;
}

/* A regex that ran into its limit takes nothing away: such a stream is kept as long as any. */
int64_t keep_min_ms(const struct keep *k, const struct labels *labels)
{
    for (size_t i = 0; k->rules && i < k->rules->n; i++) {
        int rc = matchers_match(k->rules->v[i].matchers, k->rules->v[i].n, labels);
        if (rc < 0)
            return k->least_ms;
        if (rc == 1)
            return limit_of(k->now_ms, k->rules->v[i].keep_ms);
    }
    return k->table_min_ms;
}

static bool is_over(const struct keep *k, int64_t keep_ms, int64_t t_ms)
{
    return limit_of(k->now_ms, keep_ms) > t_ms;
}

uint64_t keep_mark(const struct keep *k, int64_t t_ms)
{
    uint64_t mark =
        hash_combine(k->rules ? k->rules->generation : 0, is_over(k, k->table_ms, t_ms));
    for (size_t i = 0; k->rules && i < k->rules->n; i++)
        mark = hash_combine(mark, is_over(k, k->rules->v[i].keep_ms, t_ms));
    return mark | 1;
}

/* --- streams of a part ------------------------------------------------------------------------ */

/* `left`: streams that no rule has matched yet. */
static int take_rule(const struct keep_rule *rule, bool over, struct part_view *v,
                     roaring_bitmap_t *left, roaring_bitmap_t *expired, struct err *err)
{
    struct posting_source postings = part_postings(v);
    roaring_bitmap_t *own = NULL;
    int rc = match_streams(&postings, rule->matchers, rule->n, &own, err);
    if (rc != 0)
        return rc;
    roaring_bitmap_and_inplace(own, left);
    roaring_bitmap_andnot_inplace(left, own);
    if (over)
        roaring_bitmap_or_inplace(expired, own);
    roaring_bitmap_free(own);
    return 0;
}

static int find_expired(const struct keep *k, struct part_view *v, int64_t t_ms,
                        roaring_bitmap_t *left, roaring_bitmap_t *expired, struct err *err)
{
    int rc = 0;
    roaring_bitmap_add_range(left, 0, v->part->n_streams);
    for (size_t i = 0; rc == 0 && k->rules && i < k->rules->n; i++) {
        const struct keep_rule *rule = &k->rules->v[i];
        rc = take_rule(rule, is_over(k, rule->keep_ms, t_ms), v, left, expired, err);
    }
    if (rc == 0 && is_over(k, k->table_ms, t_ms))
        roaring_bitmap_or_inplace(expired, left);
    return rc;
}

int keep_expired(const struct keep *k, struct part_view *v, int64_t t_ms, roaring_bitmap_t **out,
                 struct err *err)
{
    *out = NULL;
    if (t_ms >= k->all_ms)
        return 0;
    roaring_bitmap_t *left = roaring_bitmap_create(), *expired = roaring_bitmap_create();
    int rc = left && expired ? find_expired(k, v, t_ms, left, expired, err) : ERR_NOMEM;
    if (left)
        roaring_bitmap_free(left);
    if (rc == ERR_TOO_BIG) { // of a regex; see keep_min_ms. Merges and reads go on
        roaring_bitmap_clear(expired);
        rc = 0;
    }
    if (rc == 0 && !roaring_bitmap_is_empty(expired))
        *out = expired;
    else if (expired)
        roaring_bitmap_free(expired);
    return rc;
}
