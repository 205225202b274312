/* Resources, as exporters see them. */
#ifndef TELLTALE_CORE_RESOURCE_H
#define TELLTALE_CORE_RESOURCE_H

#include "core/attr_set.h"
#include "telltale/resource.h"

struct tt_resource {
    struct attr_set *set; /* owned */
    tt_attr *attrs;       /* owned; scalars of `set`, borrowing from it */
    size_t n;
    char *schema_url; /* owned; NULL: none */
};

#endif
