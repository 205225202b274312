/* External labels: what the configuration adds to all that leaves for another server. */
#ifndef TELLTALE_API_PROMETHEUS_EXTERNAL_H
#define TELLTALE_API_PROMETHEUS_EXTERNAL_H

#include "base/arena.h"
#include "model/labels.h"

/* A copy of `l` with the external labels that it does not have itself. In the arena. */
struct labels labels_with_external(struct arena *arena, const struct labels *l,
                                   const struct labels *external);

#endif
