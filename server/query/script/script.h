/* The script format in which PromQL engines are tested: load, eval, expect.
 *
 *   load 30s
 *       requests{path="/a"}  0+10x4  _ 7 stale
 *   eval instant at 2m increase(requests[2m])
 *       {path="/a"} 40
 *
 * Commands end at an empty line. Samples lie at the Unix epoch plus the given times. The commands
 * act through a driver, so that the same scripts test the library and a server. */
#ifndef TELLTALE_QUERY_SCRIPT_SCRIPT_H
#define TELLTALE_QUERY_SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"

struct batch;
struct histogram;
struct query_request;
struct query_result;

struct script_driver {
    /* Empties the store. Called first of all, and by `clear`. */
    int (*reset)(void *self, struct err *err);
    int (*load)(void *self, const struct batch *b, struct err *err);
    /* As query_run; the answer is given to query_result_done. */
    int (*query)(void *self, const struct query_request *request, struct query_result *out,
                 struct err *err);
    /* Whether an answer's histogram is the expected one, for answers that do not tell all of it;
     * NULL: all fields must be the same. */
    bool (*same_histogram)(const struct histogram *expected, const struct histogram *got);
    /* An eval whose answer was not the expected one; may be NULL. `line`: of the eval, from 1. */
    void (*failed)(void *self, size_t line, const char *message);
    void *self;
};

struct script_report {
    size_t evals, passed;
};

/* Runs a script. Evals that fail are reported and counted, not an error. ERR_INVALID: the script is
 * malformed (line named); otherwise what the driver's reset or load gave. `out` holds what was done
 * so far in any case. */
int script_run(struct str text, const struct script_driver *driver, struct script_report *out,
               struct err *err);

#endif
