/* The HTTP client (libcurl) for scrapes, discovery and the command line. */
#ifndef TELLTALE_NET_CLIENT_H
#define TELLTALE_NET_CLIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct http_client; /* one handle with its connection; used by one thread at a time */

struct http_client_options {
    const char *user_agent; /* NULL: "telltale/VERSION" */
    const char *basic_user, *basic_password, *bearer_token;
    const char *ca_file, *cert_file, *key_file, *server_name;
    bool tls_insecure_skip_verify;
    bool no_redirects;
    const char *proxy_url; /* NULL: none, the environment is ignored */
};

/* `options` are copied. ERR_NOMEM. A client keeps its connections open from call to call; one call
 * at a time. */
int http_client_new(const struct http_client_options *options, struct http_client **out,
                    struct err *err);
void http_client_free(struct http_client *c);

struct http_call {
    const char *method; /* "GET" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    struct str body;
    int64_t timeout_ms;       /* 0: none */
    size_t max_body_bytes;    /* of the answer, decompressed; ERR_TOO_BIG above */
    const char *max_body_key; /* NULL or the option that says so, for the message */
    unsigned max_ratio; /* of it to its size as sent, looked at above 1 MiB; 0: any; ERR_TOO_BIG */
    /* NULL, or gets the body bit by bit as it comes, in place of the answer's buffer; false: that
     * is enough (ERR_CANCELLED). Bodies of other statuses than 200 come as ever. */
    bool (*take)(void *self, struct str bytes);
    void *take_self;
    const char *want_header; /* NULL, or a header or trailer of the answer to give back */
    const atomic_bool *stop; /* NULL or: give up (ERR_CANCELLED) soon after it becomes true */
};

struct http_answer {
    int status;
    struct buf body; /* decompressed; caller calls buf_done */
    char content_type[256];
    char header[256]; /* the wanted one's value; empty when there was none */
};

/* 0 for any HTTP answer, whatever its status; ERR_TIMEOUT, ERR_TOO_BIG, ERR_CANCELLED, ERR_IO
 * (could not connect, TLS, …) with the reason. */
int http_client_call(struct http_client *c, const struct http_call *call, struct http_answer *out,
                     struct err *err);

#endif
