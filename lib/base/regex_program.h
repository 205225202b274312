/* A pattern as a small program over bytes: a graph whose edges take one byte of a set, without
 * captures and without a memory. It accepts at least what the pattern matches, and more where
 * exactness would cost: assertions always hold, `{2,5}` is `{2,}`, and what may be a character
 * outside ASCII is any run of bytes from 0x80 on. */
#ifndef TELLTALE_BASE_REGEX_PROGRAM_H
#define TELLTALE_BASE_REGEX_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

enum { PROGRAM_MAX = 2048 }; /* instructions */

enum program_op {
    PROGRAM_BYTE,  /* takes a byte of the set, then goes to `next` */
    PROGRAM_SPLIT, /* takes nothing, goes to `next` and to `other` */
    PROGRAM_ACCEPT,
};

struct byte_set {
    uint64_t bits[4];
};

static inline bool byte_set_has(const struct byte_set *s, unsigned char c)
{
    return s->bits[c / 64] >> c % 64 & 1;
}

struct instruction {
    uint16_t op, next, other;
    struct byte_set bytes;
};

struct regex_program {
    struct instruction *code; /* owned; begins at 0 */
    size_t n;
};

/* `pattern` has been accepted by regex_new. False: it has something that this does not understand,
 * or is too large, or there is no memory; `out` is then untouched. */
bool regex_program_make(struct str pattern, struct regex_program *out);
void regex_program_done(struct regex_program *p);

#endif
