/* A provider's views, as they are kept. */
#ifndef TELLTALE_METRICS_VIEW_H
#define TELLTALE_METRICS_VIEW_H

#include "metrics/instrument.h"

/* What a reader makes of instruments that no view says more about. */
struct reader_defaults {
    struct reader_defaults *next;
    unsigned reader; /* its number, from 1 on */
    tt_stream_defaults is;
};
enum { READERS_MAX = 31 };

struct view {
    struct view *next; /* in order of adding */
    tt_view is;        /* its texts and lists are owned */
};

/* Whether the view chooses the instrument. Under the provider's lock. */
bool view_matches(const struct view *v, const struct instrument *i);

/* Fills in what the view leaves open. */
void view_apply_defaults(tt_view *v, const tt_stream_defaults *d, const struct instrument *i);

/* Gives a reader a number, for which streams of its own are made from now on; 0 when it has no
 * defaults, or there are too many. */
unsigned view_add_reader(struct tt_meter_provider *p, const tt_stream_defaults *given);

/* The other name that a view which chooses the instrument gives it, NULL: none. Under the
 * provider's lock, as the next. */
const char *view_new_name(const struct view *v, const struct instrument *i);

/* Puts together the views that choose the instrument and give it this name, or none. The result
 * borrows from them and from `*out_lists`, which is the caller's to free. False when out of
 * memory. */
bool view_compose(const struct instrument *i, const char *name, tt_view *out,
                  const char ***out_lists);

/* Whether a meter of this name is on. Under the provider's lock. */
bool view_meter_is_on(const struct tt_meter_provider *p, const char *name);

/* Copies a list of keys; false when out of memory: key_list_done frees what is there. */
bool key_list_init(struct key_list *out, const char *const *keys, size_t n);
void key_list_done(struct key_list *l);
bool key_list_has(const struct key_list *l, const char *key, size_t n);

void view_free_all(struct tt_meter_provider *p);

#endif
