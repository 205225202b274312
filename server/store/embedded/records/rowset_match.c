/* What a predicate says of a set of rows: first from what the index knows, then row by row. A text
 * that occurs in many rows is looked at once. */
#include <string.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/embedded/records/filter.h"
#include "store/embedded/records/predicate.h"
#include "store/embedded/records/rowset.h"
#include "store/embedded/records/rowset_search.h"
#include "store/embedded/records/source.h"

/* --- without reading rows --------------------------------------------------------------------- */

static const struct group_column *group_column(const struct rowset *r, const struct column_ref *ref,
                                               bool *out_rest)
{
    *out_rest = false;
    const struct group_column *found = NULL;
    for (uint32_t i = 0; i < r->n_group_columns; i++) {
        const struct column_id *id = &r->part->names[r->group_columns[i].name];
        *out_rest |= (int)id->origin == OWN_REST;
        if (id->origin == ref->origin &&
            (ref->origin == COLUMN_FIELD ? id->field == ref->field : str_eq(id->name, ref->name)))
            found = &r->group_columns[i];
    }
    return found;
}

/* Whether an int in [min, max] can satisfy the comparison with an int. */
static bool range_may(const struct predicate *p, int64_t min, int64_t max)
{
    if (p->value.type != ANY_INT)
        return true;
    int64_t v = p->value.as.integer;
    switch (p->op) {
    case PREDICATE_EQ: return min <= v && v <= max;
    case PREDICATE_LT: return min < v;
    case PREDICATE_LE: return min <= v;
    case PREDICATE_GT: return max > v;
    case PREDICATE_GE: return max >= v;
    default: return true;
    }
}

struct words_ask {
    struct rowset *r;
    bool may;
};

static bool ask_word(void *arg, uint64_t hash)
{
    struct words_ask *ask = arg;
    ask->may = record_part_may_contain(ask->r->part, ask->r->group, FILTER_WORDS, hash);
    return ask->may;
}

static bool words_may(struct rowset *r, const struct predicate *p)
{
    struct words_ask ask = {r, true};
    struct str text = predicate_needle(p);
    if (p->op == PREDICATE_PHRASE)
        (void)words_each(text, ask_word, &ask); // stops at the first that is not there
    else
        (void)words_each_inner(text, ask_word, &ask);
    return ask.may;
}

static bool is_field(const struct rowset *r, const struct column_ref *ref, enum record_table table,
                     int field)
{
    return r->table == table && ref->origin == COLUMN_FIELD && ref->field == field;
}

static bool is_trace_id(const struct rowset *r, const struct column_ref *ref)
{
    return is_field(r, ref, RECORD_SPANS, SPAN_TRACE_ID) ||
           is_field(r, ref, RECORD_LOGS, LOG_TRACE_ID);
}

static bool is_text_equality(const struct predicate *p)
{
    return p->op == PREDICATE_EQ && (p->value.type == ANY_STRING || p->value.type == ANY_BYTES);
}

static bool trace_id_may(const struct rowset *r, uint64_t hash)
{
    return record_part_may_contain(r->part, r->group, FILTER_TRACE_ID, hash);
}

static bool any_trace_id_may(const struct rowset *r, const struct text_set *set)
{
    for (size_t i = 0; i < set->n; i++)
        if (trace_id_may(r, set->hashes[i]))
            return true;
    return false;
}

/* What the filters of the whole group say: they need no more of it than themselves. */
static bool filters_may(struct rowset *r, const struct predicate *p)
{
    if (is_trace_id(r, &p->column)) {
        if (p->op == PREDICATE_IN)
            return any_trace_id_may(r, p->set);
        return !is_text_equality(p) || trace_id_may(r, hash_str(any_text(&p->value)));
    }
    bool body = is_field(r, &p->column, RECORD_LOGS, LOG_BODY);
    return !body || predicate_needle(p).n == 0 || words_may(r, p);
}

/* Whether the column may have a text with this hash. */
static bool text_may(const struct rowset *r, const struct column_ref *ref,
                     const struct group_column *c, uint64_t hash)
{
    bool own = is_trace_id(r, ref) || is_field(r, ref, RECORD_LOGS, LOG_BODY); // see filters_may
    return own || c->kind == COLUMN_ANY || group_column_may_contain(r->part, r->group, c, hash);
}

