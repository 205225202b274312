/* The clocks. A reading costs some 25 ns; hot paths do not take more than they must. */
#ifndef TELLTALE_CORE_CLOCK_H
#define TELLTALE_CORE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t clock_read_ns(clockid_t clock)
{
    struct timespec t;
    (void)clock_gettime(clock, &t); // cannot fail for the clocks below
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static inline int64_t clock_unix_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

static inline int64_t clock_mono_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

/* Of the monotonic clock, so many milliseconds from now; INT64_MAX when that is too far. */
static inline int64_t clock_deadline_ns(int64_t timeout_ms)
{
    int64_t now = clock_mono_ns(), ns_per_ms = 1000000;
    if (timeout_ms > (INT64_MAX - now) / ns_per_ms)
        return INT64_MAX;
    return timeout_ms > 0 ? now + timeout_ms * ns_per_ms : now;
}

#endif
