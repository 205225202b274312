/* An HTTP GET as a job's or a discovery's http client settings want it. */
#ifndef TELLTALE_RECEIVE_SCRAPE_HTTP_H
#define TELLTALE_RECEIVE_SCRAPE_HTTP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/scrape_config.h"

struct http_answer;
struct scrape_http; /* one connection, kept; used by one thread at a time */

/* Borrows `config`, which outlives it. */
int scrape_http_new(const struct http_client_config *config, const char *user_agent,
                    struct scrape_http **out, struct err *err);
void scrape_http_free(struct scrape_http *h);

struct scrape_get {
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated */
    int64_t timeout_ms;
    size_t max_body_bytes;
    const char *max_body_key; /* NULL or the option it comes from */
    unsigned max_ratio;       /* of limits.max_decompression_ratio; 0: any */
    const atomic_bool *stop;
};

/* 0 for status 200 only, the caller calls buf_done on the body; else ERR_INVALID ("server returned
 * HTTP status 404 Not Found"), ERR_IO (a password file cannot be read), or what http_client_call
 * returns. Files of secrets are read again at each call. */
int scrape_http_get(struct scrape_http *h, const struct scrape_get *get, struct http_answer *out,
                    struct err *err);

#endif
