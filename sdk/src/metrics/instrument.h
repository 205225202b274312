/* What stands behind the public handles of metrics.
 *
 *     provider ── meter ── instrument ── stream ── series ── cell in each thread
 *                                        (what is exported:  (an attribute set)
 *                                        name, buckets)
 *
 * A bound handle is a pointer to a series. All objects live as long as their provider, so whoever
 * has found one may use it without a lock; lists and tables are guarded by the provider's lock. */
#ifndef TELLTALE_METRICS_INSTRUMENT_H
#define TELLTALE_METRICS_INSTRUMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/attr_set.h"
#include "core/mutex.h"
#include "metrics/cell.h"
#include "metrics/exponential.h"
#include "telltale/metrics.h"

struct instrument;
struct series;

enum instrument_kind {
    KIND_COUNTER,
    KIND_UPDOWNCOUNTER,
    KIND_GAUGE,
    KIND_HISTOGRAM,
    KIND_OBSERVABLE_COUNTER,
    KIND_OBSERVABLE_UPDOWNCOUNTER,
    KIND_OBSERVABLE_GAUGE
};

/* How a series keeps its values. */
enum series_kind {
    SERIES_SUM,         /* a cell of one word, an integer */
    SERIES_SUM_DOUBLE,  /* the same, a double */
    SERIES_LAST,        /* the word `last`, an integer */
    SERIES_LAST_DOUBLE, /* the same, a double */
    SERIES_HISTOGRAM,   /* a cell: sum, smallest, largest, buckets */
    SERIES_EXPONENTIAL  /* a cell: zeros, sum, smallest, largest, range; another for negatives */
};

/* Words at the start of a histogram's cell. Smallest and largest are stored as the bits of the
 * value XOR those of +Inf or -Inf, so that 0 means "none yet". */
enum { HISTOGRAM_SUM, HISTOGRAM_MIN, HISTOGRAM_MAX, HISTOGRAM_COUNTS };
enum { BOUNDS_MAX = 500 };

/* And at the start of an exponential one's. */
enum { EXPONENTIAL_ZEROS = HISTOGRAM_COUNTS, EXPONENTIAL_RANGE };

struct series {
    uint32_t at; /* position of the cell, 0: none */
    uint8_t kind;
    bool monotonic;    /* refuses negative values */
    atomic_bool set;   /* LAST: a value was set since the process began */
    uint8_t text_form; /* how names in `text` were translated; guarded by the collect lock */
    struct stream *stream;
    union {
        _Atomic(uint64_t) last;
        atomic_uint negative_at; /* EXPONENTIAL: cell for values below 0, once there was one */
    };
    struct attr_set *attrs; /* owned */
    char *text;             /* owned; the labels as text, made by the exporter that needs them */
    uint32_t text_n;
    uint32_t observed; /* collection that saw it last; guarded by the collect lock */
    int64_t start_unix_ns;
};

/* A hash table of series by attributes, in order of their creation. */
struct series_table {
    struct series **list; /* owned, with the series */
    uint32_t *slots;      /* index into list + 1; 0: empty */
    size_t n, cap;        /* cap: of slots, a power of two; list holds cap / 2 */
};

struct stream {
    struct stream *next; /* of the provider, in order of creation */
    struct instrument *instrument;
    char *name, *unit, *description; /* owned */
    uint8_t kind;                    /* enum series_kind */
    bool monotonic;
    bool gauge; /* values are not sums */
    double *bounds;
    size_t bounds_n;
    size_t limit; /* of series, the overflow's included */
    char *family; /* owned; its name for Prometheus, guarded by the collect lock */
    uint8_t family_form;
    struct series_table series;
    struct series *overflow; /* NULL until needed; in `series`, too */
};

struct instrument {
    struct instrument *next; /* of the meter */
    tt_meter *meter;
    struct stream *stream;
    uint64_t id; /* never used again in this process */
    enum instrument_kind kind;
    bool is_double;
    _Atomic(struct series *) plain;  /* the series without attributes, once there is one */
    char *name, *unit, *description; /* owned */
};

/* The series for a set of attributes, made when it is new; the overflow's when there are too many.
 * NULL when out of memory. Takes the provider's lock. */
struct series *instrument_series(struct instrument *i, const tt_attr *attrs, size_t n);

/* The same through the calling thread's cache. */
struct series *instrument_find(struct instrument *i, const tt_attr *attrs, size_t n);

/* A new instrument of the meter, or the one that is there. NULL with a problem told. */
struct instrument *instrument_new(tt_meter *m, enum instrument_kind kind, bool is_double,
                                  const char *name, const tt_instrument_options *options);
void instrument_free(struct instrument *i);
void stream_free(struct stream *s);

/* The size of a series' cell; 0 when it has none. */
uint32_t stream_cell_words(const struct stream *s);

bool instrument_is_observable(const struct instrument *i);

#endif
