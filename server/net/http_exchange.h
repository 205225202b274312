/* One request and its response, from the first header byte to the last byte sent. Private. */
#ifndef TELLTALE_NET_HTTP_EXCHANGE_H
#define TELLTALE_NET_HTTP_EXCHANGE_H

#include <stdatomic.h>

#include <microhttpd.h>

#include "net/http.h"

enum { EXCHANGE_ARENA_BYTES = 64 << 20 };

enum exchange_stage {
    STAGE_READING, /* the event thread collects the body */
    STAGE_WORKING, /* a worker has it; the connection is suspended */
    STAGE_DONE     /* the response may be sent */
};

struct http_exchange {
    struct http_server *server;        /* borrowed */
    struct MHD_Connection *connection; /* borrowed */
    const struct http_route *route;    /* borrowed */
    const atomic_bool *stopping;       /* the server's: waits no longer for handlers */
    const char *url;                   /* borrowed from libmicrohttpd: the path as sent */
    struct http_request request;
    struct http_response response;
    struct arena arena;
    struct buf body;
    size_t budgeted; /* bytes taken from the server's budget */
    size_t n_url_params;
    _Atomic enum exchange_stage stage;
    bool away;           /* given to a worker and not yet got back */
    bool check_password; /* a worker asks auth_check first */
    bool answered;       /* libmicrohttpd has the response */
    bool head;           /* a HEAD request */
};

/* Fills path, raw_path, rest and the URL's parameters. ERR_TOO_BIG, ERR_NOMEM, ERR_INVALID. */
int exchange_read_url(struct http_exchange *x, const struct http_limits *limits);

/* Adds the parameters of a form body, if it is one. */
int exchange_read_form(struct http_exchange *x, const struct http_limits *limits);

/* Replaces the response by a refusal, in the route's shape of errors. */
void exchange_refuse(struct http_exchange *x, int status, const char *message);

/* Percent-decoding; '+' is a space in queries. False for a bad escape. In the arena. */
bool percent_decode(struct arena *arena, struct str text, bool plus_is_space, struct str *out);

#endif
