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
    struct api_context *api;
    const struct http_request *http;
};

/* Both are borrowed until record_request_end. */
void record_request_begin(struct record_request *r, struct api_context *api,
                          const struct http_request *http);
void record_request_end(struct record_request *r);

/* Adds the header Warning when the scans met damage: clients of these APIs take any error in the
 * answer itself for a failure as a whole. */
void record_request_warn(const struct record_request *r, struct http_response *response);

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
