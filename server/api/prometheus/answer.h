/* The envelope of every answer of Prometheus's API: {"status": …, "data": …}. */
#ifndef TELLTALE_API_PROMETHEUS_ANSWER_H
#define TELLTALE_API_PROMETHEUS_ANSWER_H

#include "base/err.h"
#include "codec/json_write.h"
#include "net/http.h"

struct labels;

/* Writes everything up to the value of "data", which comes next. */
struct json answer_begin(struct http_response *r);

/* Closes the envelope. `warnings`, `infos`: lists of text, left out when empty. */
void answer_end(struct json *j, const struct str *warnings, size_t n_warnings,
                const struct str *infos, size_t n_infos);

/* The error form: status code and errorType by err->code, as query_run documents them. */
void answer_error(struct http_response *r, const struct err *err);

/* {"yaml": text} of what `rc` says that a writer wrote; for a negative `rc`, or a text that became
 * too large, the error. */
void answer_yaml(struct http_response *r, int rc, const struct buf *yaml, struct err *err);

/* bad_data with a message; "invalid parameter \"name\": reason". */
void answer_bad_param(struct http_response *r, const char *name, const char *reason);

/* bad_data with a message. */
void answer_bad_data(struct http_response *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The error as a line of text, as the calls have it whose answers are no JSON. */
void answer_error_plainly(struct http_response *r, const struct err *err);

/* {"name": "value", …} */
void json_labels(struct json *j, const struct labels *l);

/* ["a", "b"] */
void json_strs(struct json *j, const struct str *v, size_t n);

#endif