static bool any_text_may(const struct rowset *r, const struct predicate *p,
                         const struct group_column *c)
{
    for (size_t i = 0; i < p->set->n; i++)
        if (text_may(r, &p->column, c, p->set->hashes[i]))
            return true;
    return false;
}

static bool column_may(struct rowset *r, const struct predicate *p)
{
    bool rest;
    if (!filters_may(r, p))
        return false;
    if (!r->group_columns)
        return true;
    const struct group_column *c = group_column(r, &p->column, &rest);
    if (!c)
        return rest && p->column.origin == COLUMN_ATTRIBUTE;
    if (c->has_range && !range_may(p, c->min, c->max))
        return false;
    if (p->op == PREDICATE_IN)
        return any_text_may(r, p, c);
    return !is_text_equality(p) || text_may(r, &p->column, c, hash_str(any_text(&p->value)));
}

static bool source_matches(struct rowset *r, const struct predicate *p, uint32_t source,
                           int *out_rc)
{
    const struct record_source *s = block_source(&r->sources, source);
    struct any v = s ? source_value(s, &p->column) : (struct any){0};
    int rc = v.type == ANY_NONE ? 0 : rowset_satisfies(r, p, &v);
    if (rc < 0)
        *out_rc = rc;
    return rc > 0;
}

static bool sources_may(struct rowset *r, const struct predicate *p)
{
    int rc = 0;
    for (uint32_t i = r->group->first_source; i <= r->group->last_source; i++)
        if (source_matches(r, p, i, &rc) || rc != 0)
            return true; // an error is met again, and reported, when rows are matched
    return false;
}

static bool leaf_may(struct rowset *r, const struct predicate *p)
{
    if (p->column.origin == COLUMN_TIME)
        return range_may(p, r->group->min_unix_ns, r->group->max_unix_ns);
    return column_is_of_source(&p->column) ? sources_may(r, p) : column_may(r, p);
}

bool rowset_may_match(struct rowset *r, const struct predicate *p)
{
    if (!p || !r->group || p->op == PREDICATE_NOT)
        return true;
    if (p->op != PREDICATE_AND && p->op != PREDICATE_OR)
        return leaf_may(r, p);
    for (size_t i = 0; i < p->n_children; i++)
        if (rowset_may_match(r, &p->children[i]) != (p->op == PREDICATE_AND))
            return p->op == PREDICATE_OR;
    return p->op == PREDICATE_AND;
}

/* --- rows ------------------------------------------------------------------------------------- */

static void match_all(const struct rowset *r, uint64_t *out)
{
    memset(out, 0xff, rowset_words(r) * sizeof *out);
    if (r->n % 64)
        out[rowset_words(r) - 1] = (UINT64_C(1) << r->n % 64) - 1;
}

static int match_times(struct rowset *r, const struct predicate *p, uint64_t *out)
{
    int rc = rowset_times(r);
    for (uint32_t i = 0; rc == 0 && i < r->n; i++) {
        struct any v = any_int(r->t_unix_ns[i]);
        if (predicate_matches(p, &v) == 1)
            set_bit(out, i);
    }
    return rc;
}

static int match_sources(struct rowset *r, const struct predicate *p, uint64_t *out)
{
    int rc = rowset_sources(r);
    uint32_t last = UINT32_MAX;
    bool hit = false;
    for (uint32_t i = 0; rc == 0 && i < r->n; i++) {
        if (r->row_sources[i] != last)
            hit = source_matches(r, p, r->row_sources[i], &rc);
        last = r->row_sources[i];
        if (hit)
            set_bit(out, i);
    }
    return rc;
}

static int match_each(struct rowset *r, const struct predicate *p, const struct column *c,
                      const uint64_t *within, uint64_t *out)
{
    for (uint32_t i = 0; i < c->n; i++) {
        if (!is_within(within, row_of(c, i)))
            continue;
        struct any v = column_any(c, i, r->arena);
        int rc = rowset_satisfies(r, p, &v);
        if (rc < 0)
            return rc;
        if (rc)
            set_bit(out, row_of(c, i));
    }
    return arena_failed(r->arena) ? ERR_NOMEM : 0;
}

