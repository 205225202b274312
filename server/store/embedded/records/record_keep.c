#include "store/embedded/records/record_keep.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/time.h"
#include "model/matcher.h"
#include "store/embedded/records/source.h"
#include "store/store.h"

struct source_matcher {
    struct matcher matcher;
    struct column_ref column; /* its name borrowed from the matcher */
};

struct record_rule {
    struct source_matcher *v; /* owned */
    size_t n;
    int64_t keep_ms;
};

struct record_rules {
    struct refcount refs;
    uint64_t generation;
    size_t n;
    struct record_rule v[];
};

/* --- the rules -------------------------------------------------------------------------------- */

static void rules_unref(struct record_rules *r)
{
    if (!r || !refcount_put(&r->refs))
        return;
    for (size_t i = 0; i < r->n; i++) {
        for (size_t k = 0; k < r->v[i].n; k++)
            matcher_done(&r->v[i].v[k].matcher);
        free(r->v[i].v);
    }
    free(r);
}

static int copy_matcher(enum record_table table, const struct matcher *from,
                        struct source_matcher *to, struct err *err)
{
    int rc = matcher_init(&to->matcher, from->op, from->name, from->value, err);
    if (rc != 0)
        return rc;
    if (column_parse(table, to->matcher.name, &to->column) && column_is_of_source(&to->column))
        return 0;
    rc = err_set(err, ERR_INVALID,
                 "a retention of %s by \"%.*s\": expected a column of resource or scope, such as "
                 "resource.service.name",
                 record_table_name(table), STR_ARG(from->name));
    matcher_done(&to->matcher);
    return rc;
}

static int copy_rule(enum record_table table, const struct store_retention_rule *from,
                     struct record_rule *to, struct err *err)
{
    to->keep_ms = from->keep_ms;
    to->v = calloc(from->n_matchers + 1, sizeof *to->v);
    int rc = to->v ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < from->n_matchers; i++) {
        rc = copy_matcher(table, &from->matchers[i], &to->v[i], err);
        to->n += rc == 0;
    }
    return rc;
}

/* *out NULL: there are none. */
static int copy_rules(enum record_table table, const struct store_retention_rules *from,
                      struct record_rules **out, struct err *err)
{
    *out = NULL;
    if (!from || from->n == 0)
        return 0;
    struct record_rules *r = calloc(1, sizeof *r + from->n * sizeof r->v[0]);
    if (!r)
        return ERR_NOMEM;
    refcount_init(&r->refs);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < from->n; i++) {
        r->n++;
        rc = copy_rule(table, &from->v[i], &r->v[i], err);
    }
    if (rc == 0)
        *out = r;
    else
        rules_unref(r);
    return rc;
}

int record_keep_set(struct record_store *s, int64_t table_ms,
                    const struct store_retention_rules *rules, struct err *err)
{
    struct record_rules *copy = NULL;
    int rc = copy_rules(s->table, rules, &copy, err);
    if (rc != 0)
        return rc == ERR_NOMEM ? err_set(err, rc, "rules of retention: out of memory") : rc;
    lock_take(&s->lists);
    struct record_rules *old = s->rules;
    if (copy)
        copy->generation = ++s->rules_generation;
    s->rules = copy;
    s->retention_ms = table_ms;
    lock_give(&s->lists);
    rules_unref(old);
    return 0;
}

void record_keep_done(struct record_store *s)
{
    rules_unref(s->rules);
    s->rules = NULL;
}

/* --- what is kept now ------------------------------------------------------------------------- */

static int64_t limit_of(const struct record_keep *k, int64_t keep_ms)
{
    int64_t oldest_ms;
    if (keep_ms == STORE_RETENTION_FOREVER ||
        __builtin_sub_overflow(k->now_ms, keep_ms, &oldest_ms) || oldest_ms < INT64_MIN / NS_PER_MS)
        return INT64_MIN;
    return oldest_ms * NS_PER_MS;
}

struct record_keep record_keep_begin(struct record_store *s)
{
    struct record_keep k = {.now_ms = record_store_now_ms(s)};
    lock_take(&s->lists);
    k.rules = s->rules;
    k.table_ms = s->retention_ms;
    if (k.rules)
        refcount_get(&k.rules->refs);
    lock_give(&s->lists);
    int64_t longest = k.table_ms, shortest = k.table_ms;
    for (size_t i = 0; k.rules && i < k.rules->n; i++) {
        longest = MAX(longest, k.rules->v[i].keep_ms);
        shortest = MIN(shortest, k.rules->v[i].keep_ms);
    }
    k.least_ns = limit_of(&k, longest);
    k.all_ns = limit_of(&k, shortest);
    return k;
}

void record_keep_end(struct record_keep *k)
{
    rules_unref(k->rules);
    k->rules = NULL;
}

/* A value that is no text equals none. ERR_TOO_BIG: a regex ran into its limit. */
static int matches(const struct source_matcher *m, const struct record_source *source)
{
    struct any v = source_value(source, &m->column);
    if (v.type != ANY_NONE && v.type != ANY_STRING)
        return m->matcher.op == MATCH_NOT_EQUAL || m->matcher.op == MATCH_NOT_REGEX;
    return matcher_matches(&m->matcher,
                           v.type == ANY_STRING ? str_of(v.as.text, v.n) : (struct str){0});
}

static int rule_matches(const struct record_rule *rule, const struct record_source *source)
{
    int rc = 1;
    for (size_t i = 0; rc == 1 && i < rule->n; i++)
        rc = matches(&rule->v[i], source);
    return rc;
}

int64_t record_keep_min_ns(const struct record_keep *k, const struct record_source *source)
{
    for (size_t i = 0; k->rules && source && i < k->rules->n; i++) {
        int rc = rule_matches(&k->rules->v[i], source);
        if (rc < 0)
            return k->least_ns; // kept as long as any: an error takes nothing away
        if (rc == 1)
            return limit_of(k, k->rules->v[i].keep_ms);
    }
    return limit_of(k, k->table_ms);
}

int record_keep_clear(const struct record_keep *k, struct rowset *rows, uint64_t *bits)
{
    int rc = rowset_times(rows);
    if (rc == 0)
        rc = rowset_sources(rows);
    uint32_t last = UINT32_MAX;
    int64_t min_ns = INT64_MIN;
    for (uint32_t i = 0; rc == 0 && i < rows->n; i++) {
        if (rows->t_unix_ns[i] >= k->all_ns)
            continue;
        if (rows->row_sources[i] != last) {
            last = rows->row_sources[i];
            min_ns = record_keep_min_ns(k, block_source(&rows->sources, last));
        }
        if (rows->t_unix_ns[i] < min_ns)
            bits[i / 64] &= ~(UINT64_C(1) << i % 64);
    }
    return rc;
}

uint64_t record_keep_mark(const struct record_keep *k, int64_t t_ns)
{
    uint64_t mark =
        hash_combine(k->rules ? k->rules->generation : 0, limit_of(k, k->table_ms) > t_ns);
    for (size_t i = 0; k->rules && i < k->rules->n; i++)
        mark = hash_combine(mark, limit_of(k, k->rules->v[i].keep_ms) > t_ns);
    return mark | 1;
}
