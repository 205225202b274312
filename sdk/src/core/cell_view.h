/* What the short way of recording a value sees of its thread's memory. It stands in core because
 * spans tell when it is to see nothing. */
#ifndef TELLTALE_CORE_CELL_VIEW_H
#define TELLTALE_CORE_CELL_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"

typedef _Atomic(uint64_t) cell_word;

/* What a thread knows of its own shard. While a span may be sampled in the thread, no chunk is
 * shown to the short way of recording, so that all values take the long one, which looks at them
 * for exemplars: this costs nothing where there is no span. */
struct cell_view {
    cell_word *const *chunks; /* NULL where nothing was written yet */
    size_t shown, n;          /* shown: n, or 0 */
    bool watched;
};
extern _Thread_local struct cell_view cell_view;

static inline void cell_watch(bool on)
{
    cell_view.watched = on;
    cell_view.shown = on ? 0 : cell_view.n;
}

#endif
