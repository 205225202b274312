/* Comparing and copying texts that mostly have a few bytes, as names and values of labels: words
 * whose last overlaps the one before, where a call of the C library would cost as much as the work.
 */
#ifndef TELLTALE_BASE_SHORT_H
#define TELLTALE_BASE_SHORT_H

#include "base/str.h"
#include "base/word.h"

enum { SHORT_MAX = 64 };

/* As str_eq. */
static inline bool short_eq(struct str a, struct str b)
{
    if (a.n != b.n)
        return false;
    if (a.n > SHORT_MAX)
        return memcmp(a.p, b.p, a.n) == 0;
    if (a.n >= 8) {
        uint64_t differ = load64(a.p + a.n - 8) ^ load64(b.p + b.n - 8);
        for (size_t i = 0; i + 8 < a.n; i += 8)
            differ |= load64(a.p + i) ^ load64(b.p + i);
        return differ == 0;
    }
    if (a.n >= 4)
        return load32(a.p) == load32(b.p) && load32(a.p + a.n - 4) == load32(b.p + b.n - 4);
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
        uint64_t first = load64(s.p), last = load64(s.p + s.n - 8);
        memcpy(to, &first, 8);
        memcpy(to + s.n - 8, &last, 8);
    } else if (s.n >= 4) {
        uint32_t first = load32(s.p), last = load32(s.p + s.n - 4);
        memcpy(to, &first, 4);
        memcpy(to + s.n - 4, &last, 4);
    } else {
        for (size_t i = 0; i < s.n; i++)
            to[i] = s.p[i];
    }
    return to + s.n;
}

#endif
