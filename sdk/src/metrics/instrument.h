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
#include "telltale/view.h"

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
    SERIES_EXPONENTIAL, /* a cell: zeros, sum, smallest, largest, range; another for negatives */
    SERIES_FAN          /* nothing itself; see aside.h */
};

/* Words at the start of a histogram's cell. Smallest and largest are stored as the bits of the
 * value XOR those of +Inf or -Inf, so that 0 means "none yet". */
enum { HISTOGRAM_SUM, HISTOGRAM_MIN, HISTOGRAM_MAX, HISTOGRAM_COUNTS };
enum { BOUNDS_MAX = 500 };

/* And at the start of an exponential one's. */
enum { EXPONENTIAL_ZEROS = HISTOGRAM_COUNTS, EXPONENTIAL_RANGE };

/* In `at`: values take the long way (see aside.h), because the meter is off or all values are
 * looked at for exemplars. The position is in the other bits. */
#define SERIES_ASIDE UINT32_C(0x80000000)

/* The other bits of `at`: the position of the cell, and above it the kind of values. A handle that
 * is taken for one of another kind so leads to no position at all, where the long way tells it,
 * and the check costs nothing. */
enum { SERIES_KIND_SHIFT = 26 };
#define SERIES_POSITION ((UINT32_C(1) << SERIES_KIND_SHIFT) - 1)
_Static_assert((uint64_t)CHUNKS_MAX *CHUNK_WORDS <= SERIES_POSITION + UINT64_C(1), "room above");

static inline uint32_t series_tag(enum series_kind kind)
{
    return (uint32_t)(kind == SERIES_EXPONENTIAL ? SERIES_HISTOGRAM : kind) << SERIES_KIND_SHIFT;
}

#define SERIES_BOUND UINT32_C(0x80000000)

/* Whether a last value was set since the process began, and since it was last asked for idle ones.
 */
enum series_set { SET_NEVER, SET_LATELY, SET_EARLIER };

#define SERIES_DOUBLED UINT32_C(0x80000000)

struct reservoir;
struct fan;

/* One cache line, never freed before its provider: a handle, or a thread's cache, that is used too
 * late writes to the memory of a series, if to that of another set. */
struct series {
    atomic_uint at; /* position of the cell, 0: none; with SERIES_ASIDE and the kind */
    uint8_t kind;
    bool monotonic;    /* refuses negative values */
    atomic_uchar set;  /* LAST: enum series_set */
    uint8_t text_form; /* how names in `text` were translated; guarded by the collect lock */
    struct stream *stream;
    union {
        _Atomic(uint64_t) last;
        atomic_uint negative_at; /* EXPONENTIAL: cell for values below 0, once there was one */
    };
    struct attr_set *attrs; /* owned */
    union {
        char *text;          /* owned; the labels as text, made by the exporter that needs them */
        struct series *next; /* once removed */
    };
    uint32_t text_n;       /* and SERIES_DOUBLED when another has the same; guarded as the form */
    uint32_t observed;     /* of observable ones: collection that saw it last; the collect lock's */
                           /* of others: SERIES_BOUND, and a digest of what it held; the lock's */
    int64_t start_unix_ns; /* once removed: when, by the monotonic clock */
    union {
        _Atomic(struct reservoir *) reservoir; /* owned; exemplars, once there was one */
        struct fan *fan;                       /* owned; FAN */
    };
};

/* A hash table of series by attributes, in order of their creation. */
struct series_table {
    struct series **list; /* owned; the series belong to the provider's pool */
    uint32_t *slots;      /* index into list + 1; 0: empty */
    size_t n, list_cap;
    size_t cap; /* of slots, a power of two; three quarters of them are used */
};

/* Keys of attributes that are kept, or left out. */
struct key_list {
    char **keys; /* owned */
    size_t n;
};

struct stream {
    struct stream *next;    /* of the provider, in order of creation */
    struct stream *sibling; /* of the instrument */
    struct instrument *instrument;
    _Atomic(uint64_t) id;            /* never used again in this process */
    char *name, *unit, *description; /* owned */
    uint8_t kind;                    /* enum series_kind */
    uint8_t reader;                  /* the only one that sees it; 0: all others */
    uint32_t readers;                /* bits of those that have streams of their own instead */
    bool monotonic;
    bool gauge; /* values are not sums */
    bool without_min_max;
    bool keeps_some;                   /* `kept` holds */
    struct key_list kept, left;        /* which attributes */
    uint8_t reservoir_kind;            /* enum tt_exemplar_reservoir, not DEFAULT */
    uint8_t reservoir_size;            /* of a FIXED one */
    const tt_reservoir *own_reservoir; /* in place of those, or NULL; a view's */
    uint8_t max_buckets;               /* EXPONENTIAL */
    int8_t max_scale;                  /* EXPONENTIAL */
    double *bounds;                    /* owned */
    size_t bounds_n;
    size_t limit; /* of series, the overflow's included */
    char *family; /* owned; its name for Prometheus, guarded by the collect lock */
    uint8_t family_form;
    struct series_table series;
    struct series *overflow; /* NULL until needed; in `series`, too */
    struct series *removed;  /* to be used again, the oldest first */
    struct series **removed_end;
};

struct instrument {
    struct instrument *next; /* of the meter */
    tt_meter *meter;
    struct stream *streams;
    _Atomic(uint64_t) id; /* never used again in this process */
    enum instrument_kind kind;
    bool is_double;
    bool aside;                      /* see aside.h; never changed */
    _Atomic(struct series *) plain;  /* the series without attributes, once there is one */
    char *name, *unit, *description; /* owned */
    char *stream_name;               /* owned; as others of the name write it, NULL: as `name` */
    struct series_table fans;        /* what was bound of one that is aside */
};

/* A new instrument of the meter, or the one that is there. NULL with a problem told. */
struct instrument *instrument_new(tt_meter *m, enum instrument_kind kind, bool is_double,
                                  const char *name, const tt_instrument_options *options);
void instrument_free(struct instrument *i);

bool instrument_name_is_valid(const char *name);

/* An id for an instrument or stream. */
uint64_t instrument_next_id(void);

/* The kind of the values that its calls take. */
enum series_kind instrument_values(const struct instrument *i);

static inline bool instrument_is_observable(const struct instrument *i)
{
    return i->kind >= KIND_OBSERVABLE_COUNTER;
}

#endif
