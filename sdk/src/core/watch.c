/* What is told to those who watch the library. */
#include "base/compiler.h"
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
    *p = (tt_pipeline){.exports = b->options.exporter.send, .simple = b->options.simple};
    relay_read(b->relay, p);
    p->processed = atomic_get_relaxed(&b->processed);
    p->queue_full = atomic_get_relaxed(&b->queue_full);
    uint64_t left = batcher_left(b);
    p->queued -= MIN(left, p->queued);
    p->shut_down = atomic_get_relaxed(&b->shut_down) + left;
    p->no_memory = atomic_get_relaxed(&b->no_memory);
    p->filtered = atomic_get_relaxed(&b->filtered);
}
