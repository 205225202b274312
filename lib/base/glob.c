/* A star takes as little as it can; where that fails it takes one more. Only the last star is gone
 * back to. */
#include "base/glob.h"

static bool same_letter(char a, char b)
{
    return (a | 0x20) == (b | 0x20) && (a | 0x20) >= 'a' && (a | 0x20) <= 'z';
}

static bool fits(struct str pattern, struct str text, bool any_case)
{
    size_t p = 0, t = 0, star = 0, from = 0; // `star`: behind the last one
    while (t < text.n) {
        char here = p < pattern.n ? pattern.p[p] : '\0', letter = text.p[t];
        if (here == '*') {
            star = ++p;
            from = t;
        } else if (p < pattern.n &&
                   (here == '?' || here == letter || (any_case && same_letter(here, letter)))) {
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

bool glob_fits(struct str pattern, struct str text)
{
    return fits(pattern, text, false);
}

bool glob_fits_nocase(struct str pattern, struct str text)
{
    return fits(pattern, text, true);
}
