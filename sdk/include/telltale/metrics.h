/* Metrics: instruments, and the values recorded by them.
 *
 *     tt_meter *meter = tt_meter_get(provider, "my.service", "1.0");
 *     tt_counter *requests = tt_counter_new(meter, "requests", NULL);
 *     tt_attr attrs[] = {tt_str("method", "GET")};
 *     tt_counter_add(requests, 1, attrs, 1);
 *
 * Recording takes no lock. Attributes given at the call cost a look-up in a cache of the calling
 * thread (some 15 ns); the first use of a set in a thread costs more. Where a set is used often,
 * bind it once: the handle's add is a load and a store to memory that only this thread writes.
 *
 *     tt_bound_counter *gets = tt_counter_bind(requests, attrs, 1);
 *     tt_bound_counter_add(gets, 1);
 *
 * All handles belong to their provider and live as long as it. Binding a set twice gives the same
 * handle. A bound set is exported from then on, with 0 until something is added.
 *
 * A child made by fork() starts all its values at 0: the parent reports what was before. */
#ifndef TELLTALE_METRICS_H
#define TELLTALE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/resource.h"
#include "telltale/scope.h"

TT_BEGIN

/* --- providers and meters --- */

typedef struct tt_meter_provider tt_meter_provider;
typedef struct tt_meter tt_meter;

/* Which values may become exemplars, which show a span in which a value was measured. */
enum tt_exemplars {
    TT_EXEMPLARS_DEFAULT,     /* OTEL_METRICS_EXEMPLAR_FILTER, or else TRACE_BASED */
    TT_EXEMPLARS_TRACE_BASED, /* those measured in a sampled span */
    TT_EXEMPLARS_ALWAYS_ON,   /* all; recording takes the long way then, some 10 ns more */
    TT_EXEMPLARS_ALWAYS_OFF
};

/* What becomes of an instrument that several views choose. */
enum tt_view_matching {
    TT_VIEWS_INDEPENDENT, /* a stream of each */
    /* They are put together: the last one that says something holds, attributes are kept that all
     * of them keep, and there are several streams only where they have several names. */
    TT_VIEWS_COMPOSABLE
};

struct tt_stream_defaults;

typedef struct tt_meter_provider_options {
    size_t size;           /* sizeof(tt_meter_provider_options), so that it can grow */
    tt_resource *resource; /* borrowed, copied; NULL: tt_resource_default() */
    /* Attribute sets kept by an instrument; those beyond are counted together under the attribute
     * otel.metric.overflow=true. 0: 2000. */
    size_t cardinality_limit;
    enum tt_exemplars exemplars;
    /* Histograms without bounds of their own get exponential buckets. So they do, for all readers,
     * when OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION asks for it. */
    bool exponential_histograms;
    enum tt_view_matching view_matching;
    const struct tt_stream_defaults
        *defaults; /* of instruments by their kind, see view.h; copied */
} tt_meter_provider_options;

/* `options` may be NULL. NULL when out of memory. */
TT_API tt_meter_provider *tt_meter_provider_new(const tt_meter_provider_options *options);

/* Frees it with all its meters, instruments and bound handles, none of which may be in use or be
 * used afterwards. A reader that was not stopped, or did not return, keeps it: that is told. NULL
 * is fine. */
TT_API void tt_meter_provider_free(tt_meter_provider *provider);

/* The meter of an instrumentation scope: the same one for the same scope. NULL when out of memory.
 * tt_meter_get is for scopes that have no more than a name and a version (NULL: none). */
TT_API tt_meter *tt_meter_get(tt_meter_provider *provider, const char *name, const char *version);
TT_API tt_meter *tt_meter_get_scope(tt_meter_provider *provider, const tt_scope *scope);

/* --- instruments --- */

typedef struct tt_instrument_options {
    size_t size;             /* sizeof(tt_instrument_options) */
    const char *unit;        /* UCUM: "s", "By", "{request}"; NULL: none */
    const char *description; /* NULL: none */
    /* Of histograms: upper bounds of the buckets, increasing, at most 500. NULL: OpenTelemetry's
     * default of 0, 5, 10, 25 … 10000. */
    const double *bounds;
    size_t bounds_n;
    bool
        exponential; /* of histograms: base-2 exponential buckets, up to 160, that fit themselves */
    /* The attributes that matter to most; others given at the call are dropped, unless a view says
     * which are kept. NULL: all. */
    const char *const *attribute_keys;
    size_t attribute_keys_n;
} tt_instrument_options;

