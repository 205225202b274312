/* Sets of attributes that are no longer wanted. */
#ifndef TELLTALE_METRICS_REMOVE_H
#define TELLTALE_METRICS_REMOVE_H

#include "metrics/instrument.h"

/* Takes out the series that the set is counted in, of all streams; NULL does nothing. Takes the
 * collect lock. False when there was none. */
bool instrument_remove(struct instrument *i, const tt_attr *attrs, size_t n);

#endif
