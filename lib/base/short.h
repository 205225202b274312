/* Comparing and copying texts that mostly have a few bytes, as names and values of labels: up to 16
 * bytes two loads that overlap, where a call of the C library would cost as much as the work. */
#ifndef TELLTALE_BASE_SHORT_H
#define TELLTALE_BASE_SHORT_H

#include <stdint.h>

#include "base/str.h"

static inline uint64_t short_load8(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t short_load4(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* As str_eq. */
static inline bool short_eq(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    if (a.n > 16)
        return memcmp(a.p, b.p, a.n) == 0;
    if (a.n >= 8)
        return short_load8(a.p) == short_load8(b.p) &&
               short_load8(a.p + a.n - 8) == short_load8(b.p + b.n - 8);
    if (a.n >= 4)
        return short_load4(a.p) == short_load4(b.p) &&
               short_load4(a.p + a.n - 4) == short_load4(b.p + b.n - 4);
    for (size_t i = 0; i < a.n; i++)
        if (a.p[i] != b.p[i])
            return false;
    return true;
}

/* Copies the bytes of `s` and returns the place behind them. */
static inline char *short_copy(char *to, struct str s)
{
    if (s.n > 16) {
        memcpy(to, s.p, s.n);
    } else if (s.n >= 8) {
        uint64_t first = short_load8(s.p), last = short_load8(s.p + s.n - 8);
        memcpy(to, &first, 8);
        memcpy(to + s.n - 8, &last, 8);
    } else if (s.n >= 4) {
        uint32_t first = short_load4(s.p), last = short_load4(s.p + s.n - 4);
        memcpy(to, &first, 4);
        memcpy(to + s.n - 4, &last, 4);
    } else {
        for (size_t i = 0; i < s.n; i++)
            to[i] = s.p[i];
    }
    return to + s.n;
}

#endif
