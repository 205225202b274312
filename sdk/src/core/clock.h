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

/* The same as calls, where there is time. */
int64_t clock_unix_ns(void);
int64_t clock_mono_ns(void);

/* Of the monotonic clock, so many milliseconds from now; INT64_MAX when that is too far. */
int64_t clock_deadline_ns(int64_t timeout_ms);

#endif
