/* The first problem of each text is told, all are counted. Texts are literals, so a small table of
 * their addresses remembers what was told; when it is full nothing more is told. */
#include "core/problem.h"

#include <stdbool.h>
#include <stdio.h>

#include "base/atomic.h"

enum { TOLD_MAX = 64, TEXT_MAX = 256 };

static _Atomic(uint64_t) counts[TT_PROBLEM_KINDS_SIZE];
static _Atomic(const char *) told[TOLD_MAX];
static _Atomic(tt_problem_handler) handler;
static _Atomic(void *) handler_arg;

/* Claims a place in the table; false when the text has one, or there is none left. */
static bool is_news(const char *text)
{
    for (size_t i = 0; i < TOLD_MAX; i++) {
        const char *seen = NULL;
        if (atomic_compare_exchange_strong(&told[i], &seen, text))
            return true;
        if (seen == text)
            return false;
    }
    return false;
}

void problem(enum tt_problem kind, const char *text, const char *detail)
{
    problem_add(kind, 1);
    tt_problem_handler call = atomic_get_acquire(&handler); // pairs with tt_problem_set_handler
    if (!call || !is_news(text))
        return;
    char line[TEXT_MAX];
    if (detail)
        (void)snprintf(line, sizeof line, "%s: \"%s\"", text, detail); // cut when too long
    else
        (void)snprintf(line, sizeof line, "%s", text);
    call(kind, line, atomic_get_relaxed(&handler_arg));
}

void problem_add(enum tt_problem kind, uint64_t n)
{
    atomic_add_relaxed(&counts[kind], n);
}

uint64_t tt_problem_count(enum tt_problem kind)
{
    return (unsigned)kind < TT_PROBLEM_KINDS_SIZE ? atomic_get_relaxed(&counts[kind]) : 0;
}

void tt_problem_tell(enum tt_problem kind, const char *text, const char *detail)
{
    if ((unsigned)kind < TT_PROBLEM_KINDS_SIZE && text)
        problem(kind, text, detail);
}

void problem_set_default_handler(tt_problem_handler call)
{
    tt_problem_handler none = NULL;
    (void)atomic_compare_exchange_strong(&handler, &none, call);
}

void tt_problem_set_handler(tt_problem_handler call, void *arg)
{
    atomic_set_relaxed(&handler_arg, arg);
    atomic_set_release(&handler, call); // pairs with problem()
}

const char *tt_status_text(int status)
{
    static const char *const texts[] = {
        [TT_OK] = "success",
        [-TT_ERR_INVALID] = "an argument is out of its range",
        [-TT_ERR_NOMEM] = "out of memory",
        [-TT_ERR_SPACE] = "the buffer is too small",
        [-TT_ERR_LIMIT] = "a limit was reached",
        [-TT_ERR_TIMEOUT] = "the deadline passed",
        [-TT_ERR_SHUTDOWN] = "shut down before",
        [-TT_ERR_IO] = "input or output failed",
    };
    return status <= 0 && status >= TT_ERR_IO ? texts[-status] : "unknown status";
}
