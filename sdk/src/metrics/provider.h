/* The provider: everything that metrics have, and one collection of it at a time. */
#ifndef TELLTALE_METRICS_PROVIDER_H
#define TELLTALE_METRICS_PROVIDER_H

#include "core/mutex.h"
#include "core/otlp_head.h"
#include "metrics/instrument.h"
#include "telltale/metrics.h"
#include "telltale/watch.h"

struct callback {
    struct callback *next;
    tt_callback call;
    void *arg;
    int64_t id;
};

struct tt_meter {
    struct tt_meter *next;
    struct tt_meter_provider *provider;
    struct scope scope;
    struct instrument *instruments;
    atomic_bool on;
    char *text; /* owned; its labels for Prometheus, guarded by the collect lock */
    uint32_t text_n;
    uint8_t text_form;
};

/* How labels are written that have some of the resource's among them; libtelltale-text's. */
struct text_form {
    struct text_form *next;     /* the last made first */
    struct attr_set *constants; /* owned */
    uint8_t plain;              /* the form they are added to */
    uint8_t id;
};

/* Series stand in blocks of whole cache lines. */
enum { SLAB_SERIES = 63 };
struct series_slab {
    struct series_slab *next;
    size_t used;
    _Alignas(CACHE_LINE) struct series series[SLAB_SERIES];
};

struct tt_meter_provider {
    struct tt_meter_provider *next; /* guarded by the registry's lock */

    struct mutex collect; /* one collection at a time; callbacks run and are freed under it */
    uint32_t collection;  /* its number */
    const tt_collection_watch *watch; /* borrowed; NULL: none */
    struct text_form *text_forms;     /* owned; guarded by it, too */

    _Atomic(uint64_t) readers_n; /* that may still collect: as long as there are any, it stays */

    struct mutex lock; /* guards all lists and the tables of streams */
    struct callback *callbacks, **callbacks_end;
    int64_t next_callback;
    struct tt_meter *meters;
    struct stream *streams, **streams_end;

    struct view *views;
    struct reader_defaults *readers;
    struct scope_switch *switches;
    struct series_slab *slabs;

    /* never changed */
    tt_resource *resource; /* owned */
    bool disabled;
    bool exponential; /* histograms without bounds are */
    enum tt_exemplars exemplars;
    bool composable; /* views are put together */
    tt_stream_defaults defaults;
    size_t limit; /* of series in a stream */
    int64_t start_unix_ns;
};

/* A value as it is collected. */
struct point {
    struct series *series;
    uint8_t kind; /* enum series_kind */
    int64_t integer;
    double number;
    /* histograms */
    uint64_t count, zeros;
    double sum, min, max; /* min > max: none were recorded */
    uint64_t buckets[BOUNDS_MAX + 1];
    struct exp_buckets positive, negative;
};

/* Memory for a series, all zeros; NULL when there is none. Under the lock. */
struct series *provider_take_series(struct tt_meter_provider *p);

/* Begins a collection: callbacks have run when it returns; holds the collect lock. Returns when it
 * began, by the monotonic clock. */
int64_t provider_collect_begin(struct tt_meter_provider *p);

/* False when another collection does not come to an end by then, a callback of it perhaps. */
bool provider_collect_begin_until(struct tt_meter_provider *p, int64_t deadline_mono_ns);
void provider_collect_end(struct tt_meter_provider *p);

/* Tells who watches of a collection that has ended; all of `c` but the time is given. */
void provider_collected(struct tt_meter_provider *p, int64_t began_mono_ns, tt_collection c);

/* The stream after `s` (NULL: the first) that a reader sees; 0: one without a number. During a
 * collection. */
struct stream *provider_next_stream(struct tt_meter_provider *p, const struct stream *s,
                                    unsigned reader);

/* Copies up to `n` series from the `from`-th on that have a value now; `*from` is where to go on.
 * Returns how many; 0: that was the last. During a collection. */
size_t stream_series(struct stream *s, size_t *from, struct series **out, size_t n);

/* The same of all that it has. */
size_t stream_all_series(struct stream *s, size_t *from, struct series **out, size_t n);

/* Whether it has a value now. During a collection. */
bool series_has_value(const struct series *s);

/* Reads a value. Between cell_read_begin and _end. */
void point_read(struct point *p, struct series *s);

#endif
