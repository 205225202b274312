#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"

void buf_init(struct buf *b, size_t max_bytes)
{
    *b = BUF_MAX(max_bytes);
}

void buf_done(struct buf *b)
{
    free(b->p);
    *b = BUF_MAX(b->max);
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

static bool grow(struct buf *b, size_t need)
{
    size_t cap = b->cap ? b->cap : 256;
    while (cap < need)
        cap = cap < b->max / 2 ? cap + cap / 2 + 64 : b->max;
    if (cap > b->max)
        cap = b->max;

    char *p = realloc(b->p, cap);
    if (!p)
        return false;
    b->p = p;
    b->cap = cap;
    return true;
}

char *buf_reserve_slow(struct buf *b, size_t n)
{
    if (b->failed || n > b->max - b->n || (b->n + n > b->cap && !grow(b, b->n + n))) {
        b->failed = true;
        return NULL;
    }
    return b->p + b->n;
}

void buf_puts(struct buf *b, const char *text)
{
    buf_put(b, text, strlen(text));
}

void buf_put_str(struct buf *b, struct str s)
{
    buf_put(b, s.p, s.n);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    char small[128];
    int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);

    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < sizeof small) {
        buf_put(b, small, (size_t)n);
    } else {
        char *to = buf_reserve(b, (size_t)n + 1); // room for the NUL that vsnprintf writes
        if (to) {
            (void)vsnprintf(to, (size_t)n + 1, fmt, again);
            b->n += (size_t)n;
        }
    }
    va_end(again);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    char digits[NUM_U64_MAX];
    buf_put(b, digits, num_format_u64(digits, v));
}

void buf_put_i64(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_putc(b, '-');
    buf_put_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

char *buf_take(struct buf *b, size_t *out_n)
{
    size_t n = b->n;
    if (b->max < SIZE_MAX)
        b->max++; // the NUL is not part of what the maximum bounds
    buf_putc(b, '\0');
    if (b->max < SIZE_MAX)
        b->max--;
    if (b->failed) {
        buf_done(b);
        return NULL;
    }
    char *p = b->p;
    if (out_n)
        *out_n = n;
    *b = BUF_MAX(b->max);
    return p;
}
