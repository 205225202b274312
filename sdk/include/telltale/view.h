/* Views: what becomes of instruments that somebody else made, for instance a library. A view
 * chooses instruments and says how they are exported: under another name, with fewer attributes,
 * in other buckets, or not at all.
 *
 *     tt_view view = {.size = sizeof view, .instrument = "http.server.*", .unit = "s"};
 *     view.aggregation = TT_AGGREGATION_EXPONENTIAL;
 *     tt_meter_provider_add_view(provider, &view);
 *
 * An instrument gets a metric stream from each view that chooses it, or one with its own defaults
 * when none does. Views hold for instruments that are made after them. */
#ifndef TELLTALE_VIEW_H
#define TELLTALE_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/context.h"
#include "telltale/metrics.h"

TT_BEGIN

enum tt_instrument_kind {
    TT_KIND_ANY,
    TT_KIND_COUNTER,
    TT_KIND_UPDOWNCOUNTER,
    TT_KIND_GAUGE,
    TT_KIND_HISTOGRAM,
    TT_KIND_OBSERVABLE_COUNTER,
    TT_KIND_OBSERVABLE_UPDOWNCOUNTER,
    TT_KIND_OBSERVABLE_GAUGE
};

enum tt_aggregation {
    TT_AGGREGATION_DEFAULT, /* as the kind of instrument and its options say */
    TT_AGGREGATION_SUM,     /* not of gauges */
    TT_AGGREGATION_LAST_VALUE,
    TT_AGGREGATION_EXPLICIT,    /* a histogram of explicit buckets */
    TT_AGGREGATION_EXPONENTIAL, /* a histogram of base-2 exponential buckets */
    TT_AGGREGATION_DROP         /* nothing is kept */
};

/* What instruments become when no view says it, by enum tt_instrument_kind. 0 in one place: as in
 * the place of TT_KIND_ANY, and 0 there: as the instrument says, and 2000. */
enum { TT_KINDS = 8 };
typedef struct tt_stream_defaults {
    size_t size; /* sizeof(tt_stream_defaults) */
    enum tt_aggregation aggregation[TT_KINDS];
    size_t cardinality_limit[TT_KINDS];
} tt_stream_defaults;

enum tt_exemplar_reservoir {
    TT_RESERVOIR_DEFAULT, /* ALIGNED for explicit buckets, or else FIXED */
    TT_RESERVOIR_FIXED,   /* some, chosen at random: 1, of exponential histograms 20 */
    TT_RESERVOIR_ALIGNED, /* one of each explicit bucket */
    TT_RESERVOIR_NONE
};

/* A value that was measured, with where and when; all borrowed. */
typedef struct tt_measurement {
    bool is_double;
    int64_t integer; /* unless it is a double */
    double number;   /* of an integer, too */
    const tt_attr *attrs;
    size_t attrs_n;
    tt_span_context span; /* all zeros: none; tt_context_current() has the whole context */
    int64_t unix_ns;
} tt_measurement;

/* Exemplars as the program wants them: which of the values of a series stay. All functions but
 * `make` are called for one series by one thread at a time, with a lock of the series: they must
 * not record, and should be quick. Values that come while another is offered are not. */
typedef struct tt_reservoir {
    size_t size; /* sizeof(tt_reservoir) */
    /* For a series that has its first value to offer; `bounds` of its explicit buckets. NULL: it
     * has no exemplars, and it is asked again. */
    void *(*make)(void *arg, const double *bounds, size_t bounds_n);
    /* A value that the filter of exemplars lets through. */
    void (*offer)(void *reservoir, const tt_measurement *m);
    /* Gives those that it has: for every reader, of which each takes those that are new to it, and
     * several times in one collection. Attributes that the series has, too, are left out. */
    void (*collect)(void *reservoir, void (*give)(void *to, const tt_measurement *m), void *to);
    void (*free)(void *reservoir);
    void *arg;
} tt_reservoir;

/* All texts and lists are copied. */
typedef struct tt_view {
    size_t size; /* sizeof(tt_view) */

    /* Which instruments: those that fit all of these. NULL and 0: any. */
    const char *instrument; /* their name in any case; * is any text, ? any character */
    enum tt_instrument_kind kind;
    const char *unit;
    const char *meter_name, *meter_version, *meter_schema_url;

    /* What they become. NULL and 0: as the instrument says. */
    const char *name; /* only of a view that chooses one instrument: no wildcard, or a meter */
    const char *description;
    const char *const *attribute_keys; /* keeps these alone; the others may stand on exemplars */
    size_t attribute_keys_n;
    const char *const *excluded_keys; /* drops these */
    size_t excluded_keys_n;
    enum tt_aggregation aggregation;
    const double *bounds; /* of explicit buckets */
    size_t bounds_n;
    uint32_t max_buckets;     /* of exponential ones, 2 to 160; 0: 160 */
    int32_t max_scale;        /* of exponential ones, -11 to 20; 0 with max_buckets 0: 20 */
    bool without_min_max;     /* of histograms */
    size_t cardinality_limit; /* see tt_meter_provider_options */
    enum tt_exemplar_reservoir reservoir;
    uint32_t reservoir_size;           /* of FIXED, at most 64; 0: its default */
    const tt_reservoir *own_reservoir; /* in place of those, unless NONE; copied */
} tt_view;

/* TT_ERR_INVALID, told as TT_PROBLEM_MISUSE too: a name for many instruments or that is none, or
 * something out of its range. TT_ERR_NOMEM. */
TT_API int tt_meter_provider_add_view(tt_meter_provider *provider, const tt_view *view);

/* Switches the meters off or on whose name fits the pattern (as above), those to come included; of
 * several calls the last that fits holds. A meter that is off keeps and exports nothing: recording
 * costs a load and a branch. TT_ERR_NOMEM. */
TT_API int tt_meter_provider_switch(tt_meter_provider *provider, const char *meter, bool on);

TT_END

#endif
