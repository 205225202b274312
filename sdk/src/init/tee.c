#include "telltale/init.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/clock.h"

struct tee {
    size_t n;
    tt_exporter exporters[];
};

static int send_all(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                    int64_t timeout_ms)
{
    struct tee *t = arg;
    int64_t deadline = clock_deadline_ns(timeout_ms);
    int rc = TT_OK;
    for (size_t i = 0; i < t->n; i++) {
        const tt_exporter *e = &t->exporters[i];
        int64_t left_ms = MAX(deadline - clock_mono_ns(), 0) / 1000000;
        int sent = e->send(e->arg, signal, request, n, items, MIN(left_ms, timeout_ms));
        rc = rc == TT_OK ? sent : rc;
    }
    return rc;
}

static int flush_all(void *arg, int64_t timeout_ms)
{
    struct tee *t = arg;
    int64_t deadline = clock_deadline_ns(timeout_ms);
    int rc = TT_OK;
    for (size_t i = 0; i < t->n; i++) {
        const tt_exporter *e = &t->exporters[i];
        int64_t left_ms = MAX(deadline - clock_mono_ns(), 0) / 1000000;
        int done = e->flush ? e->flush(e->arg, left_ms) : TT_OK;
        rc = rc == TT_OK ? done : rc;
    }
    return rc;
}

static void cancel_all(void *arg)
{
    struct tee *t = arg;
    for (size_t i = 0; i < t->n; i++) {
        if (t->exporters[i].cancel)
            t->exporters[i].cancel(t->exporters[i].arg);
    }
}

static void close_each(const tt_exporter *exporters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (exporters[i].close)
            exporters[i].close(exporters[i].arg);
    }
}

static void close_all(void *arg)
{
    struct tee *t = arg;
    close_each(t->exporters, t->n);
    free(t);
}

int tt_exporter_tee(const tt_exporter *exporters, size_t n, tt_exporter *out)
{
    if (!out || (n && !exporters))
        return TT_ERR_INVALID;
    if (n < 2) {
        *out = n ? exporters[0] : (tt_exporter){0};
        return TT_OK;
    }
    struct tee *t = calloc(1, sizeof *t + n * sizeof *exporters);
    if (!t) {
        close_each(exporters, n);
        return TT_ERR_NOMEM;
    }
    t->n = n;
    memcpy(t->exporters, exporters, n * sizeof *exporters);
    *out = (tt_exporter){
        .send = send_all, .flush = flush_all, .cancel = cancel_all, .close = close_all, .arg = t};
    return TT_OK;
}
