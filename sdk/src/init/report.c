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
#include "telltale/init.h"

enum { LINE_MAX_BYTES = 320 };

/* 0: all is written; 1: errors; 2: nothing. */
static atomic_int silence;

static bool is_error(enum tt_problem kind)
{
    return kind == TT_PROBLEM_MEMORY || kind == TT_PROBLEM_EXPORT;
}

static void report(enum tt_problem kind, const char *text, void *arg)
{
    (void)arg;
    if (atomic_get_relaxed(&silence) > is_error(kind))
        return;
    char line[LINE_MAX_BYTES];
    int n = snprintf(line, sizeof line, "telltale: %s: %s\n", is_error(kind) ? "error" : "warning",
                     text);
    size_t end = MIN((size_t)n, sizeof line - 1);
    for (size_t i = 0; i < end; i++) { // texts of collectors are among them
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    }
    line[end - 1] = '\n';
    if (write(STDERR_FILENO, line, end) < 0)
        return; // there is nobody else to tell
}

void tt_problem_set_level(const char *level)
{
    struct str first = str_sub(str_trim(str_c(level)), 0, 5);
    bool nothing = str_eq_nocase(first, STR("none")) || str_eq_nocase(first, STR("off")) ||
                   str_eq_nocase(first, STR("fatal"));
    atomic_set_relaxed(&silence, nothing ? 2 : str_eq_nocase(first, STR("error")));
}

void init_report_problems(void)
{
    tt_problem_set_level(getenv("OTEL_LOG_LEVEL"));
    problem_set_default_handler(report);
}
