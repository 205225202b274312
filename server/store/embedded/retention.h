/* Forgetting old days, and in them what is kept for a shorter time. */
#ifndef TELLTALE_STORE_EMBEDDED_RETENTION_H
#define TELLTALE_STORE_EMBEDDED_RETENTION_H

#include "store/embedded/engine.h"

/* Removes the days that are over as a whole. The table lock must be held. */
int retention_apply(struct store *s, struct err *err);

/* Rewrites a part of a day that is over for some of its streams; 1: there may be more, 0: there was
 * none. The table lock must be held. */
int retention_rewrite(struct store *s, struct err *err);

#endif
