/* The catalog: its instruments, and the callback that shows what is computed when it is asked for.
 */
#include <stdlib.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/time.h"
#include "catalog/runtime.h"
#include "catalog/tally.h"
#include "telltale/catalog.h"
#include "telltale/init.h"
#include "telltale/view.h"

/* --- observable gauges --- */

void observed_set(struct observed *o, int64_t value)
{
    if (!o)
        return;
    atomic_set_relaxed(&o->value, value);
    atomic_set_release(&o->set, true);
}

void observed_add(struct observed *o, int64_t change)
{
    if (!o)
        return;
    atomic_add_relaxed(&o->value, change);
    atomic_set_release(&o->set, true);
}

static bool is_tally(enum metric_kind kind)
{
    return kind == METRIC_PERCENT || kind == METRIC_RATIO || kind == METRIC_PER_SECOND;
}

static void observe(tt_observation *observation, void *arg)
{
    struct tt_catalog *c = arg;
    int64_t now = time_now_mono_ns();
    for (size_t i = 0; i < catalog_metrics_n; i++) {
        struct observed *o = c->at[i].observed;
        enum metric_kind kind = catalog_metrics[i].kind;
        if (!o)
            continue;
        if (is_tally(kind))
            tally_observe(c->at[i].tally, observation, now);
        else if (kind == METRIC_OBSERVABLE_GAUGE && atomic_get_acquire(&o->set)) // observed_set's
            tt_observe_int(observation, o->instrument, atomic_get_relaxed(&o->value), NULL, 0);
    }
}

/* --- instruments --- */

static struct observed *observed_new(tt_meter *meter, const struct metric *m,
                                     const tt_instrument_options *options)
{
    struct observed *o = calloc(1, sizeof *o);
    if (o)
        o->instrument = tt_observable_new(meter, TT_OBSERVABLE_GAUGE, m->name, options, NULL, NULL);
    return o;
}

static union instrument instrument_new(tt_meter *meter, const struct metric *m)
{
    tt_instrument_options o = {.size = sizeof o, .unit = m->unit, .description = m->description};
    union instrument at = {NULL};
    o.bounds = m->bounds;
    o.bounds_n = m->bounds_n;
    switch (m->kind) {
    case METRIC_COUNTER: at.counter = tt_counter_new(meter, m->name, &o); break;
    case METRIC_DOUBLE_COUNTER:
        at.double_counter = tt_double_counter_new(meter, m->name, &o);
        break;
    case METRIC_UPDOWNCOUNTER: at.updowncounter = tt_updowncounter_new(meter, m->name, &o); break;
    case METRIC_GAUGE: at.gauge = tt_gauge_new(meter, m->name, &o); break;
    case METRIC_DOUBLE_GAUGE: at.double_gauge = tt_double_gauge_new(meter, m->name, &o); break;
    case METRIC_HISTOGRAM: at.histogram = tt_histogram_new(meter, m->name, &o); break;
    case METRIC_OBSERVABLE_GAUGE: at.observed = observed_new(meter, m, &o); break;
    case METRIC_PERCENT:
    case METRIC_RATIO:
    case METRIC_PER_SECOND:
        at.tally = tally_new(
            m->kind, tt_observable_new_double(meter, TT_OBSERVABLE_GAUGE, m->name, &o, NULL, NULL));
        break;
    }
    return at;
}

/* Ids are given with each value all the same: so they stand on exemplars. False when that could not
 * be had; the metric is left out then rather than grow without end. */
static bool keep_ids_off_labels(tt_meter_provider *meters, const struct metric *m)
{
    tt_view view = {.size = sizeof view, .instrument = m->name};
    view.meter_name = catalog_meters[m->set].name;
    view.excluded_keys = m->ids;
    view.excluded_keys_n = m->ids_n;
    return m->ids_n == 0 || tt_meter_provider_add_view(meters, &view) == TT_OK;
}

static void make_instruments(struct tt_catalog *c, tt_meter_provider *meters, bool keep_ids)
{
    for (size_t i = 0; i < catalog_metrics_n; i++) {
        const struct metric *m = &catalog_metrics[i];
        if (!(c->sets & UINT64_C(1) << m->set))
            continue;
        c->meter = tt_meter_get_scope(meters, &catalog_meters[m->set]);
        if (c->meter && (keep_ids || keep_ids_off_labels(meters, m)))
            c->at[i] = instrument_new(c->meter, m);
    }
    c->callback = c->meter ? tt_meter_register_callback(c->meter, observe, c) : 0;
}

static void take_global(tt_catalog_options *o)
{
    if (!o->meters)
        o->meters = tt_meter_provider_global();
    if (!o->tracers)
        o->tracers = tt_tracer_provider_global();
    if (!o->loggers)
        o->loggers = tt_logger_provider_global();
}

tt_catalog *tt_catalog_new(const tt_catalog_options *options)
{
    tt_catalog_options o = {.size = sizeof o};
    (void)tt_options_read(&o, sizeof o, options); // NULL leaves the defaults
    take_global(&o);
    struct tt_catalog *c = calloc(1, sizeof *c + catalog_metrics_n * sizeof c->at[0]);
    if (!c) {
        tt_problem_tell(TT_PROBLEM_MEMORY, "a catalog was not made", NULL);
        return NULL;
    }
    c->sets = o.sets ? o.sets | TT_SET_TELLTALE : UINT64_MAX;
    c->keep_ids = o.keep_ids;
    c->meters = o.meters;
    c->tracers_of = o.tracers;
    c->loggers = o.loggers;
    c->prices = o.prices;
    c->prices_n = o.prices ? o.prices_n : 0;
    for (size_t i = 0; i < SETS_MAX; i++) {
        if (catalog_tracers[i].name)
            c->tracers[i] = tt_tracer_get_scope(o.tracers, &catalog_tracers[i]);
    }
    c->track_tracer = tt_tracer_get(o.tracers, "telltale.track", NULL);
    c->logger = tt_logger_get(o.loggers, "telltale.track", NULL);
    if (o.meters)
        make_instruments(c, o.meters, o.keep_ids);
    return c;
}

void tt_catalog_free(tt_catalog *c)
{
    if (!c)
        return;
    if (c->callback > 0)
        tt_meter_unregister_callback(c->meter, c->callback);
    for (size_t i = 0; i < catalog_metrics_n; i++) {
        if (is_tally(catalog_metrics[i].kind))
            tally_free(c->at[i].tally);
        else if (catalog_metrics[i].kind == METRIC_OBSERVABLE_GAUGE)
            free(c->at[i].observed);
    }
    free(c);
}
