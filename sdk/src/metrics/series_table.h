/* The series of a stream by their attributes. Guarded by the provider's lock. */
#ifndef TELLTALE_METRICS_SERIES_TABLE_H
#define TELLTALE_METRICS_SERIES_TABLE_H

#include "metrics/instrument.h"

struct series *series_table_get(const struct series_table *t, const struct attr_set *attrs);

/* Takes the series, whose attributes are new here. False when out of memory: nothing changed. */
bool series_table_put(struct series_table *t, struct series *s);

/* With its cells and attributes. Nobody may record into it any more. */
void series_free(struct series *s);

/* Frees the table and all series. */
void series_table_done(struct series_table *t);

#endif
