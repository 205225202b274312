/* Instrumentation scopes: the part of a program that telemetry comes from. */
#ifndef TELLTALE_SCOPE_H
#define TELLTALE_SCOPE_H

#include <stddef.h>

#include "telltale/api.h"
#include "telltale/attribute.h"

TT_BEGIN

/* All borrowed; {0} but for the name is fine. */
typedef struct tt_scope {
    const char *name;       /* of the library or module */
    const char *version;    /* NULL: none */
    const char *schema_url; /* NULL: none */
    const tt_attr *attrs;
    size_t attrs_n;
} tt_scope;

TT_END

#endif
