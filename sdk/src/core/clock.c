#include "core/clock.h"

int64_t clock_unix_ns(void)
{
    return clock_read_ns(CLOCK_REALTIME);
}

int64_t clock_mono_ns(void)
{
    return clock_read_ns(CLOCK_MONOTONIC);
}

int64_t clock_deadline_ns(int64_t timeout_ms)
{
    int64_t now = clock_mono_ns(), ns_per_ms = 1000000;
    if (timeout_ms > (INT64_MAX - now) / ns_per_ms)
        return INT64_MAX;
    return timeout_ms > 0 ? now + timeout_ms * ns_per_ms : now;
}
