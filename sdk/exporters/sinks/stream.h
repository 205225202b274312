/* Writing to a pipe, a terminal or a socket whose other side may have stopped reading. */
#ifndef TELLTALE_SDK_EXPORTERS_SINKS_STREAM_H
#define TELLTALE_SDK_EXPORTERS_SINKS_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/str.h"

struct stream {
    atomic_bool cancelled; /* by stream_cancel, for ever */
    bool torn;             /* a line was begun and not ended */
};

/* Writes whole lines to a descriptor, which stays as blocking as its owner made it. False when that
 * did not come to an end in time, after a cancel, and when it fails; then `torn` tells whether the
 * last line that went out is incomplete: the next call ends it first. No SIGPIPE comes of it. One
 * thread at a time. */
bool stream_write(struct stream *s, int fd, struct str lines, int64_t timeout_ms);

/* What is under way returns soon, and what comes fails. Any thread. */
static inline void stream_cancel(struct stream *s)
{
    atomic_set_relaxed(&s->cancelled, true);
}

/* Whether there is more time, and no cancel. */
bool stream_may_wait(const struct stream *s, int64_t deadline_mono_ns);

#endif
