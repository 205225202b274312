/* The language of searches: what parses still parses within brackets and negated, and finds its way
 * through a row; what does not says what is wrong. */

#include <stdlib.h>

#include "query/records/filter.h"
#include "store/embedded/records/predicate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WRAPPED_MAX = 1 << 16 };

/* Everything a scan would ask of one text. */
static size_t ask(const struct predicate *p, const struct any *v)
{
    size_t leaves = p->op > PREDICATE_NOT;
    if (leaves && predicate_matches(p, v) < 0)
        return leaves; // a regular expression ran into its limit
    for (size_t i = 0; i < p->n_children; i++)
        leaves += ask(&p->children[i], v);
    return leaves;
}

static size_t parse(enum record_table table, struct str text, struct err *out_err)
{
    struct arena a;
    struct record_filter f;
    size_t leaves = 0;
    const struct any subject = any_string(STR("GET /cart 200 timed out"));
    *out_err = (struct err){0};
    arena_init(&a, 64 << 20);
    int rc = record_filter_parse(table, text, &a, &f, out_err);
    if (rc == 0) {
        leaves = ask(&f.where, &subject);
        record_filter_done(&f);
    } else if (out_err->message[0] == '\0' || rc != out_err->code) {
        abort();
    }
    arena_done(&a);
    return leaves;
}

/* What is as deep or as long as it may be has no room for what it is wrapped in. */
static bool is_limit(const struct err *err)
{
    return err->code == ERR_TOO_BIG || strstr(err->message, "more than") != NULL ||
           strstr(err->message, "expected at most") != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char wrapped[WRAPPED_MAX + 8];
    struct str text = {(const char *)data, size};
    for (int table = 0; table < RECORD_TABLES; table++) {
        struct err err, again;
        size_t leaves = parse((enum record_table)table, text, &err);
        if (err.code != 0 || leaves == 0 || size > WRAPPED_MAX)
            continue;
        memcpy(wrapped, "not (", 5);
        memcpy(wrapped + 5, data, size);
        wrapped[size + 5] = ')';
        size_t same = parse((enum record_table)table, str_of(wrapped, size + 6), &again);
        if (again.code == 0 ? same != leaves : !is_limit(&again))
            abort();
    }
    return 0;
}
