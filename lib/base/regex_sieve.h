/* Of many texts that lie behind each other, which ones a pattern may match: one pass over all
 * bytes, at about a cycle a byte, whatever the pattern looks like. What it lets through is asked of
 * the pattern itself; what it keeps back does not match. Threads: any number at once. */
#ifndef TELLTALE_BASE_REGEX_SIEVE_H
#define TELLTALE_BASE_REGEX_SIEVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct sieve;

/* For searches with `pattern`, which regex_new_search has accepted. NULL: it would let everything
 * through, the pattern has something that it does not understand, or there is no memory. */
struct sieve *sieve_new(struct str pattern);
void sieve_free(struct sieve *s);

/* Text i is text[ends[i - 1], ends[i]), the first begins at 0. Sets bit i for each i in [from, n)
 * that may match, and leaves the other bits. False: this pattern with these texts needs more states
 * than there is room for, or there is no memory, and the bits say nothing. */
bool sieve_run(struct sieve *s, const char *text, const uint32_t *ends, uint32_t from, uint32_t n,
               uint64_t *bits);

#endif
