/* The series of a stream by their attributes. Guarded by the provider's lock. */
#ifndef TELLTALE_METRICS_SERIES_TABLE_H
#define TELLTALE_METRICS_SERIES_TABLE_H

#include "metrics/instrument.h"

struct series *series_table_get(const struct series_table *t, const struct attr_set *attrs);

/* Takes the series, whose attributes are new here. False when out of memory: nothing changed. */
bool series_table_put(struct series_table *t, struct series *s);

/* Takes out the series for which `drop` says so, who has it then; the others keep their order,
 * which is the one that exporters show. Returns how many. */
size_t series_table_filter(struct series_table *t, bool (*drop)(struct series *s, void *arg),
                           void *arg);

/* Gives its cells back and frees what it owns, but not itself. Nobody may record into it. */
void series_done(struct series *s);

/* Frees the table and what its series own. */
void series_table_done(struct series_table *t);

#endif
