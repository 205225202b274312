/* What is done to all parts of a set. Time is shared: each part that exports may take an equal
 * share of what is left, and what it leaves over goes to the next, so that one dead collector does
 * not cost the others their last data. */
#include <unistd.h>

#include "base/compiler.h"
#include "core/clock.h"
#include "telltale/init.h"
#include "telltale/watch.h"

enum { FREE_TIMEOUT_MS = 5000 };

struct share {
    int64_t deadline_mono_ns;
    size_t parts; /* that export and have not had theirs */
    int rc;       /* the first failure */
};

static bool traces_export(const tt_sdk *sdk)
{
    tt_pipeline p = {0};
    if (sdk->tracers)
        tt_tracer_provider_pipeline(sdk->tracers, &p);
    return p.exports;
}

static bool logs_export(const tt_sdk *sdk)
{
    tt_pipeline p = {0};
    if (sdk->loggers)
        tt_logger_provider_pipeline(sdk->loggers, &p);
    return p.exports;
}

static struct share share_of(const tt_sdk *sdk, int64_t timeout_ms)
{
    return (struct share){.deadline_mono_ns = clock_deadline_ns(timeout_ms),
                          .parts = traces_export(sdk) + logs_export(sdk) + sdk->readers_n};
}

static int64_t next_ms(struct share *s, bool exports)
{
    int64_t left_ms = MAX(s->deadline_mono_ns - clock_mono_ns(), 0) / 1000000;
    left_ms /= (int64_t)MAX(s->parts, 1);
    s->parts -= exports;
    return left_ms;
}

static void note(struct share *s, int rc)
{
    if (s->rc == TT_OK)
        s->rc = rc;
}

int tt_sdk_flush(tt_sdk *sdk, int64_t timeout_ms)
{
    if (!sdk)
        return TT_OK;
    struct share s = share_of(sdk, timeout_ms);
    note(&s, tt_tracer_provider_flush(sdk->tracers, next_ms(&s, traces_export(sdk))));
    note(&s, tt_logger_provider_flush(sdk->loggers, next_ms(&s, logs_export(sdk))));
    for (size_t i = 0; i < sdk->readers_n && sdk->process == getpid(); i++)
        note(&s, tt_metric_reader_flush(sdk->readers[i], next_ms(&s, true)));
    return s.rc;
}

/* The parent's threads are not here to be ended: their memory stays. */
static void stop_metrics(tt_sdk *sdk, struct share *s)
{
    bool own = sdk->process == getpid();
    for (size_t i = 0; i < sdk->readers_n && own; i++)
        note(s, tt_metric_reader_stop(sdk->readers[i], next_ms(s, true)));
    for (size_t i = 0; i < sdk->pulls_n && own; i++)
        sdk->pulls[i].stop(sdk->pulls[i].arg);
    sdk->readers_n = sdk->pulls_n = 0;
}

int tt_sdk_shutdown(tt_sdk *sdk, int64_t timeout_ms)
{
    if (!sdk)
        return TT_OK;
    struct share s = share_of(sdk, timeout_ms);
    note(&s, tt_tracer_provider_shutdown(sdk->tracers, next_ms(&s, traces_export(sdk))));
    note(&s, tt_logger_provider_shutdown(sdk->loggers, next_ms(&s, logs_export(sdk))));
    stop_metrics(sdk, &s);
    return s.rc;
}

void tt_sdk_free(tt_sdk *sdk)
{
    if (!sdk)
        return;
    (void)tt_sdk_shutdown(sdk, FREE_TIMEOUT_MS); // what is lost by it is counted
    tt_tracer_provider_free(sdk->tracers);
    tt_logger_provider_free(sdk->loggers);
    tt_meter_provider_free(sdk->meters);
    *sdk = (tt_sdk){0};
}
