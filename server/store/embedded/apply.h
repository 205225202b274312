/* Rows into heads: the step that appends and the log's replay share. */
#ifndef TELLTALE_STORE_EMBEDDED_APPLY_H
#define TELLTALE_STORE_EMBEDDED_APPLY_H

#include "store/embedded/engine.h"

/* Most bytes of one sealed chunk or histogram. */
enum { SEAL_MAX = 64 << 20 };

/* The head of the row before: batches mostly stay within a day. */
struct head_cache {
    struct head *head;
    int64_t from; /* its first millisecond */
};

/* Puts the rows into the heads of their days. The gate must be held. `seal`: scratch. ERR_NOMEM:
 * the rows before are in. */
int apply_rows(struct store *s, struct stream *st, const struct sample *samples, size_t n,
               uint32_t now_s, struct head_cache *cache, struct buf *seal, struct err *err);

#endif