/* Each text of a dictionary once. */
static int match_dictionary(struct rowset *r, const struct predicate *p, const struct column *c,
                            uint64_t *out)
{
    const uint64_t *may;
    unsigned char *hits = arena_zalloc(r->arena, c->n_texts);
    int rc = hits ? rowset_sift(r, p, c, &may) : ERR_NOMEM;
    if (rc != 0)
        return rc;
    for (uint32_t i = 0; i < c->n_texts; i++) {
        if (!is_within(may, i))
            continue;
        struct any v = column_text_any(c, i, r->arena);
        rc = rowset_satisfies(r, p, &v);
        if (rc < 0)
            return rc;
        hits[i] = (unsigned char)rc;
    }
    for (uint32_t i = 0; i < c->n; i++)
        if (hits[c->codes[i]])
            set_bit(out, row_of(c, i));
    return arena_failed(r->arena) ? ERR_NOMEM : 0;
}

static int match_column(struct rowset *r, const struct predicate *p, const uint64_t *within,
                        uint64_t *out)
{
    const struct column *c = NULL;
    int rc = rowset_column(r, &p->column, &c);
    if (rc != 0 || !c)
        return rc;
    if (p->op == PREDICATE_EXISTS) {
        for (uint32_t i = 0; i < c->n; i++)
            set_bit(out, row_of(c, i));
        return 0;
    }
    if (c->codes)
        return match_dictionary(r, p, c, out);
    bool numbers = p->scalars && c->kind == COLUMN_ANY; // which are not there as text
    bool search = p->op == PREDICATE_REGEX || predicate_needle(p).n;
    if (column_is_text(c) && search && !numbers)
        return rowset_search(r, p, c, within, out);
    return match_each(r, p, c, within, out);
}

static int match_leaf(struct rowset *r, const struct predicate *p, const uint64_t *within,
                      uint64_t *out)
{
    memset(out, 0, rowset_words(r) * sizeof *out);
    if (p->column.origin == COLUMN_TIME)
        return match_times(r, p, out);
    return column_is_of_source(&p->column) ? match_sources(r, p, out)
                                           : match_column(r, p, within, out);
}

static bool is_empty(const struct rowset *r, const uint64_t *bits)
{
    for (size_t i = 0; i < rowset_words(r); i++)
        if (bits[i])
            return false;
    return true;
}

static int match(struct rowset *r, const struct predicate *p, const uint64_t *within,
                 uint64_t *out);

static int match_children(struct rowset *r, const struct predicate *p, const uint64_t *within,
                          uint64_t *out)
{
    size_t words = rowset_words(r);
    bool and = p->op == PREDICATE_AND;
    uint64_t *child = arena_array(r->arena, words, sizeof *child);
    int rc = child ? 0 : ERR_NOMEM;
    if (and)
        match_all(r, out);
    else
        memset(out, 0, words * sizeof *out);
    for (size_t i = 0; rc == 0 && i < p->n_children; i++) {
        if (!and&&!rowset_may_match(r, &p->children[i]))
            continue; // of many ids, most are elsewhere
        rc = match(r, &p->children[i], and? out : within, child);
        for (size_t k = 0; rc == 0 && k < words; k++)
            out[k] = and? out[k] & child[k] : out[k] | child[k];
        if (rc == 0 && and&&is_empty(r, out))
            break; // what is left need not be read
    }
    return rc;
}

/* Rows outside `within` (NULL: none) may get any bit: who asks does not look at them, and what
 * costs much is not asked of them. */
static int match(struct rowset *r, const struct predicate *p, const uint64_t *within, uint64_t *out)
{
    if (p->op == PREDICATE_AND || p->op == PREDICATE_OR)
        return match_children(r, p, within, out);
    if (p->op != PREDICATE_NOT)
        return match_leaf(r, p, within, out);
    uint64_t *all = arena_array(r->arena, rowset_words(r), sizeof *all);
    int rc = all ? match(r, &p->children[0], within, out) : ERR_NOMEM;
    if (rc != 0)
        return rc;
    match_all(r, all);
    for (size_t i = 0; i < rowset_words(r); i++)
        out[i] = all[i] & ~out[i];
    return 0;
}

int rowset_match(struct rowset *r, const struct predicate *p, uint64_t *out)
{
    if (p)
        return match(r, p, NULL, out);
    match_all(r, out);
    return 0;
}
