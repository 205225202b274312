/* A byte buffer that grows up to the maximum it was made with.
 *
 * Invariants: n <= cap <= max; `failed` is sticky: once an append did not fit or memory ran out,
 * later appends do nothing, so a caller tests buf_failed() once at the end. {0} is a valid empty
 * buffer with no maximum set: use BUF_MAX() or buf_init() for one. One thread at a time. */
#ifndef TELLTALE_BASE_BUF_H
#define TELLTALE_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"

struct buf {
    char *p; /* owned */
    size_t n, cap, max;
    bool failed;
};

/* struct buf b = BUF_MAX(1 << 20); */
#define BUF_MAX(bytes) ((struct buf){.max = (bytes)})

void buf_init(struct buf *b, size_t max_bytes);

/* Frees the bytes; `b` is empty and usable again with the same maximum. */
void buf_done(struct buf *b);

/* Empty, keeps the memory, clears `failed`. */
void buf_reset(struct buf *b);

/* The part of buf_reserve that may allocate. */
char *buf_reserve_slow(struct buf *b, size_t n);

/* Makes room for `n` more bytes and returns where they go, or NULL (and `failed`). The caller
 * writes there and then calls buf_advance with what it used. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
    return !b->failed && n <= b->cap - b->n ? b->p + b->n : buf_reserve_slow(b, n);
}

static inline void buf_advance(struct buf *b, size_t n)
{
    b->n += n;
}

static inline void buf_put(struct buf *b, const void *bytes, size_t n)
{
    char *to = n ? buf_reserve(b, n) : NULL;
    if (to) {
        memcpy(to, bytes, n);
        b->n += n;
    }
}

static inline void buf_putc(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);
    if (to) {
        *to = c;
        b->n++;
    }
}

void buf_puts(struct buf *b, const char *text);
void buf_put_str(struct buf *b, struct str s);
/* Needs room for a NUL behind the text, which does not count as part of it. */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_put_u64(struct buf *b, uint64_t v); /* decimal */
void buf_put_i64(struct buf *b, int64_t v);  /* decimal */

static inline bool buf_failed(const struct buf *b)
{
    return b->failed;
}

/* The bytes so far; valid until the next change of the buffer. */
static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->p, b->n};
}

/* Hands the bytes, with a NUL behind them, to the caller, who frees them; the buffer is empty
 * after. NULL when the buffer had failed. */
char *buf_take(struct buf *b, size_t *out_n);

#endif
