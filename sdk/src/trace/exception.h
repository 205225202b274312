/* Exceptions as attributes, for spans and log records. */
#ifndef TELLTALE_TRACE_EXCEPTION_H
#define TELLTALE_TRACE_EXCEPTION_H

#include "telltale/trace.h"

enum { EXCEPTION_ATTRS_MAX = 63 };

/* What it says, with defaults filled in. */
tt_exception exception_of(const tt_exception *given);

/* Writes its attributes and returns how many. They borrow from it. */
size_t exception_attrs(const tt_exception *e, tt_attr out[EXCEPTION_ATTRS_MAX]);

#endif
