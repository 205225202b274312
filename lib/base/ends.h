/* Texts that lie behind each other, known by where each of them ends: text i has the bytes from
 * ends[i - 1], the first from 0, up to ends[i]. An empty one ends where it begins. */
#ifndef TELLTALE_BASE_ENDS_H
#define TELLTALE_BASE_ENDS_H

#include <stddef.h>
#include <stdint.h>

/* The text that has the byte at `at`: `from` or one behind it, of `n`; `n` when none of them ends
 * behind it. Who goes through the texts mostly finds one near by, so steps that double come first.
 */
static inline uint32_t ends_find(const uint32_t *ends, uint32_t from, uint32_t n, size_t at)
{
    uint32_t to = from;
    for (size_t step = 1; to < n && ends[to] <= at; step *= 2) {
        from = to + 1;
        to = n - from < step ? n : from + (uint32_t)step - 1;
    }
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (ends[middle] <= at)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

#endif
