/* A star takes as little as it can; where that fails it takes one more. Only the last star is gone
 * back to. */
#include "core/glob.h"

static bool same_letter(char a, char b)
{
    return a == b || ((a | 0x20) == (b | 0x20) && (a | 0x20) >= 'a' && (a | 0x20) <= 'z');
}

bool glob_fits(struct str pattern, struct str text)
{
    size_t p = 0, t = 0, star = 0, from = 0; // `star`: behind the last one
    while (t < text.n) {
        char here = p < pattern.n ? pattern.p[p] : '\0';
        if (here == '*') {
            star = ++p;
            from = t;
        } else if (p < pattern.n && (here == '?' || same_letter(here, text.p[t]))) {
            p++;
            t++;
        } else if (star) {
            p = star;
            t = ++from;
        } else {
            return false;
        }
    }
    while (p < pattern.n && pattern.p[p] == '*')
        p++;
    return p == pattern.n;
}
