/* The set of the process. Reading which providers there are takes no lock; making and ending them
 * is done by one thread at a time. Sets that were shut down are kept, since handles of them may be
 * in use, until tt_cleanup. */
#include "telltale/init.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/fork.h"
#include "core/mutex.h"
#include "core/problem.h"
#include "init/component.h"
#include "init/init.h"
#include "init/last.h"

enum { EXIT_TIMEOUT_MS = 2000 };

struct set {
    tt_sdk sdk;
    struct set *next; /* the one before it */
};

static struct {
    struct mutex lock;
    struct set *sets; /* all there have been; guarded */
    _Atomic(struct set *) current;
    _Atomic(int64_t) exit_timeout_ms;
    bool hooked; /* exit and fork are told of; guarded */
    struct fork_hook fork;
} global = {.lock = MUTEX_INIT};

/* --- exit and fork --------------------------------------------------------------------------- */

static void at_exit(void)
{
    int64_t timeout_ms = atomic_get_relaxed(&global.exit_timeout_ms);
    if (timeout_ms >= 0 && (atomic_get_relaxed(&global.current) || last_is_expected()))
        last_shutdown(timeout_ms);
}

static void in_child(void *arg)
{
    (void)arg;
    mutex_init(&global.lock); // another thread may have held it; what it guards changes last
    component_restart();
}

/* Under the lock. */
static void hook(void)
{
    if (global.hooked)
        return;
    global.hooked = true;
    global.fork.child = in_child;
    fork_hook_add(&global.fork);
    if (atexit(at_exit) != 0)
        problem(TT_PROBLEM_MEMORY, "telemetry will not be sent at exit", NULL);
}

/* --- beginning ------------------------------------------------------------------------------- */

/* Under the lock; takes the set. */
static int install(const tt_sdk *sdk)
{
    struct set *s = calloc(1, sizeof *s);
    if (!s)
        return TT_ERR_NOMEM;
    s->sdk = *sdk;
    s->next = global.sets;
    global.sets = s;
    hook();
    atomic_set_release(&global.current, s); // pairs with current()
    return TT_OK;
}

static int install_or_free(tt_sdk *sdk)
{
    int rc = install(sdk);
    if (rc == TT_OK)
        return rc;
    problem(TT_PROBLEM_MEMORY, "no memory for the SDK", NULL);
    tt_sdk_free(sdk);
    return rc;
}

static int64_t choose_exit_timeout(const tt_init_options *o)
{
    bool given = o && o->size >= offsetof(tt_init_options, exit_timeout_ms) + sizeof(int64_t);
    return given && o->exit_timeout_ms ? o->exit_timeout_ms : EXIT_TIMEOUT_MS;
}

int tt_init(const tt_init_options *options)
{
    int rc = TT_OK;
    bool quiet = options && options->size > offsetof(tt_init_options, quiet) && options->quiet;
    mutex_lock(&global.lock);
    if (!atomic_get_relaxed(&global.current)) {
        if (!quiet)
            init_report_problems();
        tt_sdk sdk;
        atomic_set_relaxed(&global.exit_timeout_ms, choose_exit_timeout(options));
        rc = tt_sdk_new(options, &sdk);
        int installed = install_or_free(&sdk);
        rc = rc == TT_OK ? installed : rc;
    }
    mutex_unlock(&global.lock);
    return rc;
}

int tt_sdk_set_global(const tt_sdk *sdk)
{
    if (!sdk)
        return TT_ERR_INVALID;
    mutex_lock(&global.lock);
    int rc = TT_ERR_INVALID;
    if (!atomic_get_relaxed(&global.current)) {
        atomic_set_relaxed(&global.exit_timeout_ms, EXIT_TIMEOUT_MS);
        rc = install(sdk);
    }
    mutex_unlock(&global.lock);
    return rc;
}

/* --- end ------------------------------------------------------------------------------------- */

static struct set *current(void)
{
    return atomic_get_acquire(&global.current); // pairs with install()
}

static int64_t left_ms(int64_t deadline_mono_ns)
{
    return MAX(deadline_mono_ns - clock_mono_ns(), 0) / 1000000;
}

int tt_flush(int64_t timeout_ms)
{
    int64_t deadline = clock_deadline_ns(timeout_ms);
    if (!mutex_lock_until(&global.lock, deadline))
        return TT_ERR_TIMEOUT;
    struct set *s = current();
    int rc = s ? tt_sdk_flush(&s->sdk, left_ms(deadline)) : TT_OK;
    mutex_unlock(&global.lock);
    return rc;
}

int tt_shutdown(int64_t timeout_ms)
{
    int64_t deadline = clock_deadline_ns(timeout_ms);
    if (!mutex_lock_until(&global.lock, deadline))
        return TT_ERR_TIMEOUT;
    struct set *s = current();
    atomic_set_release(&global.current, NULL); // pairs with current()
    int rc = s ? tt_sdk_shutdown(&s->sdk, left_ms(deadline)) : TT_OK;
    mutex_unlock(&global.lock);
    return rc;
}

void tt_cleanup(void)
{
    (void)tt_shutdown(EXIT_TIMEOUT_MS); // what is lost by it is counted
    mutex_lock(&global.lock);
    for (struct set *s = global.sets, *next; s; s = next) {
        next = s->next;
        tt_sdk_free(&s->sdk);
        free(s);
    }
    global.sets = NULL;
    mutex_unlock(&global.lock);
}

/* --- what there is --------------------------------------------------------------------------- */

tt_tracer_provider *tt_tracer_provider_global(void)
{
    struct set *s = current();
    return s ? s->sdk.tracers : NULL;
}

tt_meter_provider *tt_meter_provider_global(void)
{
    struct set *s = current();
    return s ? s->sdk.meters : NULL;
}

tt_logger_provider *tt_logger_provider_global(void)
{
    struct set *s = current();
    return s ? s->sdk.loggers : NULL;
}

unsigned tt_propagators_global(void)
{
    struct set *s = current();
    return s ? s->sdk.propagators : TT_W3C | TT_BAGGAGE;
}

tt_tracer *tt_tracer_global(const char *name, const char *version)
{
    return tt_tracer_get(tt_tracer_provider_global(), name, version);
}

tt_meter *tt_meter_global(const char *name, const char *version)
{
    return tt_meter_get(tt_meter_provider_global(), name, version);
}

tt_logger *tt_logger_global(const char *name, const char *version)
{
    return tt_logger_get(tt_logger_provider_global(), name, version);
}
