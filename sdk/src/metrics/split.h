/* A collection in several requests of so many points at most. */
#ifndef TELLTALE_METRICS_SPLIT_H
#define TELLTALE_METRICS_SPLIT_H

#include "base/buf.h"

/* Reads an ExportMetricsServiceRequest and hands over as many full requests as there are, in order,
 * and what remains as the last; points of one metric may come to be in several. `send` returns
 * whether to go on. False when out of memory: the requests before were handed over. */
bool metrics_split(const struct buf *request, size_t points_max,
                   bool (*send)(void *arg, const struct buf *part, size_t points), void *arg);

#endif
