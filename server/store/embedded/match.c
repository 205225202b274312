/* A matcher that refuses the empty value can only be satisfied by streams that have the label: the
 * union of the postings of the values it accepts. A matcher that accepts the empty value is turned
 * around: all streams but those whose value it refuses. So nothing is ever computed from the
 * (large) set of streams without a label.
 *
 * Intersections come first, cheapest first, and removals last, so an early empty set ends it.
 *
 * A value that a pattern cannot be run on within its limits is in doubt. That is an error only if
 * one of its streams satisfies the matchers before: nobody's value spoils the queries of others. */
#include "store/embedded/match.h"

#include <roaring/roaring.h>

#include "base/arena.h"
#include "base/compiler.h"
#include "base/regex.h"

/* What a matcher needs, from cheap to dear: the order in which they are evaluated. */
enum cost { ONE_VALUE, FEW_VALUES, ANY_VALUE, SCAN_VALUES, COSTS };

static bool is_regex(const struct matcher *m)
{
    return m->op == MATCH_REGEX || m->op == MATCH_NOT_REGEX;
}

/* The patterns that are written most and mean a set that is kept ready. */
static bool is_any(const struct matcher *m)
{
    return str_eq(m->value, STR(".+")) || str_eq(m->value, STR(".*"));
}

static enum cost cost_of(const struct matcher *m)
{
    const struct str *literals;
    if (!is_regex(m))
        return m->value.n ? ONE_VALUE : ANY_VALUE;
    if (is_any(m))
        return ANY_VALUE;
    return regex_literals(m->regex, &literals) ? FEW_VALUES : SCAN_VALUES;
}

struct scan {
    const struct matcher *matcher;
    bool wanted; /* take the values that match, or those that do not */
    struct doubts *doubts;
    struct regex_toil toil;
};

/* Values that ran a pattern into its limit. */
struct doubts {
    struct arena arena;
    struct str *v;
    size_t n, cap;
};

enum { DOUBTS_BYTES_MAX = 8 << 20 };

/* 0, or ERR_TOO_BIG: there are too many. */
static int add_doubt(struct doubts *d, struct str value)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 16;
        struct str *v = arena_grow(&d->arena, d->v, d->n, cap, sizeof *v);
        if (!v)
            return ERR_TOO_BIG;
        d->v = v;
        d->cap = cap;
    }
    d->v[d->n++] = arena_str(&d->arena, value);
    return arena_failed(&d->arena) ? ERR_TOO_BIG : 0;
}

static int take_value(void *arg, struct str value)
{
    struct scan *s = arg;
    int rc = matcher_matches_among(s->matcher, value, &s->toil);
    if (rc == ERR_TOO_BIG)
        return add_doubt(s->doubts, value);
    return rc < 0 ? rc : (rc == 1) == s->wanted;
}

/* Whether any stream of the result so far (NULL: all there are) has a value that is in doubt. */
static int check_doubts(const struct posting_source *source, const struct matcher *m,
                        const struct doubts *d, const roaring_bitmap_t *result)
{
    if (d->n == 0)
        return 0;
    roaring_bitmap_t *set = roaring_bitmap_create();
    int rc = set ? 0 : ERR_NOMEM;
    for (size_t i = 0; rc == 0 && i < d->n; i++)
        rc = source->with_value(source->self, m->name, d->v[i], set);
    if (rc == 0 && (result ? roaring_bitmap_intersect(result, set) : !roaring_bitmap_is_empty(set)))
        rc = ERR_TOO_BIG;
    if (set)
        roaring_bitmap_free(set);
    return rc;
}

