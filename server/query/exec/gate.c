#include "query/exec/gate.h"

void gate_init(struct gate *g, size_t max)
{
    *g = (struct gate){.max = max};
    lock_init(&g->lock, LOCK_QUERY);
    cond_init(&g->freed);
}

void gate_done(struct gate *g)
{
    cond_done(&g->freed);
    lock_done(&g->lock);
}

void gate_resize(struct gate *g, size_t max)
{
    lock_take(&g->lock);
    g->max = max;
    cond_broadcast(&g->freed);
    lock_give(&g->lock);
}

int gate_enter(struct gate *g, int64_t deadline_mono_ns, struct err *err)
{
    int rc = 0;
    lock_take(&g->lock);
    while (g->running >= g->max && rc == 0)
        if (!cond_wait_until(&g->freed, &g->lock, deadline_mono_ns) && g->running >= g->max)
            rc = err_set(err, ERR_BUSY,
                         "%zu queries are running already and none ended in time; the limit is set "
                         "by query.max_concurrency",
                         g->max);
    if (rc == 0)
        g->running++;
    lock_give(&g->lock);
    return rc;
}

void gate_leave(struct gate *g)
{
    lock_take(&g->lock);
    g->running--;
    cond_signal(&g->freed);
    lock_give(&g->lock);
}
