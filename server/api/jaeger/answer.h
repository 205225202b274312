/* The envelopes of Jaeger's answers. */
#ifndef TELLTALE_API_JAEGER_ANSWER_H
#define TELLTALE_API_JAEGER_ANSWER_H

#include "base/err.h"
#include "codec/json_write.h"
#include "net/http.h"

/* {"data": …, the value comes next. */
struct json jaeger_begin(struct http_response *r);

/* …, "total": n, "limit": 0, "offset": 0, "errors": null} */
void jaeger_end(struct json *j, size_t total);

/* {"NAME": of version 3; the value comes next, then json_object_end. */
struct json jaeger_begin_v3(struct http_response *r, const char *name);

/* The form of an error, by version; the status by err->code. */
void jaeger_error(struct http_response *r, const struct err *err);
void jaeger_error_v3(struct http_response *r, const struct err *err);

#endif