static int add_literals(const struct posting_source *source, const struct matcher *m,
                        roaring_bitmap_t *out)
{
    const struct str *literals;
    size_t n = regex_literals(m->regex, &literals);
    for (size_t i = 0; i < n; i++) {
        if (literals[i].n == 0)
            continue; // no stream is listed under the empty value
        int rc = source->with_value(source->self, m->name, literals[i], out);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The values that the operator's positive form matches, the empty one left out. */
static int add_positive(const struct posting_source *source, const struct matcher *m,
                        struct doubts *doubts, roaring_bitmap_t *out)
{
    switch (cost_of(m)) {
    case ONE_VALUE: return source->with_value(source->self, m->name, m->value, out);
    case FEW_VALUES: return add_literals(source, m, out);
    case ANY_VALUE:
        return is_regex(m) ? source->with_name(source->self, m->name, out) : 0; // ="" has none
    default: break;
    }
    struct scan scan = {m, m->op == MATCH_REGEX, doubts, {0}};
    return source->with_values(source->self, m->name, regex_prefix(m->regex), take_value, &scan,
                               out);
}

/* The streams whose (non-empty) value the matcher accepts, or refuses. */
static int add_streams(const struct posting_source *source, const struct matcher *m, bool accepted,
                       struct doubts *doubts, roaring_bitmap_t *out)
{
    bool negative = m->op == MATCH_NOT_EQUAL || m->op == MATCH_NOT_REGEX;
    if (accepted != negative)
        return add_positive(source, m, doubts, out);
    if (is_any(m) && is_regex(m))
        return 0; // nothing is outside of .* and .+
    if (!is_regex(m) && m->value.n == 0)
        return source->with_name(source->self, m->name, out); // !=""
    struct scan scan = {m, accepted, doubts, {0}};
    return source->with_values(source->self, m->name, (struct str){0}, take_value, &scan, out);
}

static int apply(const struct posting_source *source, const struct matcher *m, bool has_empty,
                 roaring_bitmap_t **result)
{
    roaring_bitmap_t *set = roaring_bitmap_create();
    if (!set)
        return ERR_NOMEM;
    struct doubts doubts = {0};
    arena_init(&doubts.arena, DOUBTS_BYTES_MAX);
    int rc = add_streams(source, m, !has_empty, &doubts, set);
    if (rc == 0)
        rc = check_doubts(source, m, &doubts, *result);
    arena_done(&doubts.arena);
    if (rc == 0 && !*result && has_empty) {
        *result = roaring_bitmap_create();
        rc = *result ? source->all(source->self, *result) : ERR_NOMEM;
    }
    if (rc == 0 && has_empty) {
        roaring_bitmap_andnot_inplace(*result, set);
    } else if (rc == 0 && *result) {
        roaring_bitmap_and_inplace(*result, set);
    } else if (rc == 0) {
        *result = set;
        return 0;
    }
    roaring_bitmap_free(set);
    return rc;
}

/* All matchers of one cost and one kind (intersecting or removing). */
static int apply_round(const struct posting_source *source, const struct matcher *matchers,
                       size_t n, enum cost cost, bool removing, roaring_bitmap_t **result)
{
    for (size_t i = 0; i < n; i++) {
        bool has_empty = matcher_matches_empty(&matchers[i]);
        if (has_empty != removing || cost_of(&matchers[i]) != cost)
            continue;
        if (*result && roaring_bitmap_is_empty(*result))
            return 0;
        int rc = apply(source, &matchers[i], has_empty, result);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static const char *reason(int rc)
{
    switch (rc) {
    case ERR_TOO_BIG: return "a regular expression needs too much time on the value of a label";
    case ERR_NOMEM: return "out of memory";
    case ERR_CORRUPT: return "the index is damaged";
    default: return "failed";
    }
}

int match_streams(const struct posting_source *source, const struct matcher *matchers, size_t n,
                  roaring_bitmap_t **out, struct err *err)
{
    roaring_bitmap_t *result = NULL;
    int rc = 0;
    for (int round = 0; rc == 0 && round < 2 * COSTS; round++)
        rc = apply_round(source, matchers, n, (enum cost)(round % COSTS), round >= COSTS, &result);
    if (rc == 0 && !result) {
        result = roaring_bitmap_create();
        rc = result ? source->all(source->self, result) : ERR_NOMEM;
    }
    if (rc != 0) {
        if (result)
            roaring_bitmap_free(result);
        return err_set(err, rc, "select streams: %s", reason(rc));
    }
    *out = result;
    return 0;
}
