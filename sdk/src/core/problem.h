/* Problems of the library: counted, and told once each. */
#ifndef TELLTALE_CORE_PROBLEM_H
#define TELLTALE_CORE_PROBLEM_H

#include "telltale/api.h"

/* Counts one; calls the handler when this text (a literal: it is known by its address) is new.
 * `detail` may be NULL; else it is quoted behind the text. Threads: any, also under locks. */
void problem(enum tt_problem kind, const char *text, const char *detail);

/* Sets the handler, whose argument is NULL, unless there is one. */
void problem_set_default_handler(tt_problem_handler call);

/* Counts `n` without telling. */
void problem_add(enum tt_problem kind, uint64_t n);

#endif
