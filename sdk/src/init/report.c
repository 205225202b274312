/* Problems on stderr: one write each, so that lines stay whole, and nothing that allocates, since
 * the problem may be that there is no memory. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/str.h"
#include "core/problem.h"
#include "init/init.h"

enum { LINE_MAX_BYTES = 320 };

static atomic_bool only_errors;

static bool is_error(enum tt_problem kind)
{
    return kind == TT_PROBLEM_MEMORY || kind == TT_PROBLEM_EXPORT;
}

static void report(enum tt_problem kind, const char *text, void *arg)
{
    (void)arg;
    if (atomic_get_relaxed(&only_errors) && !is_error(kind))
        return;
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof line, "telltale: %s: %s\n", is_error(kind) ? "error" : "warning",
                     text);
    if (n > 0 && write(STDERR_FILENO, line, MIN((size_t)n, sizeof line - 1)) < 0)
        return; // there is nobody else to tell
}

void init_report_problems(void)
{
    struct str level = str_trim(str_c(getenv("OTEL_LOG_LEVEL")));
    if (str_eq_nocase(level, STR("none")) || str_eq_nocase(level, STR("off")))
        return;
    atomic_set_relaxed(&only_errors, str_eq_nocase(level, STR("error")));
    problem_set_default_handler(report);
}
