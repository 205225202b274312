/* Parameters of Prometheus's API: times, durations, limits, match[]. Each reader answers the
 * request with bad_data itself and returns false when the parameter is wrong. */
#ifndef TELLTALE_API_PROMETHEUS_PARAMS_H
#define TELLTALE_API_PROMETHEUS_PARAMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "model/matcher.h"
#include "net/http.h"

/* "Since ever" and "for ever", for ranges that the client left open. */
#define TIME_MIN_MS (INT64_MIN / 4)
#define TIME_MAX_MS (INT64_MAX / 4)

/* Unix seconds with a fraction, or RFC 3339; `otherwise` when the parameter is absent. */
bool param_time(const struct http_request *q, struct http_response *r, const char *name,
                int64_t otherwise, int64_t *out_ms);
/* The same, for who answers with `err` in another way: ERR_INVALID. */
int param_read_time(const struct http_request *q, const char *name, int64_t otherwise,
                    int64_t *out_ms, struct err *err);
/* One that may not be absent. */
bool param_needed_time(const struct http_request *q, struct http_response *r, const char *name,
                       int64_t *out_ms);

/* "start" and "end", which is not before it; open where absent. */
bool param_range(const struct http_request *q, struct http_response *r, int64_t *min_ms,
                 int64_t *max_ms);

/* A duration: seconds as a number, or 1h30m. 0 when absent; may be negative. */
bool param_duration(const struct http_request *q, struct http_response *r, const char *name,
                    int64_t *out_ms);
/* The same, for who answers with `err` in another way: ERR_INVALID. */
int param_read_duration(const struct http_request *q, const char *name, int64_t *out_ms,
                        struct err *err);
/* "step": more than 0, and may not be absent. */
bool param_step(const struct http_request *q, struct http_response *r, int64_t *out_ms);

/* The value in quotes for a message, as far as that has room; in the request's arena. */
struct str param_shown(const struct http_request *q, struct str value);

/* "limit", a count; 0 when absent. */
bool param_limit(const struct http_request *q, struct http_response *r, size_t *out);

/* A limit of the metadata endpoints, where 0 means nothing and less than 0 means all (SIZE_MAX), as
 * no parameter does. */
bool param_at_most(const struct http_request *q, struct http_response *r, const char *name,
                   size_t *out);

/* "true", "1", "f" …, as Go's ParseBool has it; `usual` when empty. False: it is none of them. */
bool param_flag(struct str text, bool usual, bool *out);

/* Requests of one path with the same parameters take about as long, wherever in time they look, if
 * they look at about as much of it: start, end and time count by their distance only. */
uint64_t params_likeness(const struct http_request *q);

/* One set of matchers per match[]. */
struct selectors {
    struct selector {
        struct matcher *v; /* owned */
        size_t n;
    } * v; /* in the request's arena */
    size_t n;
};

/* Every match[]; selectors_done. False: one is not valid or would select anything, and `r` is the
 * answer that says so. */
bool param_selectors(const struct http_request *q, struct http_response *r, struct selectors *out);
/* The same, for who answers with `err` in another way: ERR_INVALID, ERR_NOMEM. `any`: selectors
 * that select anything are fine. */
int param_read_selectors(const struct http_request *q, bool any, struct selectors *out,
                         struct err *err);
void selectors_done(struct selectors *s);

#endif
