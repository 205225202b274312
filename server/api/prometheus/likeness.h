/* How well a name fits what somebody typed. */
#ifndef TELLTALE_API_PROMETHEUS_LIKENESS_H
#define TELLTALE_API_PROMETHEUS_LIKENESS_H

#include <stdbool.h>

#include "base/str.h"

/* From 0, not at all, to 1, at its beginning: the letters of `term` stand in `name` in their order,
 * better in few pieces and with little else. Of long names the first such place counts. */
double likeness_subsequence(struct str name, struct str term, bool fold);

/* The measure of Jaro and Winkler: what is in both at about the same place, and how alike they
 * begin. Names and terms of more than 256 bytes are like nothing. */
double likeness_jaro_winkler(struct str name, struct str term, bool fold);

/* Does the name have the term in it as it is? `fold`: whatever the case of ASCII letters. */
bool likeness_contains(struct str name, struct str term, bool fold);

/* Does the name begin with it? */
bool likeness_begins(struct str name, struct str term, bool fold);

#endif
