/* What all questions about spans and log records have in common: a memory budget, a deadline, an
 * end when the client hangs up; parameters; values as JSON. */
#ifndef TELLTALE_API_RECORDS_REQUEST_H
#define TELLTALE_API_RECORDS_REQUEST_H

#include "api/api.h"
#include "base/budget.h"
#include "codec/json_write.h"
#include "model/any.h"
#include "query/records/records.h"

/* One question; filled by _begin, emptied by _end. */
struct record_request {
    struct record_query q;
    struct arena arena; /* the query's */
    struct budget memory;
    const struct http_request *http;
};

void record_request_begin(struct record_request *r, struct api_context *api,
                          const struct http_request *http);
void record_request_end(struct record_request *r);

/* Adds the header Warning when the scans met damage: clients of these APIs take any error in the
 * answer itself for a failure as a whole. */
void record_request_warn(const struct record_request *r, struct http_response *response);

/* --- parameters ------------------------------------------------------------------------------- */

/* The number as a time in ns: seconds, milliseconds, microseconds or nanoseconds, whichever makes
 * it a time between 1973 and 2262. Clients of the same API do not agree. */
int64_t time_by_magnitude(double number);

/* Unix time as above, or RFC 3339 with up to nine decimals. False when it is neither. */
bool parse_time_ns(struct str text, int64_t *out_unix_ns);

/* A duration as Go writes it: "1.5s", "300ms", "2h45m", "20us", "-1s"; units h m s ms us µs ns. A
 * number without unit is in `unit_ns`; 0: it is refused. */
bool parse_duration_ns(struct str text, int64_t unit_ns, int64_t *out_ns);

/* Hexadecimal digits as `n` bytes, zeros added in front; p == NULL when they are not that. */
struct str parse_id(struct arena *a, struct str text, size_t n);

/* --- answers ---------------------------------------------------------------------------------- */

/* In hexadecimal. */
void json_id(struct json *j, struct str id);

/* As plain JSON: bytes in base64, maps as objects (the last of equal keys stands twice, as sent).
 */
void json_any(struct json *j, const struct any *v);

/* The same with the key of a map or attribute, which may hold any character. */
void json_any_member(struct json *j, struct str key, const struct any *v);

/* "2026-11-21T04:26:32.123456789Z" */
void json_time(struct json *j, int64_t unix_ns);

#endif
