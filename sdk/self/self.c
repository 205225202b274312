/* A tt_self from its making to its end: whoever watches an exporter for it has a reference, so that
 * it may end before them.
 *
 * After fork() another thread may have held a lock that is now nobody's: in the child all of them
 * are made anew, and nothing is under way there. */
#include "self/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "telltale/component.h"

/* All there are, for fork(). */
static struct {
    pthread_mutex_t lock;
    tt_self *list;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* --- locks and processes --------------------------------------------------------------------- */

void self_lock(tt_self *s)
{
    (void)pthread_mutex_lock(&s->lock); // cannot fail for such a mutex
}

void self_unlock(tt_self *s)
{
    (void)pthread_mutex_unlock(&s->lock);
}

static void before_fork(void)
{
    (void)pthread_mutex_lock(&all.lock);
}

static void after_fork_in_parent(void)
{
    (void)pthread_mutex_unlock(&all.lock);
}

/* What is under way is the parent's. */
static void watched_forget(struct watched *w)
{
    w->exported += w->later_delivered;
    w->inflight = w->kept = w->later_delivered = w->later_lost = 0;
    w->later = NULL; // until it tells again
}

static void after_fork_in_child(void)
{
    (void)pthread_mutex_init(&all.lock, NULL); // cannot fail on Linux
    for (tt_self *s = all.list; s; s = s->next) {
        (void)pthread_mutex_init(&s->lock, NULL);
        for (struct watched *w = s->watched; w; w = w->next)
            watched_forget(w);
    }
}

static void prepare(void)
{
    (void)pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child); // or no memory
}

/* --- life ------------------------------------------------------------------------------------ */

tt_self *tt_self_new(void)
{
    (void)pthread_once(&once, prepare);
    tt_self *s = calloc(1, sizeof *s);
    if (!s) {
        tt_problem_tell(TT_PROBLEM_MEMORY, "no memory to watch the SDK", NULL);
        return NULL;
    }
    (void)pthread_mutex_init(&s->lock, NULL); // cannot fail on Linux
    atomic_init(&s->references, 1);
    s->collected = (tt_collection_watch){.collected = observe_collection, .arg = s};
    (void)pthread_mutex_lock(&all.lock);
    s->next = all.list;
    all.list = s;
    (void)pthread_mutex_unlock(&all.lock);
    return s;
}

static void delist(tt_self *s)
{
    (void)pthread_mutex_lock(&all.lock);
    tt_self **at = &all.list;
    while (*at != s)
        at = &(*at)->next;
    *at = s->next;
    (void)pthread_mutex_unlock(&all.lock);
}

void self_release(tt_self *s)
{
    if (!s || atomic_fetch_sub(&s->references, 1) > 1)
        return;
    delist(s);
    for (struct watched *w = s->watched, *next; w; w = next) {
        next = w->next;
        free(w);
    }
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
}

/* --- names ----------------------------------------------------------------------------------- */

void watched_use(struct watched *w)
{
    unsigned before = 0;
    if (*w->name)
        return;
    if (!*w->type)
        (void)snprintf(w->type, sizeof w->type, "tt_exporter"); // as C calls it
    for (const struct watched *o = w->self->watched; o; o = o->next)
        before += *o->name && strcmp(o->type, w->type) == 0;
    (void)snprintf(w->name, sizeof w->name, "%s/%u", w->type, before);
}

/* Stands for Prometheus' text, which is collected and exported at once. */
static bool add_scraper(tt_self *s)
{
    struct watched *w = calloc(1, sizeof *w);
    if (!w)
        return false;
    w->self = s;
    w->signal = TT_SIGNAL_METRICS;
    (void)snprintf(w->type, sizeof w->type, "prometheus_http_text_metric_exporter");
    w->next = s->watched;
    s->watched = s->scraper = w;
    return true;
}

/* --- reporting ------------------------------------------------------------------------------- */

/* Of tt_pull. */
static void stop(void *arg)
{
    tt_self *s = arg;
    tt_meter_unregister_callback(s->meter, s->id);
    tt_meter_provider_watch(s->meters, NULL);
    self_lock(s);
    s->collections = s->exports = NULL; // exporters may go on for a while
    self_unlock(s);
    self_release(s);
}

/* What the process had started before is not this SDK's. */
static void remember_started(tt_self *s)
{
    int64_t live[3];
    tt_pipeline p;
    if (!s->tracers)
        return;
    tt_tracer_provider_pipeline(s->tracers, &p);
    tt_pipeline_spans(&p, s->started_before, live);
}

static int report(tt_self *s, const tt_sdk *sdk)
{
    s->meters = sdk->meters;
    s->tracers = sdk->tracers;
    s->loggers = sdk->loggers;
    remember_started(s);
    s->meter = tt_meter_get(sdk->meters, "telltale.self", NULL);
    bool made = s->meter && self_make_metrics(s);
    made = made && add_scraper(s);
    s->id = made ? tt_meter_register_callback(s->meter, observe_sdk, s) : 0;
    if (s->id > 0)
        return TT_OK;
    s->collections = s->exports = NULL;
    return s->meter ? TT_ERR_NOMEM : TT_OK;
}

int tt_self_start(tt_self *s, tt_sdk *sdk)
{
    if (!s || !sdk || sdk->pulls_n == TT_SDK_READERS_MAX) {
        self_release(s);
        return s && sdk ? TT_ERR_LIMIT : TT_ERR_INVALID;
    }
    self_lock(s);
    int rc = report(s, sdk);
    bool reports = s->id > 0;
    self_unlock(s);
    if (!reports) {
        self_release(s);
        return rc;
    }
    tt_meter_provider_watch(sdk->meters, &s->collected);
    sdk->pulls[sdk->pulls_n++] = (tt_pull){.stop = stop, .arg = s};
    return TT_OK;
}
