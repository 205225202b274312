/* Memory that several arenas share: what one takes, the others cannot. Budgets form a chain, so
 * that a query has a limit of its own and all queries together have one.
 *
 *   arena ─┐
 *   arena ─┼─▶ one query's budget ─▶ the budget of all
 *   arena ─┘
 */
#ifndef TELLTALE_BASE_BUDGET_H
#define TELLTALE_BASE_BUDGET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct budget {
    struct budget *parent; /* borrowed; NULL: none */
    atomic_size_t used, max;
    atomic_bool failed; /* an arena that takes from this one has failed, ever */
    int code;           /* of the error when it is spent */
    const char *who,
        *advice; /* literals, for its words: "<who> more than N MiB of memory; <advice>" */
    /* Only where there is a parent, for such a budget is used by one thread at a time, the last of
     * the chain by any: the most that was taken, and the budget of the chain that refused last. */
    size_t peak;
    const struct budget *refused_by;
};

void budget_init(struct budget *b, size_t max_bytes, struct budget *parent);

/* Takes from the whole chain, or from none of it (false). */
bool budget_take(struct budget *b, size_t n);
void budget_give(struct budget *b, size_t n);

size_t budget_used(const struct budget *b);

/* Whether `n` more bytes leave a quarter of each budget of the chain free: for what is only kept to
 * save time. */
bool budget_has_room(const struct budget *b, size_t n);
void budget_resize(struct budget *b, size_t max_bytes); /* what is taken stays taken */

/* Fills `err` with what the budget that refused says; returns its code. */
int budget_error(const struct budget *b, struct err *err);

#endif
