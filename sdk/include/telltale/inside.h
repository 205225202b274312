/* What the libraries of one release tell each other; programs have no use for it. */
#ifndef TELLTALE_INSIDE_H
#define TELLTALE_INSIDE_H

#include "telltale/api.h"

TT_BEGIN

typedef struct tt_inside tt_inside;

/* How the core keeps metrics, for a library of the same release. NULL for one of another: the
 * structures may differ. Threads: any. */
TT_API const tt_inside *tt_inside_of(const char *version);

TT_END

#endif