/* Names are up to 255 characters of A-Z a-z 0-9 _ . - / and start with a letter; another name gives
 * NULL. The same name, kind, unit and description in a meter give the same instrument; a name used
 * again with another kind or unit is told as TT_PROBLEM_CONFLICT and gets an instrument of its own.
 * `options` may be NULL. */

/* Counters take increments of 0 or more; others are dropped and told as TT_PROBLEM_MISUSE. */
typedef struct tt_counter tt_counter;
typedef struct tt_double_counter tt_double_counter;
TT_API tt_counter *tt_counter_new(tt_meter *meter, const char *name,
                                  const tt_instrument_options *options);
TT_API tt_double_counter *tt_double_counter_new(tt_meter *meter, const char *name,
                                                const tt_instrument_options *options);
TT_API void tt_counter_add(tt_counter *counter, int64_t increment, const tt_attr *attrs, size_t n);
TT_API void tt_double_counter_add(tt_double_counter *counter, double increment,
                                  const tt_attr *attrs, size_t n);

/* Up-down-counters take increments of either sign. */
typedef struct tt_updowncounter tt_updowncounter;
typedef struct tt_double_updowncounter tt_double_updowncounter;
TT_API tt_updowncounter *tt_updowncounter_new(tt_meter *meter, const char *name,
                                              const tt_instrument_options *options);
TT_API tt_double_updowncounter *tt_double_updowncounter_new(tt_meter *meter, const char *name,
                                                            const tt_instrument_options *options);
TT_API void tt_updowncounter_add(tt_updowncounter *counter, int64_t increment, const tt_attr *attrs,
                                 size_t n);
TT_API void tt_double_updowncounter_add(tt_double_updowncounter *counter, double increment,
                                        const tt_attr *attrs, size_t n);

/* Gauges keep the last value that any thread set. */
typedef struct tt_gauge tt_gauge;
typedef struct tt_double_gauge tt_double_gauge;
TT_API tt_gauge *tt_gauge_new(tt_meter *meter, const char *name,
                              const tt_instrument_options *options);
TT_API tt_double_gauge *tt_double_gauge_new(tt_meter *meter, const char *name,
                                            const tt_instrument_options *options);
TT_API void tt_gauge_set(tt_gauge *gauge, int64_t value, const tt_attr *attrs, size_t n);
TT_API void tt_double_gauge_set(tt_double_gauge *gauge, double value, const tt_attr *attrs,
                                size_t n);

/* Histograms count values in buckets, with their sum, smallest and largest. Sums are doubles, as
 * OTLP has them: integers are exact up to 2^53. NaN and infinities are dropped as misuse. */
typedef struct tt_histogram tt_histogram;
TT_API tt_histogram *tt_histogram_new(tt_meter *meter, const char *name,
                                      const tt_instrument_options *options);
TT_API void tt_histogram_record(tt_histogram *histogram, double value, const tt_attr *attrs,
                                size_t n);
TT_API void tt_histogram_record_int(tt_histogram *histogram, int64_t value, const tt_attr *attrs,
                                    size_t n);

/* --- bound attribute sets --- */

typedef struct tt_bound_counter tt_bound_counter;
typedef struct tt_bound_double_counter tt_bound_double_counter;
typedef struct tt_bound_updowncounter tt_bound_updowncounter;
typedef struct tt_bound_double_updowncounter tt_bound_double_updowncounter;
typedef struct tt_bound_gauge tt_bound_gauge;
typedef struct tt_bound_double_gauge tt_bound_double_gauge;
typedef struct tt_bound_histogram tt_bound_histogram;

TT_API tt_bound_counter *tt_counter_bind(tt_counter *counter, const tt_attr *attrs, size_t n);
TT_API tt_bound_double_counter *tt_double_counter_bind(tt_double_counter *counter,
                                                       const tt_attr *attrs, size_t n);
TT_API tt_bound_updowncounter *tt_updowncounter_bind(tt_updowncounter *counter,
                                                     const tt_attr *attrs, size_t n);
TT_API tt_bound_double_updowncounter *tt_double_updowncounter_bind(tt_double_updowncounter *counter,
                                                                   const tt_attr *attrs, size_t n);
TT_API tt_bound_gauge *tt_gauge_bind(tt_gauge *gauge, const tt_attr *attrs, size_t n);
TT_API tt_bound_double_gauge *tt_double_gauge_bind(tt_double_gauge *gauge, const tt_attr *attrs,
                                                   size_t n);
