/* Memory of large answers that were just sent, for the next ones. Pages that are new to a process
 * cost more than what is written into them, and large questions come in a row: the panels of a
 * dashboard, the pages of an export. Nothing is kept for longer than three seconds. Private. */
#ifndef TELLTALE_NET_HTTP_SPARE_H
#define TELLTALE_NET_HTTP_SPARE_H

#include "base/buf.h"
#include "base/lock.h"

enum {
    SPARE_BLOCKS = 4,
    SPARE_FROM_BYTES = 4 << 20, /* smaller answers are the allocator's affair */
    SPARE_BYTES_MAX = 256 << 20 /* larger ones are too much to keep */
};

struct spare_block {
    char *p; /* owned, from malloc; NULL: none */
    size_t cap, used;
    unsigned ticks; /* since it was given */
};

struct http_spare {
    struct lock lock;
    struct spare_block blocks[SPARE_BLOCKS]; /* guarded by lock */
};

void http_spare_init(struct http_spare *s);
void http_spare_done(struct http_spare *s);

/* Moves what the buffer holds into the largest block, if that has more room. Threads: any. */
void http_spare_take(struct http_spare *s, struct buf *b);

/* Keeps the block, of which `used` bytes were written, or frees it. Threads: any. */
void http_spare_give(struct http_spare *s, struct spare_block given);

/* To be called once a second: frees what nobody has taken. */
void http_spare_tick(struct http_spare *s);

#endif
