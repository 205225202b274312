/* What a predicate says of one value. Threads: any. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_PREDICATE_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_PREDICATE_H

#include "store/records.h"

/* Whether a present value satisfies the leaf `p` (not AND, OR, NOT): 1, 0, or ERR_TOO_BIG when a
 * regex ran into its limit. */
int predicate_matches(const struct predicate *p, const struct any *v);

/* For CONTAINS and its kin: the first place from `at` on where the text satisfies `p`, or text.n.
 * `text` is in small letters already where the case does not count, and so is p's value. */
size_t predicate_find(const struct predicate *p, struct str text, size_t at);

/* Text that must be in a value that satisfies `p`: what is searched, or what a regex cannot do
 * without. Empty: unknown. */
struct str predicate_needle(const struct predicate *p);

static inline bool predicate_is_search(enum predicate_op op)
{
    return op >= PREDICATE_CONTAINS && op <= PREDICATE_PHRASE;
}

static inline bool predicate_folds_case(enum predicate_op op)
{
    return op == PREDICATE_CONTAINS_NOCASE || op == PREDICATE_PHRASE;
}

/* Writes `text` with ASCII letters made small to `out` (text.n bytes). */
void text_fold(struct str text, char *out);

#endif
