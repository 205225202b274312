/* Values of queries as Prometheus's JSON. */
#ifndef TELLTALE_API_PROMETHEUS_VALUES_H
#define TELLTALE_API_PROMETHEUS_VALUES_H

#include "codec/json_write.h"

struct histogram;
struct query_result;

/* What stands behind "result": a list of series, or [time, "value"]. */
void json_query_result(struct json *j, const struct query_result *result);

/* {"count": "…", "sum": "…", "buckets": [[boundaries, "lower", "upper", "count"], …]}. Boundaries:
 * 0 open at the left, 1 open at the right, 2 open, 3 closed. Empty buckets are left out. */
void json_histogram(struct json *j, const struct histogram *h);

#endif
