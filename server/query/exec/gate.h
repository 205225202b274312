/* How many queries run at once: the others wait, each up to its deadline. */
#ifndef TELLTALE_QUERY_EXEC_GATE_H
#define TELLTALE_QUERY_EXEC_GATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/lock.h"

struct gate {
    struct lock lock;
    struct cond freed;
    size_t max, running; /* guarded by lock */
};

void gate_init(struct gate *g, size_t max);
void gate_done(struct gate *g);
void gate_resize(struct gate *g, size_t max);

/* ERR_BUSY when the deadline passed first. */
int gate_enter(struct gate *g, int64_t deadline_mono_ns, struct err *err);
void gate_leave(struct gate *g);

#endif
