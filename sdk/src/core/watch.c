/* What is told to those who watch the library. */
#include "core/batcher.h"

/* --- exports --------------------------------------------------------------------------------- */

static _Thread_local const tt_export_watch *export_watch;

const tt_export_watch *tt_export_watch_set(const tt_export_watch *watch)
{
    const tt_export_watch *before = export_watch;
    export_watch = watch;
    return before;
}

void tt_export_tell(const tt_export_report *report)
{
    if (export_watch)
        export_watch->told(export_watch->arg, report);
}

/* --- pipelines ------------------------------------------------------------------------------- */

void batcher_read(const struct batcher *b, tt_pipeline *p)
{
    struct relay_state relay = relay_state(b->relay);
    p->exports = b->options.exporter.send != NULL;
    p->simple = b->options.simple;
    p->queued = relay.waiting;
    p->capacity = relay.room;
    p->processed = atomic_get_relaxed(&b->processed);
    p->queue_full = atomic_get_relaxed(&b->queue_full);
    p->shut_down = atomic_get_relaxed(&b->shut_down);
    p->no_memory = atomic_get_relaxed(&b->no_memory);
    p->created = relay.written + p->queue_full + p->shut_down + atomic_get_relaxed(&b->filtered);
}
