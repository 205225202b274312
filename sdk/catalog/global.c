/* The catalog of the process: made when it is asked for first, of the providers that tt_init made.
 *
 * tt_shutdown and another tt_init make other providers; then another catalog is made. The ones
 * before stay, since somebody may hold them; there are as many as calls of tt_init. Which providers
 * they are is told by their addresses, which is why tt_catalog_cleanup goes before tt_cleanup. */
#include <pthread.h>

#include "base/atomic.h"
#include "catalog/runtime.h"
#include "telltale/init.h"

static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct tt_catalog *) newest; /* written under `making` */

/* Whether it is of these providers. */
static bool is_of(const struct tt_catalog *c, const tt_catalog_options *o)
{
    return c && c->meters == o->meters && c->tracers_of == o->tracers && c->loggers == o->loggers;
}

static struct tt_catalog *make(const tt_catalog_options *o)
{
    (void)pthread_mutex_lock(&making); // cannot fail: it is of the default kind
    struct tt_catalog *c = atomic_get_relaxed(&newest);
    if (!is_of(c, o)) {
        struct tt_catalog *before = c;
        c = tt_catalog_new(o);
        if (c) {
            c->before = before;
            atomic_set_release(&newest, c);
        }
    }
    (void)pthread_mutex_unlock(&making);
    return c;
}

tt_catalog *tt_catalog_global(void)
{
    tt_catalog_options o = {.size = sizeof o};
    o.meters = tt_meter_provider_global();
    o.tracers = tt_tracer_provider_global();
    o.loggers = tt_logger_provider_global();
    if (!o.meters && !o.tracers && !o.loggers)
        return NULL;
    struct tt_catalog *c = atomic_get_acquire(&newest); // pairs with make
    return is_of(c, &o) ? c : make(&o);
}

void tt_catalog_cleanup(void)
{
    (void)pthread_mutex_lock(&making); // as above
    struct tt_catalog *c = atomic_swap_acq_rel(&newest, NULL);
    while (c) {
        struct tt_catalog *before = c->before;
        tt_catalog_free(c);
        c = before;
    }
    (void)pthread_mutex_unlock(&making);
}
