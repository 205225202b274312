/* Several exporters in the place of one. */
#ifndef TELLTALE_INIT_TEE_H
#define TELLTALE_INIT_TEE_H

#include <stddef.h>

#include "telltale/exporter.h"

/* One that hands each request to all of them, one after the other within the time, and succeeds
 * when all do. Takes them, also on failure, which is TT_ERR_NOMEM. With n 1 it is that one; with 0,
 * none. */
int tee_new(const tt_exporter *exporters, size_t n, tt_exporter *out);

#endif
