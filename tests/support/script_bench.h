/* Runs a script of PromQL's tests against a store in memory (fake_store.c), which each script finds
 * empty. */
#ifndef TELLTALE_TESTS_SUPPORT_SCRIPT_BENCH_H
#define TELLTALE_TESTS_SUPPORT_SCRIPT_BENCH_H

#include "query/query.h"
#include "query/script/script.h"
#include "store/store.h"

struct script_bench {
    struct store *store;
    struct query_engine *engine;
    unsigned features; /* of the language, QUERY_…: set before */
    size_t failures;   /* how many were told */
    size_t line;       /* of the last of them, with its message */
    char message[1024];
};

/* As script_run. */
int script_bench_run(struct script_bench *b, const char *text, struct script_report *report,
                     struct err *err);

#endif