TT_API tt_bound_histogram *tt_histogram_bind(tt_histogram *histogram, const tt_attr *attrs,
                                             size_t n);

TT_API void tt_bound_counter_add(tt_bound_counter *bound, int64_t increment);
TT_API void tt_bound_double_counter_add(tt_bound_double_counter *bound, double increment);
TT_API void tt_bound_updowncounter_add(tt_bound_updowncounter *bound, int64_t increment);
TT_API void tt_bound_double_updowncounter_add(tt_bound_double_updowncounter *bound,
                                              double increment);
TT_API void tt_bound_gauge_set(tt_bound_gauge *bound, int64_t value);
TT_API void tt_bound_double_gauge_set(tt_bound_double_gauge *bound, double value);
TT_API void tt_bound_histogram_record(tt_bound_histogram *bound, double value);
TT_API void tt_bound_histogram_record_int(tt_bound_histogram *bound, int64_t value);

/* --- removing --- */

/* Takes a set of attributes out, which is no longer exported and makes room for others: for what
 * has ended, a connection or a job. Used again it starts anew. A handle that was bound to the set
 * must not be used any more; within a minute that does nothing, later it may count to another set.
 * False when there is no such set. Not from within a callback. */
TT_API bool tt_counter_remove(tt_counter *counter, const tt_attr *attrs, size_t n);
TT_API bool tt_double_counter_remove(tt_double_counter *counter, const tt_attr *attrs, size_t n);
TT_API bool tt_updowncounter_remove(tt_updowncounter *counter, const tt_attr *attrs, size_t n);
TT_API bool tt_double_updowncounter_remove(tt_double_updowncounter *counter, const tt_attr *attrs,
                                           size_t n);
TT_API bool tt_gauge_remove(tt_gauge *gauge, const tt_attr *attrs, size_t n);
TT_API bool tt_double_gauge_remove(tt_double_gauge *gauge, const tt_attr *attrs, size_t n);
TT_API bool tt_histogram_remove(tt_histogram *histogram, const tt_attr *attrs, size_t n);

/* Removes all sets into which nothing was recorded since the last call of it; the first call
 * removes none. Sets that were bound, and the overflow's, stay. Returns how many. Not from within a
 * callback. */
TT_API size_t tt_meter_provider_remove_idle(tt_meter_provider *provider);

/* --- observable instruments --- */

/* Their values are asked for at each collection, by callbacks. What a callback observes replaces
 * what it observed the time before; sets that it leaves out are not exported that time. */
typedef struct tt_observable tt_observable;
typedef struct tt_observation tt_observation; /* valid during the callback */
typedef void (*tt_callback)(tt_observation *observation, void *arg);

enum tt_observable_kind {
    TT_OBSERVABLE_COUNTER, /* the total so far, never falling */
    TT_OBSERVABLE_UPDOWNCOUNTER,
    TT_OBSERVABLE_GAUGE
};

/* `callback` may be NULL: see tt_meter_register_callback. Values observed by tt_observe_int or
 * tt_observe_double are converted to the instrument's type. */
TT_API tt_observable *tt_observable_new(tt_meter *meter, enum tt_observable_kind kind,
                                        const char *name, const tt_instrument_options *options,
                                        tt_callback callback, void *arg);
TT_API tt_observable *tt_observable_new_double(tt_meter *meter, enum tt_observable_kind kind,
                                               const char *name,
                                               const tt_instrument_options *options,
                                               tt_callback callback, void *arg);

/* One callback that observes several instruments of the meter's provider, which all show one state.
 * Callbacks run one after the other on the thread that collects; they may record and make
 * instruments, but neither collect nor unregister. Returns an id for unregistering, above 0, or a
 * negative tt_status. */
TT_API int64_t tt_meter_register_callback(tt_meter *meter, tt_callback callback, void *arg);

/* Returns once the callback does not run and will not run again. Not from within a callback. */
TT_API void tt_meter_unregister_callback(tt_meter *meter, int64_t id);

TT_API void tt_observe_int(tt_observation *observation, tt_observable *instrument, int64_t value,
                           const tt_attr *attrs, size_t n);
TT_API void tt_observe_double(tt_observation *observation, tt_observable *instrument, double value,
                              const tt_attr *attrs, size_t n);

TT_END

#endif
