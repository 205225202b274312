/* Resources: attributes of what produces the telemetry; immutable once made. */
#ifndef TELLTALE_RESOURCE_H
#define TELLTALE_RESOURCE_H

#include <stddef.h>

#include "telltale/api.h"
#include "telltale/attribute.h"

TT_BEGIN

typedef struct tt_resource tt_resource;

/* `schema_url` may be NULL. NULL when out of memory. */
TT_API tt_resource *tt_resource_new(const tt_attr *attrs, size_t n, const char *schema_url);

/* service.name, telemetry.sdk.*, and what OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME say. A
 * malformed OTEL_RESOURCE_ATTRIBUTES is left out as a whole and told as TT_PROBLEM_MISUSE. */
TT_API tt_resource *tt_resource_default(void);

/* What can be found out about where the program runs, by libtelltale-host (host.h). */
enum tt_detector {
    TT_DETECT_NONE = 1,
    TT_DETECT_HOST = 2,        /* host.name, .id (/etc/machine-id), .arch */
    TT_DETECT_OS = 4,          /* os.type, .name, .version, .description */
    TT_DETECT_PROCESS = 8,     /* process.pid, .executable.name, .executable.path */
    TT_DETECT_CONTAINER = 16,  /* container.id, of cgroup v1 or v2 */
    TT_DETECT_KUBERNETES = 32, /* k8s.pod.name, …, of the variables of the downward API */
    TT_DETECT_SERVICE = 64,    /* service.instance.id, a random UUID */
    TT_DETECT_ALL = 126
};

/* A new one with the attributes of both; where both have a key `over` holds. The schema URL is that
 * of `over`, or else of `base`; two that differ leave none. Either may be NULL. */
TT_API tt_resource *tt_resource_merge(const tt_resource *base, const tt_resource *over);

TT_API void tt_resource_free(tt_resource *resource);

/* The attributes, sorted by key; they borrow from the resource. */
TT_API size_t tt_resource_attributes(const tt_resource *resource, const tt_attr **out_attrs);
TT_API const char *tt_resource_schema_url(const tt_resource *resource); /* NULL: none */

TT_END

#endif
