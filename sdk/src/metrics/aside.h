/* The long way of a value into its series. Most values take the short one of record.h: their
 * instrument has one stream with all attributes and its own kind of aggregation. "Aside" is what
 * does not: an instrument that views gave several streams, or none, fewer attributes or another
 * aggregation; a meter that is off; and every value in a thread where a span may be sampled, for it
 * may become an exemplar. */
#ifndef TELLTALE_METRICS_ASIDE_H
#define TELLTALE_METRICS_ASIDE_H

#include "metrics/instrument.h"

/* A value as it was measured. */
struct measurement {
    bool is_double;
    int64_t integer;
    double number; /* of an integer, too */
    const tt_attr *attrs;
    size_t n;
};

/* What a handle of an instrument that is aside stands for. */
struct fan {
    size_t n;
    struct attr_set *set; /* owned; the attributes as they were bound */
    struct fan_target {
        _Atomic(struct series *) series; /* NULL: removed */
    } targets[];
};

/* Into a series, or all of a fan, when it takes values of this kind; else it is told. */
void aside_int(struct series *s, int64_t v, enum series_kind kind);
void aside_double(struct series *s, double v, enum series_kind kind);

/* Into an instrument that is aside, and takes values of this kind. */
void aside_record_int(struct instrument *i, enum series_kind kind, int64_t v, const tt_attr *attrs,
                      size_t n);
void aside_record_double(struct instrument *i, enum series_kind kind, double v,
                         const tt_attr *attrs, size_t n);

/* A handle of an instrument that is aside; the same for the same set. NULL when out of memory, and
 * when the instrument has no stream. */
struct series *aside_bind(struct instrument *i, const tt_attr *attrs, size_t n);

/* Takes a removed series out of the instrument's fans. Under the provider's lock. */
void aside_forget(struct instrument *i, const struct series *s);

void fan_free(struct fan *f);

#endif
