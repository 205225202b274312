/* Streams, and their series. */
#ifndef TELLTALE_METRICS_STREAM_H
#define TELLTALE_METRICS_STREAM_H

#include "metrics/instrument.h"
#include "metrics/view.h"

/* The series for a set of attributes, made when it is new; the overflow's when there are too many.
 * NULL when out of memory. Takes the provider's lock. */
struct series *stream_series_of(struct stream *st, const tt_attr *attrs, size_t n);

/* The same under the provider's lock. */
struct series *stream_series_locked(struct stream *st, const tt_attr *attrs, size_t n);

/* The same through the calling thread's cache. */
struct series *stream_find(struct stream *st, const tt_attr *attrs, size_t n);

/* Of the only stream of an instrument, which is not aside. _bind: for a handle, so that it does not
 * become idle. */
struct series *instrument_bind(struct instrument *i, const tt_attr *attrs, size_t n);
struct series *instrument_find(struct instrument *i, const tt_attr *attrs, size_t n);

/* What an instrument becomes by a view; without one, by its options. NULL when out of memory. */
struct stream *stream_new(struct instrument *i, const tt_instrument_options *o, const tt_view *v);
void stream_free(struct stream *s);

/* The size of a series' cell; 0 when it has none. */
uint32_t stream_cell_words(const struct stream *s);

/* Whether the stream's series have the attribute. */
bool stream_keeps(const struct stream *s, const char *key, size_t n);

static inline bool stream_filters(const struct stream *s)
{
    return s->keeps_some || s->left.n;
}

/* The set's series, or NULL. Under the provider's lock. */
struct series *stream_find_locked(const struct stream *s, const tt_attr *attrs, size_t n);

/* Takes out the series for which `drop` says so, but not the overflow's; their memory is for sets
 * that come a minute later. Under the collect lock and the provider's. Returns how many. */
typedef bool stream_drop(struct series *s, void *arg);
size_t stream_remove(struct stream *st, stream_drop *drop, void *arg);

/* Whether they are finite and increase, and are not too many. */
bool stream_bounds_are_valid(const double *bounds, size_t n);

/* Whether values of this stream's series take the long way. */
bool stream_is_aside(const struct stream *s);

#endif
