/* Calls in the manner of Application Insights: what is over is told in one line. Requests and
 * dependencies become spans, exceptions and events log records of the current span. */
#ifndef TELLTALE_TRACK_H
#define TELLTALE_TRACK_H

#include <stdbool.h>
#include <stddef.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/catalog_base.h"

TT_BEGIN

/* A request that this program answered: a span of kind SERVER that ends now. `status` is an HTTP
 * status, of which 500 and more are errors; 0: none. `properties` may be NULL when `n` is 0. */
TT_API void tt_track_request(tt_catalog *catalog, const char *name, double duration_ms, int status,
                             const tt_attr *properties, size_t n);

/* A call of something else, such as "SQL" or "HTTP": a span of kind CLIENT that ends now. */
TT_API void tt_track_dependency(tt_catalog *catalog, const char *name, const char *type,
                                double duration_ms, bool success, const tt_attr *properties,
                                size_t n);

/* An exception or error: a log record "exception" with exception.type and exception.message, either
 * of which may be NULL, and the properties. */
TT_API void tt_track_exception(tt_catalog *catalog, const char *type, const char *message,
                               const tt_attr *properties, size_t n);

/* Something that happened: a log record with the name as its event name. */
TT_API void tt_track_event(tt_catalog *catalog, const char *name, const tt_attr *properties,
                           size_t n);

/* Something that happened to an agent or in a mission: as tt_track_event, with agent.id or
 * mission.id and the attribute "event". */
TT_API void tt_track_agent_event(tt_catalog *catalog, const char *agent_id, const char *event,
                                 const tt_attr *properties, size_t n);
TT_API void tt_track_mission_event(tt_catalog *catalog, const char *mission_id, const char *event,
                                   const tt_attr *properties, size_t n);

TT_END

#endif
