/* A provider's views, as they are kept. */
#ifndef TELLTALE_METRICS_VIEW_H
#define TELLTALE_METRICS_VIEW_H

#include "metrics/instrument.h"

struct view {
    struct view *next; /* in order of adding */
    tt_view is;        /* its texts and lists are owned */
};

/* A switch of meters, see tt_meter_provider_switch. */
struct meter_switch {
    struct meter_switch *next; /* the last set first */
    bool on;
    char pattern[];
};

/* Whether the view chooses the instrument. Under the provider's lock. */
bool view_matches(const struct view *v, const struct instrument *i);

/* Whether a meter of this name is on. Under the provider's lock. */
bool view_meter_is_on(const struct tt_meter_provider *p, const char *name);

/* Copies a list of keys; false when out of memory: key_list_done frees what is there. */
bool key_list_init(struct key_list *out, const char *const *keys, size_t n);
void key_list_done(struct key_list *l);
bool key_list_has(const struct key_list *l, const char *key, size_t n);

void view_free_all(struct tt_meter_provider *p);

#endif
